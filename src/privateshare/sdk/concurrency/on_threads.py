"""Operations of the blocking client. `on_asyncio` has the same names."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, wait
from time import monotonic
from typing import TypeVar, cast

from privateshare.errors import ConfigurationError
from privateshare.sdk.concurrency import Abandoned
from privateshare.sdk.token_stores import AsyncTokenStore, TokenStore, is_async
from privateshare.sdk.uploads import Pieces

T = TypeVar("T")

INTERRUPTED = KeyboardInterrupt
SECONDS_BETWEEN_CHECKS = 0.5
"""How long a read may block before the thread checks whether its response is still wanted."""


def running_loop() -> object:
    """Return None: threads have no event loop."""
    return None


def run_work(work: Callable[[], T]) -> T:
    """Do some work on the calling thread."""
    return work()


def outcome(future: Future[T]) -> T:
    """Wait for a future and return its result."""
    return future.result()


def outcome_within(future: Future[T], seconds: float) -> T:
    """Wait for a future for some seconds and return its result. Raise TimeoutError."""
    until = monotonic() + seconds
    while not future.done() and monotonic() < until:
        # A longer wait would delay Ctrl-C on Windows.
        wait([future], min(1.0, max(0.0, until - monotonic())))
    return future.result(0)


def pause(seconds: float, abandoned: threading.Event) -> None:
    """Wait for some seconds. Raise Abandoned if nobody waits for the outcome any more."""
    if abandoned.wait(seconds):
        raise Abandoned


def notify(callback: Callable[[T], object], value: T) -> None:
    """Call an app's callback."""
    callback(value)


def body_pieces(pieces: Pieces) -> Iterator[bytes]:
    """Return the pieces of a request's body. Raise ConfigurationError if they need an event loop."""
    if isinstance(pieces, AsyncIterator):
        raise ConfigurationError("An async iterator can be sent with AsyncPrivateShare only")
    return pieces


def own_store(store: TokenStore | AsyncTokenStore | None) -> TokenStore | None:
    """Return a token store as this client uses it. Raise ConfigurationError for a store for asyncio."""
    if store is not None and is_async(store):
        raise ConfigurationError("The token_store is one for asyncio", hint="Use it with AsyncPrivateShare")
    return cast("TokenStore | None", store)


def store_for_threads(store: TokenStore | AsyncTokenStore | None) -> TokenStore | AsyncTokenStore | None:
    """Return a token store that the threads of a reading can use."""
    return store


def callback_for_threads(callback: Callable[[T], object] | None) -> Callable[[T], object] | None:
    """Return an app's callback as the threads of a reading call it."""
    return callback


class UninterruptedWork:
    """Work that is finished once it has begun. The calling thread does it, so there is nothing to wait for."""

    def run(self, work: Callable[[], T]) -> T:
        """Do some work and return its outcome."""
        return work()

    def wait(self) -> None:
        """Return at once: no work is under way when a client is closed by its thread."""


class Signal:
    """Tells waiting threads that something changed. `count` is how often it was set."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.count: int = 0

    def set(self) -> None:
        """Wake everyone who waits."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait_beyond(self, count: int, seconds: float | None = None) -> None:
        """Wait until the signal was set more than `count` times, or some seconds have passed."""
        with self._condition:
            self._condition.wait_for(lambda: self.count > count, seconds)
