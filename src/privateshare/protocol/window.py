"""Time windows."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A period of time in milliseconds since the epoch, including both ends; None means no bound."""

    start: int | None = None
    end: int | None = None

    def contains(self, other: "Window") -> bool:
        """Return whether all of `other` lies in this window."""
        starts = self.start is None or (other.start is not None and other.start >= self.start)
        ends = self.end is None or (other.end is not None and other.end <= self.end)
        return starts and ends

    def touches(self, other: "Window") -> bool:
        """Return whether the two windows have a moment in common."""
        before = self.end is not None and other.start is not None and self.end < other.start
        after = self.start is not None and other.end is not None and self.start > other.end
        return not (before or after)

    def hull(self, other: "Window") -> "Window":
        """Return the smallest window that contains both."""
        start = None if self.start is None or other.start is None else min(self.start, other.start)
        end = None if self.end is None or other.end is None else max(self.end, other.end)
        return Window(start, end)


ALL_TIME = Window()
"""The window of a date that cannot be parsed. It may be at any time, so no time limit contains it."""


def hull(windows: Iterable[Window]) -> Window | None:
    """Return the smallest window that contains all of these; None if there are none."""
    found: Window | None = None
    for window in windows:
        found = window if found is None else found.hull(window)
    return found
