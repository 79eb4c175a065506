"""Deadlines of exchanges: however slowly a platform sends or takes bytes, one at a time if it likes, each one ends.

Sockets know only a limit for each read and write. Connections that keep these deadlines are in `connections.py`.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

from privateshare.errors import InvalidAnswer

SLOWEST_BYTES_PER_SECOND = 1024
SHORT_EXCHANGE_TIMEOUTS = 30  # how many timeouts an exchange that is not a file may take in all
MAX_HEADER_BYTES = 128 * 1024
SILENT, SLOW = "it sends nothing", "it sends or takes bytes too slowly"  # for errors


class Abandoned(Exception):
    """Nobody wants the outcome any more."""


class Deadline:
    """What an exchange may still take: twice its timeout, which bytes of bodies refill as they move.

    Only time that is spent waiting for the other side counts, not what the app does in between. Bytes of headers refill
    nothing and are limited, because nothing else would end a platform that sends headers for ever. `is_short` is for
    what is not a file of any length: the whole of it has a limit too.
    """

    def __init__(self, timeout: float, abandoned: threading.Event | None = None, *, is_short: bool = False) -> None:
        self.left: float = 2 * timeout
        self.has_headers: bool = False  # of the answer
        self._most = self.left
        self._in_all = SHORT_EXCHANGE_TIMEOUTS * timeout if is_short else math.inf
        self._header_bytes = 0
        self._abandoned = abandoned

    def count(self, seconds: float, moved: int) -> None:
        """Count a wait, and the bytes of a body that moved in it."""
        self._in_all -= seconds
        self.left = min(self._most, self._in_all, self.left + moved / SLOWEST_BYTES_PER_SECOND - seconds)

    def sent(self, began: float, moved: int) -> None:
        """Count the time since a write began, and the bytes that it moved."""
        self.count(monotonic() - began, moved)

    def received(self, began: float, moved: int) -> None:
        """Count the time since a read began, and the bytes that it moved."""
        if self.has_headers:
            self.count(monotonic() - began, moved)
            return
        self.count(monotonic() - began, 0)
        self._header_bytes += moved
        if self._header_bytes > MAX_HEADER_BYTES:
            raise InvalidAnswer("The headers of the answer are larger than any that make sense")

    def check_wanted(self) -> None:
        """Raise Abandoned if nobody waits for the answer any more."""
        if self._abandoned is not None and self._abandoned.is_set():
            raise Abandoned


DEADLINE: ContextVar[Deadline] = ContextVar("privateshare_deadline")


@contextmanager
def keeping(limit: Deadline) -> Iterator[Deadline]:
    """Hold what is read and written within to one deadline."""
    token = DEADLINE.set(limit)
    try:
        yield limit
    finally:
        DEADLINE.reset(token)
