"""Deadlines of exchanges: however slowly a platform sends or takes bytes, each exchange ends.

Sockets only have a limit for each read and write. The connections in `_async` and `_sync` keep these deadlines.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from privateshare.errors import InvalidAnswer
from privateshare.sdk.concurrency import Abandoned

SLOWEST_BYTES_PER_SECOND = 1024
SHORT_EXCHANGE_TIMEOUTS = 30
"""How many timeouts an exchange may take as a whole, if it is not a file."""
MAX_HEADER_BYTES = 128 * 1024
WRITE_BYTES = 64 * 1024
SILENT, SLOW = "the platform sends nothing", "the platform sends or takes bytes too slowly"


class Deadline:
    """The time that an exchange may still take: twice its timeout, which moving bytes of a body refill.

    Only the time spent waiting for the other side counts, not what the app does in between. Bytes of headers refill
    nothing and are limited, because otherwise a platform could send headers for ever. `is_short` is for an exchange
    that is not a file: it has a limit as a whole too.
    """

    def __init__(self, timeout: float, abandoned: threading.Event | None = None, *, is_short: bool = False) -> None:
        self.left: float = 2 * timeout
        self.has_headers: bool = False
        self._most = self.left
        self._left_as_a_whole = SHORT_EXCHANGE_TIMEOUTS * timeout if is_short else math.inf
        self._header_bytes = 0
        self._abandoned = abandoned

    def count(self, seconds: float, moved: int) -> None:
        """Count the seconds of a wait, and the bytes of a body that moved during it."""
        self._left_as_a_whole -= seconds
        refilled = self.left + moved / SLOWEST_BYTES_PER_SECOND - seconds
        self.left = min(self._most, self._left_as_a_whole, refilled)

    def sent(self, began: float, moved: int) -> None:
        """Count the time since a write began, and the bytes that it moved."""
        self.count(monotonic() - began, moved)

    def received(self, began: float, moved: int) -> None:
        """Count the time since a read began, and the bytes that it moved. Raise InvalidAnswer for too many headers."""
        if self.has_headers:
            self.count(monotonic() - began, moved)
            return
        self.count(monotonic() - began, 0)
        self._header_bytes += moved
        if self._header_bytes > MAX_HEADER_BYTES:
            raise InvalidAnswer(f"The headers of the response are larger than {MAX_HEADER_BYTES // 1024} KB")

    def check_wanted(self) -> None:
        """Raise Abandoned if nobody waits for the response any more."""
        if self._abandoned is not None and self._abandoned.is_set():
            raise Abandoned


DEADLINE: ContextVar[Deadline] = ContextVar("privateshare_deadline")


@contextmanager
def use_deadline(deadline: Deadline) -> Iterator[Deadline]:
    """Make all reads and writes within the block share a deadline."""
    token = DEADLINE.set(deadline)
    try:
        yield deadline
    finally:
        DEADLINE.reset(token)
