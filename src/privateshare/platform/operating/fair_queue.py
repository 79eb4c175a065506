"""A few places, and who waits for one: first come, first served within one caller, and the callers take turns.

    caller A   a1 a2 a3 ... a2000      places
    caller B   b1                 ->   a1 b1 a2 c1      next: a3, c2, a4 ...
    caller C   c1 c2

No caller has more than half of the places, so there is one for whoever comes next, however slow the others are. A
caller is refused once its own queue takes longer than it would wait, by the rate at which that queue has been served.
"""

import asyncio
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from time import monotonic

from privateshare.errors import TooManyRequests

PATIENCE_SECONDS = 60.0  # that clients wait for an answer
MAX_WAITING = 20_000  # in one queue, of all callers: each takes some 35 KB of memory
MEASURED = 512  # the newest requests, by which the rate of a caller's queue is measured
SAMPLE_SECONDS, SAMPLES = 3.0, 10  # the best of so many samples of a rate counts
STORM = 2  # when so many arrive for each that is served, the rate tells nothing: to take them in is work too
LONGEST_RETRY_SECONDS = 300.0

Turn = asyncio.Future[None]
"""Done once its request has a place."""


class FairQueue:
    """Places for requests of many callers. All methods are for the event loop's thread."""

    def __init__(
        self,
        places: int,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        max_waiting: int = MAX_WAITING,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._free, self._share = places, max(1, places // 2)
        self._patience, self._max_waiting, self._clock = patience_seconds, max_waiting, clock
        self._held: Counter[Hashable] = Counter()
        self._lines: OrderedDict[Hashable, _Line] = OrderedDict()  # whose turn is next comes first
        self.waiting = 0
        self.refused = 0

    def join(self, caller: Hashable, *, again: bool = False) -> Turn:
        """Take a place for a request, or wait for one.

        Args:
            caller: Whose queue the request is in.
            again: The request had a place before and gave it up for a while: it goes first, and is never refused.

        Returns:
            What is done once the request has a place; `leave` gives the place back, `withdraw` ends the waiting.

        Raises:
            TooManyRequests: The caller's queue is longer than what can be served within its patience.
        """
        turn: Turn = asyncio.get_running_loop().create_future()
        line = self._lines.get(caller)
        if line is None and self._free and self._held[caller] < self._share:
            self._give_place(caller, turn)
            return turn
        if line is None:
            line = self._lines[caller] = _Line(self._clock())
        if not again:
            self._check_room(line)
        line.waiting[turn] = None
        line.waiting.move_to_end(turn, last=not again)
        self.waiting += 1
        return turn

    def withdraw(self, caller: Hashable, turn: Turn) -> None:
        """End the waiting of a request, or give its place back if it has got one meanwhile."""
        line = self._lines.get(caller)
        if line is not None and turn in line.waiting:
            del line.waiting[turn]
            self._shrink(caller, line)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.leave(caller)

    def leave(self, caller: Hashable) -> None:
        """Give a place back; whoever is next gets it."""
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._free += 1
        while self._free and (following := self._next_caller()) is not None:
            line = self._lines[following]
            turn, _ = line.waiting.popitem(last=False)
            self._lines.move_to_end(following)
            self._shrink(following, line)
            if not turn.done():  # else its task was cancelled
                line.note_served(self._clock())
                self._give_place(following, turn)

    def _next_caller(self) -> Hashable | None:
        return next((caller for caller in self._lines if self._held[caller] < self._share), None)

    def _give_place(self, caller: Hashable, turn: Turn) -> None:
        self._free -= 1
        self._held[caller] += 1
        turn.set_result(None)

    def _shrink(self, caller: Hashable, line: "_Line") -> None:
        self.waiting -= 1
        if not line.waiting:
            del self._lines[caller]

    def _check_room(self, line: "_Line") -> None:
        """Raise TooManyRequests if the line is too long; if only all lines together are, the longest gives way."""
        if line.seconds(self._clock()) > self._patience:
            raise self._refusal(line)
        line.note_arrival()
        if self.waiting < self._max_waiting:
            return
        longest_of, longest = max(self._lines.items(), key=lambda item: len(item[1].waiting))
        if len(longest.waiting) <= len(line.waiting) + 1:
            raise self._refusal(line)
        turn, _ = longest.waiting.popitem()
        self._shrink(longest_of, longest)
        if not turn.done():
            turn.set_exception(self._refusal(longest))

    def _refusal(self, line: "_Line") -> TooManyRequests:
        """Tell a request when there will be room, if all that were refused before come back when they were told."""
        self.refused += 1
        wait = line.expect_one_more(self._clock(), self._patience / 2)
        return TooManyRequests(
            "More calls wait than can be answered in time",
            retry_after=math.ceil(min(wait, LONGEST_RETRY_SECONDS)),
        )


class _Line:
    """The requests of one caller that wait, and how fast they were served lately."""

    def __init__(self, began: float) -> None:
        self.waiting: OrderedDict[Turn, None] = OrderedDict()
        self._served = deque([began], maxlen=MEASURED)  # when; at first, since when they wait
        self._began = self._sampled = began
        self._arrivals_in_sample = self._served_in_sample = 0
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES)  # when each ended, and its rate
        self._told: list[float] = []  # when those that were refused were told to come back, a heap

    def note_arrival(self) -> None:
        """Measure: one more waits."""
        self._arrivals_in_sample += 1

    def note_served(self, now: float) -> None:
        """Measure: one of them got a place."""
        self._served.append(now)
        self._served_in_sample += 1
        if now - self._sampled < SAMPLE_SECONDS:
            return
        if self._arrivals_in_sample <= STORM * self._served_in_sample:
            self._samples.append((now, self._served_in_sample / (now - self._sampled)))
        self._sampled, self._arrivals_in_sample, self._served_in_sample = now, 0, 0

    def seconds(self, now: float) -> float:
        """Estimate how long a request that joins now will wait; 0 while there is nothing to tell by."""
        rate = self._rate(now)
        return len(self.waiting) / rate if rate else 0.0

    def expect_one_more(self, now: float, ahead: float) -> float:
        """Estimate when a request that is refused should come back: so many seconds before it would be served.

        It is served after those that wait, and after those that were refused before it and have not come back yet.
        """
        while self._told and self._told[0] <= now:
            heappop(self._told)
        wait = max(1.0, (len(self.waiting) + len(self._told) + 1) / (self._rate(now) or 1.0) - ahead)
        heappush(self._told, now + wait)
        return wait

    def _rate(self, now: float) -> float | None:
        """Return how many were served in a second, by the best of the newest samples; without any, over all."""
        oldest = now - SAMPLE_SECONDS * SAMPLES
        rates = [rate for ended, rate in self._samples if ended >= oldest]
        if rates or now - self._began < PATIENCE_SECONDS:
            return max(rates, default=None)
        return max(len(self._served) - 1, 1) / (now - self._served[0])
