"""Operations of the asyncio client. `on_threads` has the same names."""

import asyncio
import inspect
import math
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from typing import Any, TypeVar, cast

from privateshare.sdk.store_bridges import StoreOnLoop, StoreOnThreads
from privateshare.sdk.token_stores import AsyncTokenStore, TokenStore, is_async
from privateshare.sdk.uploads import Pieces

T = TypeVar("T")

INTERRUPTED = asyncio.CancelledError
SECONDS_BETWEEN_CHECKS = math.inf
"""A task that is not wanted any more is cancelled, so a read needs no checks."""


def running_loop() -> object:
    """Return the event loop that runs now."""
    return asyncio.get_running_loop()


async def run_work(work: Callable[[], T]) -> T:
    """Do some work on a worker thread. OpenSSL releases the interpreter's lock, so several cores work at once.

    A caller that is cancelled meanwhile still waits for the work, so that nothing is removed while a thread uses it.
    """
    future = asyncio.get_running_loop().run_in_executor(_workers(), work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


async def outcome(future: Future[T]) -> T:
    """Wait for a future and return its result."""
    return await asyncio.shield(asyncio.wrap_future(future))


async def outcome_within(future: Future[T], seconds: float) -> T:
    """Wait for a future for some seconds and return its result. Raise TimeoutError."""
    return await asyncio.wait_for(asyncio.wrap_future(future), seconds)


async def pause(seconds: float, abandoned: threading.Event) -> None:
    """Wait for some seconds."""
    del abandoned  # A task that is not wanted any more is cancelled.
    await asyncio.sleep(seconds)


async def notify(callback: Callable[[T], object], value: T) -> None:
    """Call an app's callback on a worker thread. If it is a coroutine function, run it on this loop."""
    await finished(await asyncio.to_thread(callback, value))


async def finished(returned: Awaitable[T] | T) -> T:
    """Return what a callback returned, or the result of its coroutine."""
    return await returned if inspect.isawaitable(returned) else returned


async def body_pieces(pieces: Pieces) -> AsyncIterator[bytes]:
    """Yield the pieces of a request's body. Files are read on a worker thread."""
    if isinstance(pieces, AsyncIterator):
        async for piece in pieces:
            yield piece
        return
    while (piece := await asyncio.to_thread(partial(next, pieces, None))) is not None:
        yield piece


def own_store(store: TokenStore | AsyncTokenStore | None) -> AsyncTokenStore | None:
    """Return a token store as this client uses it. A blocking store runs on worker threads."""
    if store is None or is_async(store):
        return store
    return StoreOnThreads(cast(TokenStore, store))


def store_for_threads(store: TokenStore | AsyncTokenStore | None) -> TokenStore | None:
    """Return a token store that the threads of a reading can use. A store for asyncio runs on the current loop."""
    if store is not None and is_async(store):
        return StoreOnLoop(store, asyncio.get_running_loop())
    return cast("TokenStore | None", store)


def callback_for_threads(callback: Callable[[T], object] | None) -> Callable[[T], object] | None:
    """Return an app's callback as the threads of a reading call it. A coroutine function runs on the current loop."""
    return None if callback is None else partial(_call_on_loop, asyncio.get_running_loop(), callback)


class UninterruptedWork:
    """Work that is finished once it has begun, even if everyone who waits for it is cancelled."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do some work and return its outcome."""
        task = asyncio.create_task(work())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def wait(self) -> None:
        """Wait until all work is finished."""
        if self._running:
            await asyncio.wait(self._running)


class Signal:
    """Tells waiting tasks that something changed. Any thread may set it. `count` is how often it was set."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self.count: int = 0

    def set(self) -> None:
        """Wake everyone who waits."""
        with suppress(RuntimeError):  # The loop is closed, so nobody waits.
            self._loop.call_soon_threadsafe(self._wake)

    async def wait_beyond(self, count: int, seconds: float | None = None) -> None:
        """Wait until the signal was set more than `count` times, or some seconds have passed."""
        if self.count <= count:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._event.wait(), seconds)

    def _wake(self) -> None:
        self.count += 1
        event, self._event = self._event, asyncio.Event()
        event.set()


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="privateshare")


def _call_on_loop(loop: asyncio.AbstractEventLoop, callback: Callable[[T], object], value: T) -> None:
    returned = callback(value)
    if inspect.isawaitable(returned):
        asyncio.run_coroutine_threadsafe(_awaited(returned), loop).result()


async def _awaited(returned: Awaitable[object]) -> None:
    await returned
