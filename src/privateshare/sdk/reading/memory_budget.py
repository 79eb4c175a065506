"""A limit of the bytes of files in memory: those that are being read, and those that the app has not taken yet."""

from collections import deque
from collections.abc import Callable
from time import monotonic

MAX_BYTES_IN_MEMORY = 64 * 1024 * 1024
RECENT_FILES = 16
MAX_SECONDS_FOR_A_SIZE = 0.5


class MemoryBudget:
    """Decides whether another file may be read into memory.

    The list of files does not say how large they are, only each response does. Until it begins, a file counts as much
    as the largest of those that began last. The second file waits until it is known how large the first one is, but not
    for long, since its response may be late. A file that is larger than the limit is read alone.
    """

    def __init__(self, max_bytes: int = MAX_BYTES_IN_MEMORY, clock: Callable[[], float] = monotonic) -> None:
        self._max_bytes, self._clock = max_bytes, clock
        self._first_begun: float | None = None
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._recent: deque[int] = deque(maxlen=RECENT_FILES)

    def has_space(self) -> bool:
        """Return whether another file may be begun."""
        if not self._sizes or self._first_begun is None:
            return True
        if not self._recent:
            return self._clock() - self._first_begun > MAX_SECONDS_FOR_A_SIZE
        return self._total + max(self._recent) <= self._max_bytes

    def begin(self, name: str) -> None:
        """Count a file that is requested now."""
        if self._first_begun is None:
            self._first_begun = self._clock()
        self._count(name, max(self._recent, default=0))

    def learn_size(self, name: str, size: int) -> None:
        """Count a file by its size, which its response told."""
        self._recent.append(size)
        self._count(name, size)

    def free(self, name: str) -> None:
        """Count a file no longer: it waits before a retry, it could not be read, or the app has it now."""
        self._total -= self._sizes.pop(name, 0)

    def _count(self, name: str, size: int) -> None:
        self._total += size - self._sizes.get(name, 0)
        self._sizes[name] = size
