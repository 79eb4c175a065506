"""The blobs that were recently found to be damaged while they were being sent."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

REMEMBERED_SECONDS = 600  # Afterwards the blob is tried again, since the operator may have restored it.
MAX_REMEMBERED_BLOBS = 10_000


class UnreadableBlobs:
    """Blobs that this process recently failed to read to the end."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failed_at: OrderedDict[str, float] = OrderedDict()  # The blob that failed first comes first.

    def remember(self, blob: str) -> None:
        """Record that a blob cannot be read to the end."""
        self._failed_at[blob] = self._clock()
        self._failed_at.move_to_end(blob)
        if len(self._failed_at) > MAX_REMEMBERED_BLOBS:
            self._failed_at.popitem(last=False)

    def knows(self, blob: str) -> bool:
        """Return whether a blob recently could not be read to the end."""
        failed_at = self._failed_at.get(blob)
        return failed_at is not None and self._clock() - failed_at < REMEMBERED_SECONDS
