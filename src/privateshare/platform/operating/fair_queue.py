"""A fair queue for a limited number of places: first come, first served per caller, and callers take turns.

    caller A   a1 a2 a3 ... a2000      places
    caller B   b1                 ->   a1 b1 a2 c1      next: a3, c2, a4 ...
    caller C   c1 c2

No caller gets more than half of the places, so one is left for the next caller, however slow the others are. A request
is refused if its caller's queue would take longer than clients wait, at the rate at which the queue has been served.
"""

import asyncio
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from time import monotonic

from privateshare.errors import TooManyRequests

PATIENCE_SECONDS = 60.0  # Clients are assumed to wait this long for a response.
MAX_WAITING = 20_000  # A waiting request uses about 35 KB of memory. The limit is for all callers together.
MEASURED_REQUESTS = 512
SAMPLE_SECONDS, MAX_SAMPLES = 3.0, 10  # The rate of a queue is the best of its newest samples.
# With more arrivals per served request than this, accepting them slows down serving, and the rate means nothing.
MAX_ARRIVALS_PER_SERVED = 2
MAX_RETRY_SECONDS = 300.0

Turn = asyncio.Future[None]
"""A future that is done once its request has a place."""


class FairQueue:
    """Places for the requests of many callers. Its methods must be called in the event loop's thread."""

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
        self._queues: OrderedDict[Hashable, _CallerQueue] = OrderedDict()  # The caller whose turn is next comes first.
        self.waiting = 0
        self.refused = 0

    def join(self, caller: Hashable, *, again: bool = False) -> Turn:
        """Request a place, or wait for one.

        Args:
            caller: The caller in whose queue the request waits.
            again: Whether the request had a place before and gave it up. Then it goes first and is never refused.

        Returns:
            A future that is done once the request has a place. `leave` gives the place back, `withdraw` stops waiting.

        Raises:
            TooManyRequests: The caller's queue is longer than what can be served within the time that clients wait.
        """
        turn: Turn = asyncio.get_running_loop().create_future()
        queue = self._queues.get(caller)
        if queue is None and self._free and self._held[caller] < self._share:
            self._give_place(caller, turn)
            return turn
        if queue is None:
            queue = self._queues[caller] = _CallerQueue(self._clock())
        if not again:
            self._check_room(queue)
        queue.waiting[turn] = None
        queue.waiting.move_to_end(turn, last=not again)
        self.waiting += 1
        return turn

    def withdraw(self, caller: Hashable, turn: Turn) -> None:
        """Stop waiting, or give back the place if the request has got one meanwhile."""
        queue = self._queues.get(caller)
        if queue is not None and turn in queue.waiting:
            del queue.waiting[turn]
            self._shrink(caller, queue)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.leave(caller)

    def leave(self, caller: Hashable) -> None:
        """Give back a place. The next waiting request gets it."""
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._free += 1
        while self._free and (following := self._next_caller()) is not None:
            queue = self._queues[following]
            turn, _ = queue.waiting.popitem(last=False)
            self._queues.move_to_end(following)
            self._shrink(following, queue)
            if not turn.done():  # It is done already if the task that waits was cancelled.
                queue.note_served(self._clock())
                self._give_place(following, turn)

    def _next_caller(self) -> Hashable | None:
        return next((caller for caller in self._queues if self._held[caller] < self._share), None)

    def _give_place(self, caller: Hashable, turn: Turn) -> None:
        self._free -= 1
        self._held[caller] += 1
        turn.set_result(None)

    def _shrink(self, caller: Hashable, queue: "_CallerQueue") -> None:
        self.waiting -= 1
        if not queue.waiting:
            del self._queues[caller]

    def _check_room(self, queue: "_CallerQueue") -> None:
        """Raise TooManyRequests if a caller's queue is too long.

        If only all queues together are too long, the last request of the longest queue is refused instead.
        """
        if queue.seconds(self._clock()) > self._patience:
            raise self._refusal(queue)
        queue.note_arrival()
        if self.waiting < self._max_waiting:
            return
        longest_of, longest = max(self._queues.items(), key=lambda item: len(item[1].waiting))
        if len(longest.waiting) <= len(queue.waiting) + 1:
            raise self._refusal(queue)
        turn, _ = longest.waiting.popitem()
        self._shrink(longest_of, longest)
        if not turn.done():
            turn.set_exception(self._refusal(longest))

    def _refusal(self, queue: "_CallerQueue") -> TooManyRequests:
        """Build the error. Its retry time assumes that all requests that were refused before retry on time."""
        self.refused += 1
        wait = queue.expect_retry(self._clock(), self._patience / 2)
        return TooManyRequests(
            "More requests wait than can be answered in time",
            retry_after=math.ceil(min(wait, MAX_RETRY_SECONDS)),
        )


class _CallerQueue:
    """The waiting requests of one caller, and the rate at which they were served recently."""

    def __init__(self, began: float) -> None:
        self.waiting: OrderedDict[Turn, None] = OrderedDict()
        self._served = deque([began], maxlen=MEASURED_REQUESTS)  # These are times; the first is when waiting began.
        self._began = self._sampled = began
        self._arrivals_in_sample = self._served_in_sample = 0
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)  # Each is the time and the rate.
        self._retry_times: list[float] = []  # This is a heap of the times at which refused requests will retry.

    def note_arrival(self) -> None:
        """Count a request that starts to wait."""
        self._arrivals_in_sample += 1

    def note_served(self, now: float) -> None:
        """Count a request that got a place, and record a sample of the rate when it is time."""
        self._served.append(now)
        self._served_in_sample += 1
        if now - self._sampled < SAMPLE_SECONDS:
            return
        if self._arrivals_in_sample <= MAX_ARRIVALS_PER_SERVED * self._served_in_sample:
            self._samples.append((now, self._served_in_sample / (now - self._sampled)))
        self._sampled, self._arrivals_in_sample, self._served_in_sample = now, 0, 0

    def seconds(self, now: float) -> float:
        """Estimate the seconds that a request that joins now will wait. Return 0 if there are no measurements yet."""
        rate = self._rate(now)
        return len(self.waiting) / rate if rate else 0.0

    def expect_retry(self, now: float, ahead: float) -> float:
        """Estimate after how many seconds a refused request should retry: `ahead` seconds before it would be served.

        It will be served after those that wait, and after those that were refused before it and have not retried yet.
        """
        while self._retry_times and self._retry_times[0] <= now:
            heappop(self._retry_times)
        wait = max(1.0, (len(self.waiting) + len(self._retry_times) + 1) / (self._rate(now) or 1.0) - ahead)
        heappush(self._retry_times, now + wait)
        return wait

    def _rate(self, now: float) -> float | None:
        """Return the requests served per second, by the best recent sample, or by all requests if there is none."""
        oldest = now - SAMPLE_SECONDS * MAX_SAMPLES
        rates = [rate for ended, rate in self._samples if ended >= oldest]
        if rates or now - self._began < PATIENCE_SECONDS:
            return max(rates, default=None)
        return max(len(self._served) - 1, 1) / (now - self._served[0])
