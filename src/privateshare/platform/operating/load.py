"""Whether more requests arrive at a queue than it serves, and how many it serves in a second.

A client that asks for two thousand files at once is no overload: it has a long queue, which shrinks as soon as all of
its requests have arrived. Nor is one that always has two hundred requests open: its queue is long and stays so. A
platform is overloaded if its queue grows for seconds, since more requests arrive than are served. So each half of a
second in which the queue became longer than before counts one, each other half takes one away, and at five the overload
begins. It ends at zero.
"""

from collections import deque

SAMPLE_SECONDS = 0.5
OVERLOADED_AT = 5  # Samples in a row: nobody served until then has waited for much longer than two seconds.
# If more requests than these arrive for each that is served, somebody sent very many in one moment. Accepting them is
# most of the work, so few are served meanwhile, and that says little about the time after it. They count less.
BURST_ARRIVALS_PER_SERVED = 16
BURST_WEIGHT = 1 / 2
# During an overload the queue does not grow, since many are refused. It goes on while this many arrive for each served.
MIN_ARRIVALS_PER_SERVED = 1.1


class Load:
    """The requests that arrive at a queue and those that it serves."""

    def __init__(self, began: float) -> None:
        self.is_overloaded = False
        self._grown, self._longest = 0.0, 0  # The second is the length of the queue that counts as grown, if exceeded.
        self._began, self._arrived, self._served = began, 0, 0
        self._samples: deque[tuple[float, int]] = deque(maxlen=OVERLOADED_AT)  # Each is its seconds and those served.

    def note_arrival(self, now: float, waiting: int) -> None:
        """Count a request that arrives, accepted or not, while `waiting` others wait."""
        if not waiting and now - self._began >= SAMPLE_SECONDS:
            self._note_quiet((now - self._began) / SAMPLE_SECONDS)
            self._begin(now)
        self._arrived += 1

    def note_served(self, now: float, waiting: int) -> None:
        """Count a request that gets a place; `waiting` is the number of those that waited until then, with it."""
        self._served += 1
        seconds = now - self._began
        if seconds < SAMPLE_SECONDS:
            return
        self._samples.append((seconds, self._served))
        if self._has_grown(seconds, waiting):
            is_burst = self._arrived > BURST_ARRIVALS_PER_SERVED * self._served
            self._grown = min(OVERLOADED_AT, self._grown + (BURST_WEIGHT if is_burst else 1))
            self.is_overloaded = self.is_overloaded or self._grown == OVERLOADED_AT
        else:
            self._note_quiet(1)
        self._longest = max(self._longest, waiting) if 2 * waiting > self._longest else waiting
        self._begin(now)

    def _has_grown(self, seconds: float, waiting: int) -> bool:
        if waiting * seconds <= self._served * SAMPLE_SECONDS:  # Those that wait are served within half of a second.
            return False
        if self.is_overloaded:
            return self._arrived > MIN_ARRIVALS_PER_SERVED * self._served
        return self._arrived > self._served and waiting > self._longest

    @property
    def served_per_second(self) -> float:
        """Return the rate of the newest samples. There are some once an overload has begun."""
        return sum(served for _, served in self._samples) / sum(seconds for seconds, _ in self._samples)

    def _note_quiet(self, samples: float) -> None:
        self._grown = max(0.0, self._grown - samples)
        self.is_overloaded = self.is_overloaded and self._grown > 0

    def _begin(self, now: float) -> None:
        self._began, self._arrived, self._served = now, 0, 0
