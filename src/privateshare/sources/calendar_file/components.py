"""The components of an iCalendar file, one at a time: events, time zones, and what is said of the whole calendar."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from privateshare.sources.archive import UploadedFile
from privateshare.sources.content_lines import content_lines

MAX_COMPONENT_CHARACTERS = 1024 * 1024
START_LINES = 20
# Properties that are large, and not read.
NOT_READ = ("ATTACH", "X-ALT-DESC", "X-APPLE-STRUCTURED", "IMAGE")


class Kind(StrEnum):
    """The kinds of components that are read. CALENDAR is a single line of the calendar itself."""

    CALENDAR = "VCALENDAR"
    EVENT = "VEVENT"
    TASK = "VTODO"
    TIME_ZONE = "VTIMEZONE"


class NotACalendar(Exception):
    """The file is no calendar."""


@dataclass(slots=True)
class Component:
    """A component: its kind and its lines. Of components in it, only time zones have lines.

    Attributes:
        kind: Its kind, which may be one that is not read.
        lines: Its lines.
        is_whole: Whether it has an end, and was not too large.
    """

    kind: str
    lines: list[str] = field(default_factory=list)
    is_whole: bool = True
    characters: int = 0

    def add(self, line: str) -> None:
        """Add a line."""
        self.characters += len(line)
        if self.characters > MAX_COMPONENT_CHARACTERS:
            self.is_whole = False
        elif not line.upper().startswith(NOT_READ):
            self.lines.append(line)


def components_of(file: UploadedFile) -> Iterator[Component]:
    """Yield the components of a file. Raises NotACalendar if it is none."""
    current: Component | None = None
    inner: list[str] = []
    is_calendar = False
    for number, line in enumerate(content_lines(file)):
        word = line.strip().upper()
        if word == f"BEGIN:{Kind.CALENDAR}":
            is_calendar = True
        elif not is_calendar:
            if number > START_LINES:
                break
        elif word == f"BEGIN:{Kind.EVENT}" or (word.startswith("BEGIN:") and current is None):
            if current is not None:
                current.is_whole = False
                yield current
            current, inner = Component(word.removeprefix("BEGIN:")), []
        elif current is None:
            yield Component(Kind.CALENDAR, [line])
        elif word.startswith("BEGIN:"):
            inner.append(word.removeprefix("BEGIN:"))
            _add_inner(current, line)
        elif word.startswith("END:") and inner and word != f"END:{current.kind}":
            inner.pop()
            _add_inner(current, line)
        elif word.startswith("END:"):
            yield current
            current = None
        elif inner:
            _add_inner(current, line)
        else:
            current.add(line)
    if current is not None:
        current.is_whole = False
        yield current
    if not is_calendar:
        raise NotACalendar


def _add_inner(component: Component, line: str) -> None:
    if component.kind == Kind.TIME_ZONE:
        component.add(line)
