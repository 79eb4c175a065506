"""A reader for the events in the files of an upload."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.calendar_file.components import Component, Kind, components_of
from privateshare.sources.calendar_file.mapping import event_object
from privateshare.sources.calendar_file.zones import Zones
from privateshare.sources.content_lines import read_property
from privateshare.sources.failures import OLDER, Broken, LeftOut, NotTaken, Reason
from privateshare.sources.object_building import Mapped, Revisions, SourceAccount

MAX_KNOWN = 500_000
MAX_TIME_ZONES = 500
NAMES_OF_CALENDAR = {"X-WR-CALNAME": "NAME", "NAME": "NAME", "METHOD": "METHOD"}
_HEAD = re.compile(r"(UID|RECURRENCE-ID|SEQUENCE|LAST-MODIFIED|DTSTART|SUMMARY)[;:]", re.IGNORECASE)
_DIGITS = re.compile(r"\d{1,18}")  # Python converts no text of thousands of digits.
NOT_EVENTS = NotTaken("Alarms, journals and free times")
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s events has no date that can be read.",
    "%(num)s of %(total)s events have no date that can be read.",
    Broken("The events of the file have no dates that can be read. Export the calendar again."),
)


@dataclass(frozen=True, slots=True)
class Heads:
    """What identifies the events of a file.

    Some programs give several events one id. Those are not versions of one event, which differ in their revision.
    """

    _known: dict[int, int] = field(default_factory=dict)
    _shared: set[int] = field(default_factory=set)
    _newest: dict[int, int] = field(default_factory=dict)

    def note(self, component: Component) -> None:
        """Take note of an event."""
        lines, changes = _head(component), revision(component)
        own = _own_id(lines)
        version, content = hash((own, changes)), hash((lines.get("DTSTART"), lines.get("SUMMARY")))
        if len(self._known) < MAX_KNOWN and self._known.setdefault(version, content) != content:
            self._shared.add(own)
        if changes is not None and (own in self._newest or len(self._newest) < MAX_KNOWN):
            self._newest[own] = max(changes, self._newest.get(own, changes))

    def is_shared(self, component: Component) -> bool:
        """Return whether other events have the id of an event."""
        return _own_id(_head(component)) in self._shared

    def is_older(self, component: Component) -> bool:
        """Return whether there is a newer version of an event."""
        changes = revision(component)
        return changes is not None and changes < self._newest.get(_own_id(_head(component)), changes)


def revision(component: Component) -> int | None:
    """Return a number that grows with each change of an event; None if it does not say how often it was changed."""
    lines = _head(component)
    sequence = _DIGITS.search(lines.get("SEQUENCE", ""))
    changed = "".join(_DIGITS.findall(lines.get("LAST-MODIFIED", "").rpartition(":")[2]))[:14]
    return (
        None if sequence is None and not changed else int(sequence[0] if sequence else 0) * 10**14 + int(changed or 0)
    )


def _own_id(lines: Mapping[str, str]) -> int:
    return hash((lines.get("UID"), lines.get("RECURRENCE-ID")))


def _head(component: Component) -> dict[str, str]:
    found = ((_HEAD.match(line), line) for line in component.lines)
    return {name[1].upper(): line[name.end(1) :] for name, line in found if name is not None}


def events_of(
    file: UploadedFile, account: SourceAccount, left_out: LeftOut, newest: Revisions | None = None
) -> Iterator[Mapped]:
    """Yield the events of a file. Raises NotACalendar if it is no calendar.

    Args:
        file: The file.
        account: The account.
        left_out: The report.
        newest: The newest versions of the events that came before.
    """
    newest = newest if newest is not None else Revisions()
    defined, heads = dict[str, str](), Heads()
    calendar = {"NAME": PurePosixPath(file.path).stem}
    for component in components_of(file):
        if component.kind == Kind.CALENDAR:
            one = read_property(component.lines[0])
            if one is not None and one.name in NAMES_OF_CALENDAR and one.value.strip():
                calendar[NAMES_OF_CALENDAR[one.name]] = one.value.strip()
        elif component.kind == Kind.TIME_ZONE and component.is_whole and len(defined) < MAX_TIME_ZONES:
            lines = (found for line in component.lines if (found := read_property(line)) is not None)
            tzid = next((found.value for found in lines if found.name == "TZID"), "")
            defined[tzid] = "\r\n".join((f"BEGIN:{component.kind}", *component.lines, f"END:{component.kind}", ""))
        elif component.kind in (Kind.EVENT, Kind.TASK):
            heads.note(component)
    zones = Zones(defined)
    for component in components_of(file):
        if component.kind not in (Kind.EVENT, Kind.TASK):
            left_out.pass_over(NOT_EVENTS, component.kind not in (Kind.CALENDAR, Kind.TIME_ZONE))
            continue
        is_shared = component.is_whole and heads.is_shared(component)
        event = event_object(account, component, zones, calendar, is_shared=is_shared) if component.is_whole else None
        if event is None:
            left_out.leave_out(UNREADABLE, ObjectType.EVENT)
        elif newest.is_outdated(event, revision(component)) or (not is_shared and heads.is_older(component)):
            left_out.pass_over(OLDER)
        else:
            left_out.read += 1
            yield ObjectType.EVENT, event
