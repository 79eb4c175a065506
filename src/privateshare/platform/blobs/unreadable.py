"""The blobs whose damage showed in the midst of an answer lately."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

REMEMBERED_SECONDS = 600  # then it is tried again: the operator may have put it back
MAX_REMEMBERED = 10_000


class UnreadableBlobs:
    """Blobs that could not be read to their end, for a while. Of one process."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._found: OrderedDict[str, float] = OrderedDict()  # when, the earliest first

    def remember(self, blob: str) -> None:
        """Keep that a blob cannot be read to its end."""
        self._found[blob] = self._clock()
        self._found.move_to_end(blob)
        if len(self._found) > MAX_REMEMBERED:
            self._found.popitem(last=False)

    def knows(self, blob: str) -> bool:
        """Return whether a blob could not be read to its end a short while ago."""
        found = self._found.get(blob)
        return found is not None and self._clock() - found < REMEMBERED_SECONDS
