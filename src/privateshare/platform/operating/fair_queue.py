"""A fair queue for a limited number of places: first come, first served per caller, and callers take turns.

    caller A   a1 a2 a3 ... a2000      places
    caller B   b1                 ->   a1 b1 a2 c1      next: a3, c2, a4 ...
    caller C   c1 c2

No caller gets more than half of the places, so one is left for the next caller, however slow the others are. A request
is refused if its caller's queue would take longer than clients wait, at the rate at which the queue has been served.

While more requests arrive than can be served (`Load`), no request waits for longer than a second: those that would are
refused at once, the longest queues first, and one whose turn comes later nevertheless is refused then.
"""

import asyncio
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from operator import itemgetter
from time import monotonic

from privateshare.errors import TooManyRequests
from privateshare.platform.operating.load import Load

CLIENT_TIMEOUT_SECONDS = 60.0  # Clients are assumed to wait this long for a response.
MAX_WAIT_IN_OVERLOAD_SECONDS = 1.0
MAX_WAITING = 20_000  # A waiting request uses about 35 KB of memory. The limit is for all callers together.
MEASURED_REQUESTS = 512
SAMPLE_SECONDS, MAX_SAMPLES = 3.0, 10  # The rate of a queue is the best of its newest samples.
# With more arrivals per served request than this, accepting them slows down serving, and the rate means nothing.
MAX_ARRIVALS_PER_SERVED = 2
MAX_RETRY_SECONDS = 300.0

Turn = asyncio.Future[None]
"""A future that is done once its request has a place."""


