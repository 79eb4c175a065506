"""Whether more requests arrive at a queue than it serves, and how many it serves in a second.

A client that asks for two thousand files at once is no overload: it has a long queue, which shrinks as soon as all of
its requests have arrived. Nor is one that always has two hundred requests open: as many arrive as are served. A
platform is overloaded if more requests arrive than are served for seconds. So each half-second in which they did counts
one, each other takes one away, and at five the overload begins. It ends at zero.
"""

from collections import deque
from collections.abc import Callable

SAMPLE_SECONDS = 0.5
OVERLOADED_AT = 5  # At four times the capacity, nobody served until then has waited for much longer than two seconds.
MIN_ARRIVALS_PER_SERVED = 1.1  # Clients that wait for answers send as many as are served, and now and then a few more.
# If more requests than these arrive for each that is served, and half of those that wait are of one caller, it sends
# very many in one moment, as fast as they can be accepted. That is an overload only if it goes on for ten seconds.
BURST_ARRIVALS_PER_SERVED = 16
BURST_WEIGHT = 1 / 4
# A busy machine accepts what arrived in some seconds at once. A sample ends with an arrival, so it has both: such a
# group, and what was served until the next. It counts for at most two if half of those that wait are of one caller: it
# may be the end of a burst. By others it counts for more, but for no whole overload: it may follow a short stall.
MAX_WEIGHT, MAX_WEIGHT_OF_MANY = 2.0, 4.0


class Load:
    """The requests that arrive at a queue and those that it serves."""

    def __init__(self, began: float) -> None:
        self.is_overloaded = False
        self._behind = 0.0  # The half-seconds in which more requests arrived than were served.
        self._began, self._arrived, self._served = began, 0, 0
        self._samples: deque[tuple[float, int]] = deque(maxlen=OVERLOADED_AT)  # Each is its seconds and those served.

    def note_arrival(self, now: float, waiting: int, longest: Callable[[], int]) -> None:
        """Count a request that arrives, accepted or not.

        Args:
            now: The time.
            waiting: How many others wait.
            longest: Returns how many of these the caller has who has the most.
        """
        seconds = now - self._began
        if seconds >= SAMPLE_SECONDS and (self._served or not waiting):  # Otherwise nothing is served, by a fault.
            self._count(self._judge(seconds, waiting, longest))
            self._began, self._arrived, self._served = now, 0, 0
        self._arrived += 1

    def note_served(self) -> None:
        """Count a request that gets a place."""
        self._served += 1

    def _judge(self, seconds: float, waiting: int, longest: Callable[[], int]) -> float:
        """Return for how many half-seconds the sample that ends speaks for an overload. Less than 0 is against one."""
        samples = seconds / SAMPLE_SECONDS
        if waiting:  # Otherwise more could have been served.
            self._samples.append((seconds, self._served))
        is_late = waiting * samples > self._served  # Those that wait need more than half a second.
        # During an overload few wait, since the others are refused.
        if self._arrived <= MIN_ARRIVALS_PER_SERVED * self._served or not (is_late or self.is_overloaded):
            return -min(MAX_WEIGHT, samples) if waiting else -samples
        is_of_one = 2 * longest() >= waiting
        if is_of_one and self._arrived > BURST_ARRIVALS_PER_SERVED * self._served:
            return BURST_WEIGHT
        return min(MAX_WEIGHT if is_of_one else MAX_WEIGHT_OF_MANY, samples)

    @property
    def served_per_second(self) -> float:
        """Return the rate of the newest samples. There are some once an overload has begun."""
        return sum(served for _, served in self._samples) / sum(seconds for seconds, _ in self._samples)

    def _count(self, samples: float) -> None:
        self._behind = min(OVERLOADED_AT, max(0.0, self._behind + samples))
        if self._behind in {0, OVERLOADED_AT}:
            self.is_overloaded = self._behind == OVERLOADED_AT
