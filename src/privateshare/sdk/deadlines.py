"""Deadlines of exchanges: however slowly a platform sends or takes bytes, one at a time if it likes, each one ends.

Sockets know only a limit for each read and write. Connections that keep these deadlines are in `connections.py`.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

SLOWEST_BYTES_PER_SECOND = 1024
SILENT, SLOW = "it sends nothing", "it sends or takes bytes too slowly"  # for errors


class Abandoned(Exception):
    """Nobody wants the outcome any more."""


class Deadline:
    """What an exchange may still take: twice its timeout, and more as the bytes of bodies move.

    Only time that is spent waiting for the other side counts, not what the app does in between. Bytes of headers give
    no more time, because nothing else would end a platform that sends headers for ever.
    """

    def __init__(self, timeout: float, abandoned: threading.Event | None = None) -> None:
        self.left: float = 2 * timeout
        self.has_headers: bool = False  # of the answer
        self._abandoned = abandoned

    def sent(self, began: float, moved: int) -> None:
        """Count the time since a write began, and the bytes that it moved."""
        self.left += moved / SLOWEST_BYTES_PER_SECOND - (monotonic() - began)

    def received(self, began: float, moved: int) -> None:
        """Count the time since a read began, and the bytes that it moved."""
        self.sent(began, moved if self.has_headers else 0)

    def check_wanted(self) -> None:
        """Raise Abandoned if nobody waits for the answer any more."""
        if self._abandoned is not None and self._abandoned.is_set():
            raise Abandoned


DEADLINE: ContextVar[Deadline] = ContextVar("privateshare_deadline")


@contextmanager
def deadline(timeout: float, abandoned: threading.Event | None = None) -> Iterator[Deadline]:
    """Hold what is read and written within to one deadline."""
    limit = Deadline(timeout, abandoned)
    token = DEADLINE.set(limit)
    try:
        yield limit
    finally:
        DEADLINE.reset(token)