class FairQueue:
    """Places for the requests of many callers. Its methods must be called in the event loop's thread.

    Args:
        places: How many requests have a place at the same time.
        client_timeout_seconds: A request that would wait longer is refused.
        overload_wait_seconds: The same while more requests arrive than can be served.
        max_waiting: How many requests of all callers may wait.
        clock: Returns the time in seconds.
    """

    def __init__(
        self,
        places: int,
        *,
        client_timeout_seconds: float = CLIENT_TIMEOUT_SECONDS,
        overload_wait_seconds: float = MAX_WAIT_IN_OVERLOAD_SECONDS,
        max_waiting: int = MAX_WAITING,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._free, self._share = places, max(1, places // 2)
        self._client_timeout, self._overload_wait = client_timeout_seconds, overload_wait_seconds
        self._max_waiting, self._clock = max_waiting, clock
        self._held: Counter[Hashable] = Counter()
        self._queues: OrderedDict[Hashable, _CallerQueue] = OrderedDict()  # The caller whose turn is next comes first.
        self._load, self._retries = Load(clock()), _RetryTimes()
        self.waiting = 0
        self.refused = 0

    @property
    def is_overloaded(self) -> bool:
        """Return whether more requests arrive than can be served."""
        return self._load.is_overloaded

    def join(self, caller: Hashable, *, again: bool = False) -> Turn:
        """Request a place, or wait for one.

        Args:
            caller: The caller in whose queue the request waits.
            again: Whether the request had a place before and gave it up. Then it goes first and is never refused.

        Returns:
            A future that is done once the request has a place. `leave` gives the place back, `withdraw` stops waiting.

        Raises:
            TooManyRequests: The caller's queue is longer than what can be served within the time that clients wait, or
                more requests arrive than can be served.
        """
        turn: Turn = asyncio.get_running_loop().create_future()
        queue, now = self._queues.get(caller), self._clock()
        if not again:
            self._load.note_arrival(now, self.waiting, self._longest_length)
        if queue is None and self._free and self._held[caller] < self._share:
            if not again:
                self._load.note_served()
            self._give_place(caller, turn)
            return turn
        if queue is None:
            queue = _CallerQueue(now)
        if again:
            queue.returning[turn] = None
        else:
            self._check_room(queue, now)
            queue.waiting[turn] = now
        self._queues[caller] = queue
        self.waiting += 1
        return turn

    def check_overload(self, caller: Hashable) -> None:
        """Refuse a request that `join` would refuse since the platform is overloaded, before any work is done for it.

        Args:
            caller: Whose request it seems to be.

        Raises:
            TooManyRequests: The request must not be processed.
        """
        if not self._load.is_overloaded or self.waiting < self._room():
            return
        queue, now = self._queues.get(caller), self._clock()
        if self._longest()[1] <= (len(queue.waiting) if queue is not None else 0) + 1:
            self._load.note_arrival(now, self.waiting, self._longest_length)
            raise self._overload_refusal(now)

    def withdraw(self, caller: Hashable, turn: Turn) -> None:
        """Stop waiting, or give back the place if the request has got one meanwhile."""
        queue = self._queues.get(caller)
        if queue is not None and queue.remove(turn):
            self._shrink(caller, queue)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.leave(caller)

    def leave(self, caller: Hashable) -> None:
        """Give back a place. The next waiting request gets it."""
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._free += 1
        now = self._clock()
        while self._free and (following := self._next_caller()) is not None:
            queue = self._queues[following]
            if self._load.is_overloaded:
                self._refuse_late(following, queue, now)
            if queue:
                self._serve(following, queue, now)

    def _next_caller(self) -> Hashable | None:
        return next((caller for caller in self._queues if self._held[caller] < self._share), None)

    def _refuse_late(self, caller: Hashable, queue: "_CallerQueue", now: float) -> None:
        """Refuse the requests of a queue that have waited for too long while the platform is overloaded."""
        while queue.waiting and now - next(iter(queue.waiting.values())) > self._overload_wait:
            turn, _ = queue.waiting.popitem(last=False)
            self._shrink(caller, queue)
            if not turn.done():
                turn.set_exception(self._overload_refusal(now))

    def _serve(self, caller: Hashable, queue: "_CallerQueue", now: float) -> None:
        """Give a place to the next request of a queue, and its next turn to the other callers."""
        is_new = not queue.returning
        turn, _ = (queue.returning or queue.waiting).popitem(last=False)
        self._queues.move_to_end(caller)
        self._shrink(caller, queue)
        if turn.done():  # The task that waits was cancelled.
            return
        if is_new:
            self._load.note_served()
            queue.note_served(now)
        self._give_place(caller, turn)

    def _give_place(self, caller: Hashable, turn: Turn) -> None:
        self._free -= 1
        self._held[caller] += 1
        turn.set_result(None)

    def _shrink(self, caller: Hashable, queue: "_CallerQueue") -> None:
        self.waiting -= 1
        if not queue:
            del self._queues[caller]

    def _check_room(self, queue: "_CallerQueue", now: float) -> None:
        """Raise TooManyRequests if a caller's queue is too long.

        If only all queues together are too long, the last request of the longest queue is refused instead.
        """
        if queue.seconds(now) > self._client_timeout:
            raise self._refusal(queue, now)
        queue.note_arrival()
        if self.waiting < self._room():
            return
        longest_of, length = self._longest()
        if length <= len(queue.waiting) + 1:
            raise self._refusal(queue, now)
        longest = self._queues[longest_of]
        turn, _ = longest.waiting.popitem()
        self._shrink(longest_of, longest)
        if not turn.done():
            turn.set_exception(self._refusal(longest, now))

    def _longest(self) -> tuple[Hashable, int]:
        """Return the caller with the most requests that may be refused, and how many these are."""
        lengths = ((caller, len(queue.waiting)) for caller, queue in self._queues.items())
        return max(lengths, key=itemgetter(1), default=(None, 0))

    def _longest_length(self) -> int:
        return self._longest()[1]

    def _room(self) -> float:
        """Return how many requests may wait: while the platform is overloaded, what it serves in a second."""
        if not self._load.is_overloaded:
            return self._max_waiting
        return min(self._max_waiting, max(1.0, self._load.served_per_second * self._overload_wait))

    def _refusal(self, queue: "_CallerQueue", now: float) -> TooManyRequests:
        if self._load.is_overloaded:
            return self._overload_refusal(now)
        wait = queue.retries.next_wait(now, len(queue.waiting), queue.rate(now) or 1.0, self._client_timeout / 2)
        return self._refuse("More requests wait than can be answered in time", wait)

    def _overload_refusal(self, now: float) -> TooManyRequests:
        wait = self._retries.next_wait(now, self.waiting, self._load.served_per_second, self._overload_wait / 2)
        return self._refuse("More requests arrive than can be answered. Try again later", wait)

    def _refuse(self, message: str, wait: float) -> TooManyRequests:
        self.refused += 1
        return TooManyRequests(message, retry_after=math.ceil(wait))


class _RetryTimes:
    """The times at which refused requests should retry: one after the other, as fast as they can be served."""

    def __init__(self) -> None:
        self._last = -math.inf

    def next_wait(self, now: float, waiting: int, rate: float, ahead: float) -> float:
        """Return after how many seconds a refused request should retry: `ahead` seconds before it would be served.

        It will be served after those that wait, and after those that were refused before it.
        """
        self._last = max(self._last, now + waiting / rate - ahead) + 1 / rate
        self._last = min(max(self._last, now + 1), now + MAX_RETRY_SECONDS)
        return min(self._last - now, MAX_RETRY_SECONDS)  # The difference may be larger by its rounding.


class _CallerQueue:
    """The waiting requests of one caller, and the rate at which they were served recently.

    Attributes:
        waiting: The requests that have had no place yet, with the time at which they joined.
        returning: Those that had one and gave it up for a while. They are served first.
        retries: The times at which refused requests should retry.
    """

    def __init__(self, began: float) -> None:
        self.waiting: OrderedDict[Turn, float] = OrderedDict()
        self.returning: OrderedDict[Turn, None] = OrderedDict()
        self.retries = _RetryTimes()
        self._served = deque([began], maxlen=MEASURED_REQUESTS)  # These are times; the first is when waiting began.
        self._began = self._sampled = began
        self._arrivals_in_sample = self._served_in_sample = 0
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)  # Each is the time and the rate.

    def __bool__(self) -> bool:
        return bool(self.waiting or self.returning)

    def remove(self, turn: Turn) -> bool:
        """Remove a request. Return whether it was there."""
        if turn in self.waiting:
            del self.waiting[turn]
        elif turn in self.returning:
            del self.returning[turn]
        else:
            return False
        return True

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
        rate = self.rate(now)
        return len(self.waiting) / rate if rate else 0.0

    def rate(self, now: float) -> float | None:
        """Return the requests served per second, by the best recent sample, or by all requests if there is none."""
        oldest = now - SAMPLE_SECONDS * MAX_SAMPLES
        rates = [rate for ended, rate in self._samples if ended >= oldest]
        if rates or now - self._began < CLIENT_TIMEOUT_SECONDS:
            return max(rates, default=None)
        return max(len(self._served) - 1, 1) / (now - self._served[0])
