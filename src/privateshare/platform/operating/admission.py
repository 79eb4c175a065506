"""Admission of requests: each needs one of a limited number of places, and waits for it in its caller's queue.

There are fewer places than database connections, so that a request with a place does not wait for a connection as
well. Apps, callers that are not known to be an app ("strangers"), and people on the consent pages have separate places,
so that none of these groups can keep out the others.

A request gives up its place while it waits: for more of its body, for a slow reader, for a change (long polling), or
for a source. Streamed responses have their own places, which limit the memory that they use.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field

from privateshare.platform.operating.fair_queue import FairQueue

MAX_STREAMS = 64  # Each streamed response uses about 2 MB.
MAX_CONCURRENT_POLLS = 2


def _polls() -> FairQueue:
    """Make the places for small queries whether something changed, for which a page waits."""
    return FairQueue(MAX_CONCURRENT_POLLS, client_timeout_seconds=math.inf, overload_wait_seconds=math.inf)


@dataclass(frozen=True, slots=True)
class Admission:
    """The places of one process."""

    apps: FairQueue
    strangers: FairQueue
    people: FairQueue
    streams: FairQueue = field(default_factory=lambda: FairQueue(MAX_STREAMS, overload_wait_seconds=math.inf))
    polls: FairQueue = field(default_factory=_polls)

    def queues(self) -> Mapping[str, FairQueue]:
        """Return the queues by their names in the metrics."""
        return {"apps": self.apps, "strangers": self.strangers, "people": self.people, "streams": self.streams}


def create_admission(connections: int) -> Admission:
    """Create the places for a number of database connections. A quarter of them is left for other work."""
    apps, strangers, people = (FairQueue(max(1, connections * share // 20)) for share in (8, 3, 4))
    return Admission(apps, strangers, people)


class HungUp(Exception):
    """The client closed the connection or stopped reading, so the response is not needed any more."""


class AdmittedRequest:
    """A request from its arrival to the end of its response, and the places that it holds.

    `watch` returns a future that is done once the client has closed the connection.
    """

    def __init__(
        self, admission: Admission, queue: FairQueue, caller: Hashable, watch: Callable[[], asyncio.Future[None]]
    ) -> None:
        self._admission, self._queue, self._caller, self._watch = admission, queue, caller, watch
        self._has_place = self._ended = False
        self.is_streaming = False

    async def begin(self) -> None:
        """Wait for a place. Raises TooManyRequests, or HungUp if the client closes the connection."""
        await self._wait(self._queue)
        self._has_place = True

    def pause(self) -> None:
        """Give up the place for a while."""
        if self._has_place:
            self._has_place = False
            self._queue.leave(self._caller)

    async def resume(self) -> None:
        """Wait for a place again, before all other requests of this caller, even if the client closes the connection.

        The request must be able to record what it started meanwhile.
        """
        if self._ended or self._has_place:
            return
        turn = self._queue.join(self._caller, again=True)
        try:
            await turn
        except asyncio.CancelledError:
            self._queue.withdraw(self._caller, turn)
            raise
        self._has_place = True
        if self._ended:  # The response was sent meanwhile.
            self.pause()

    def response_started(self) -> None:
        """Give up the place for good, since the response has started."""
        self.pause()
        self._ended = True

    async def stream(self) -> None:
        """Exchange the place for one of those for streamed responses. Raises TooManyRequests, HungUp."""
        self.pause()
        if not self.is_streaming:
            await self._wait(self._admission.streams)
            self.is_streaming = True

    def end(self) -> None:
        """Give up all places."""
        self.response_started()
        if self.is_streaming:
            self.is_streaming = False
            self._admission.streams.leave(self._caller)

    async def wait_for(self, event: asyncio.Future[None], seconds: float) -> None:
        """Wait for an event, at most for a time. Raises HungUp if the client closes the connection meanwhile."""
        await asyncio.wait({event, self._watch()}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._watch().done():
            raise HungUp

    async def sleep(self, seconds: float) -> None:
        """Wait for a time. Raises HungUp if the client closes the connection meanwhile."""
        await self.wait_for(asyncio.get_running_loop().create_future(), seconds)

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[None]:
        """Wait for the turn to query for changes, and hold it. Raises HungUp."""
        queue = self._admission.polls
        await self._wait(queue)
        try:
            yield
        finally:
            queue.leave(self._caller)

    async def _wait(self, queue: FairQueue) -> None:
        turn = queue.join(self._caller)
        if turn.done():
            return
        hung_up = self._watch()
        try:
            await asyncio.wait({turn, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            if not turn.done():
                raise HungUp
            turn.result()
        except BaseException:  # This must also run when the task is cancelled.
            queue.withdraw(self._caller, turn)
            raise


_current: ContextVar[AdmittedRequest] = ContextVar("admitted_request")


def set_current_request(admitted: AdmittedRequest) -> Token[AdmittedRequest]:
    """Make a request the current one, until `reset_current_request` is called with what this returns."""
    return _current.set(admitted)


def reset_current_request(before: Token[AdmittedRequest]) -> None:
    """Make the request the current one that was before another one was set."""
    _current.reset(before)


def current_request() -> AdmittedRequest:
    """Return the request that the current task handles."""
    return _current.get()


@asynccontextmanager
async def place_given_up() -> AsyncIterator[None]:
    """Give up the request's place inside the `async with` block. No transaction may be open."""
    admitted = current_request()
    admitted.pause()
    try:
        yield
    finally:
        await admitted.resume()
