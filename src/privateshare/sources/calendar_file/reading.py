"""A reader for the events in the files of an upload."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.calendar_file.components import Kind, components_of
from privateshare.sources.calendar_file.mapping import event_object
from privateshare.sources.calendar_file.zones import Zones
from privateshare.sources.content_lines import read_property
from privateshare.sources.failures import Broken, LeftOut, NotTaken, Reason
from privateshare.sources.object_building import Mapped, SourceAccount

MAX_TIME_ZONES = 500
NAMES_OF_CALENDAR = {"X-WR-CALNAME": "NAME", "NAME": "NAME", "METHOD": "METHOD"}
NOT_EVENTS = NotTaken("Alarms, journals and free times")
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s events has no date that can be read.",
    "%(num)s of %(total)s events have no date that can be read.",
    Broken("The events of the file have no dates that can be read. Export the calendar again."),
)


def events_of(file: UploadedFile, account: SourceAccount, left_out: LeftOut) -> Iterator[Mapped]:
    """Yield the events of a file. Raises NotACalendar if it is no calendar."""
    defined: dict[str, str] = {}
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
    zones = Zones(defined)
    for component in components_of(file):
        if component.kind not in (Kind.EVENT, Kind.TASK):
            left_out.pass_over(NOT_EVENTS, component.kind not in (Kind.CALENDAR, Kind.TIME_ZONE))
            continue
        event = event_object(account, component, zones, calendar) if component.is_whole else None
        if event is None:
            left_out.leave_out(UNREADABLE, ObjectType.EVENT)
        else:
            left_out.read += 1
            yield ObjectType.EVENT, event
