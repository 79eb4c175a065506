"""Which requests this process works on at once: each needs one of a few places, and waits for it in its caller's queue.

There are fewer places than connections to the database, so that a request that has a place need not wait for a
connection too. Apps, callers who are not known to be an app, and people at the consent pages have places of their own,
so that none of them can keep the others out.

A request gives its place up while it waits for somebody: for more of its body, for a reader, for a change that it was
asked to wait for, for a source. Answers that are streamed have places too, which bound the memory that they take.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from privateshare.platform.operating.fair_queue import FairQueue

STREAMS = 64  # answers that are streamed at once: each takes some 2 MB
LOOKS = 2  # how many of the answers that are held look at once whether something changed
LOOKS_PER_SECOND = 100  # of all of them together
LOOK_SECONDS = 0.25  # how often one of them looks, at most


class Looks:
    """How answers that are held look whether something changed: few at once, and more seldom the more there are."""

    def __init__(self) -> None:
        self.queue = FairQueue(LOOKS, patience_seconds=math.inf)
        self._held = 0

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Count an answer that is held."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    @property
    def pause_seconds(self) -> float:
        """How long one of them waits before it looks again."""
        return max(LOOK_SECONDS, self._held / LOOKS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Admission:
    """The places of one process."""

    apps: FairQueue
    strangers: FairQueue
    people: FairQueue
    streams: FairQueue = field(default_factory=lambda: FairQueue(STREAMS))
    looks: Looks = field(default_factory=Looks)

    def queues(self) -> Mapping[str, FairQueue]:
        """Return those that callers wait in, by the names that metrics have."""
        return {"apps": self.apps, "strangers": self.strangers, "people": self.people, "streams": self.streams}


def make_admission(connections: int) -> Admission:
    """Make places for a process with so many connections to its database; a quarter is left for its other work."""
    apps, strangers, people = (FairQueue(max(1, connections * share // 20)) for share in (8, 3, 4))
    return Admission(apps, strangers, people)


class HungUp(Exception):
    """The client ended its connection, or stopped reading: nobody wants the answer."""


class AdmittedRequest:
    """A request from its arrival to the end of its answer, and the places that it holds.

    `watch` gives a future that is done once the client has ended its connection.
    """

    def __init__(
        self, admission: Admission, queue: FairQueue, caller: Hashable, watch: Callable[[], asyncio.Future[None]]
    ) -> None:
        self._admission, self._queue, self._caller, self._watch = admission, queue, caller, watch
        self._has_place = self._ended = False
        self.is_streaming = False

    async def begin(self) -> None:
        """Wait for a place. Raises TooManyRequests, or HungUp if the client does not wait that long."""
        await self._wait(self._queue)
        self._has_place = True

    def pause(self) -> None:
        """Give the place up for now."""
        if self._has_place:
            self._has_place = False
            self._queue.leave(self._caller)

    async def resume(self) -> None:
        """Wait for the place that was given up, before all others of this caller, even if the client hangs up.

        What was begun elsewhere meanwhile has to be recorded.
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
        if self._ended:  # its answer was sent meanwhile
            self.pause()

    def answer(self) -> None:
        """Give the place up for good: the answer is on its way."""
        self.pause()
        self._ended = True

    async def stream(self) -> None:
        """Change the place for one of those for streamed answers. Raises TooManyRequests, HungUp."""
        self.pause()
        if not self.is_streaming:
            await self._wait(self._admission.streams)
            self.is_streaming = True

    def end(self) -> None:
        """Give up whatever it holds."""
        self.answer()
        if self.is_streaming:
            self.is_streaming = False
            self._admission.streams.leave(self._caller)

    async def rest(self, seconds: float) -> None:
        """Wait so long. Raises HungUp if the client does not."""
        await asyncio.wait({self._watch()}, timeout=seconds)
        if self._watch().done():
            raise HungUp

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Take part in the looks of answers that are held, for one look. Raises HungUp."""
        queue = self._admission.looks.queue
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
        except BaseException:  # whatever it was, a cancellation too
            queue.withdraw(self._caller, turn)
            raise


_current: ContextVar[AdmittedRequest] = ContextVar("visit")


@contextmanager
def set_current_request(admitted: AdmittedRequest) -> Iterator[None]:
    """Make a visit the current one: that of the request which the code inside runs for."""
    token = _current.set(admitted)
    try:
        yield
    finally:
        _current.reset(token)


def current_request() -> AdmittedRequest:
    """Return the visit of the request that this runs for."""
    return _current.get()


@asynccontextmanager
async def place_given_up() -> AsyncIterator[None]:
    """Give up the request's place while it waits for somebody else. It must hold no transaction open."""
    admitted = current_request()
    admitted.pause()
    try:
        yield
    finally:
        await admitted.resume()
