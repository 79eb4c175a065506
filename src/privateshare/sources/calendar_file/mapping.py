"""The mapping of events and tasks to objects."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from privateshare.sources.calendar_file.components import Component, Kind
from privateshare.sources.calendar_file.moments import CalendarTime, read_duration, read_time
from privateshare.sources.calendar_file.zones import Zones
from privateshare.sources.content_lines import Property, read_property
from privateshare.sources.contract import JsonObject
from privateshare.sources.object_building import SourceAccount, number_of, stable_id

MAX_PEOPLE = 500
MAX_DAYS = 2000
ONE_DAY = timedelta(days=1)
# What says when a task is, best first.
TIMES_OF_TASKS = ("DUE", "DTSTART", "COMPLETED", "CREATED", "LAST-MODIFIED", "DTSTAMP")
_COMMA = re.compile(r"(?<!\\),")
_MAILTO = re.compile(r"^mailto:\s*", re.IGNORECASE)

Properties = Mapping[str, Sequence[Property]]


def event_object(
    account: SourceAccount, component: Component, zones: Zones, calendar: Mapping[str, str], *, is_shared: bool = False
) -> JsonObject | None:
    """Map an event or a task.

    Args:
        account: The account.
        component: The event or task.
        zones: The time zones of the file.
        calendar: What the file says of the whole calendar.
        is_shared: Whether other events of the file have the same id.

    Returns:
        The object; None if it does not say when the event is.
    """
    found = _properties(component.lines)
    is_task = component.kind == Kind.TASK
    times = (_time(found, name, zones) for name in (TIMES_OF_TASKS if is_task else ("DTSTART",)))
    start = next((time for time in times if time is not None), None)
    if start is None:
        return None
    end = start if is_task else _end(found, start, zones)
    title, repetition = _text(found, "SUMMARY"), _time(found, "RECURRENCE-ID", zones)
    uid = own_uid = _text(found, "UID") or stable_id("event", start.text, start.zone_name, title)
    if is_shared:
        own_uid = stable_id(uid, start.text, start.zone_name, title)
    is_called_off = calendar.get("METHOD", "").upper() == "CANCEL"
    changed = _time(found, "LAST-MODIFIED", zones)
    latitude, longitude = _position(_text(found, "GEO"))
    return account.thing(
        stable_id(own_uid, repetition.milliseconds if repetition is not None else ""),
        start.milliseconds,
        enddate=None if is_task else end.milliseconds,
        updateddate=changed.milliseconds if changed is not None else None,
        kind="task" if is_task else "event",
        uid=uid,
        recurrenceid=repetition.shown_like(start) if repetition is not None else "",
        start=start.text,
        end="" if is_task else end.shown_like(start),
        timezone=start.zone_name,
        isallday=start.is_day or None,
        title=title,
        description=_text(found, "DESCRIPTION"),
        location=_text(found, "LOCATION"),
        link=_text(found, "URL"),
        latitude=latitude,
        longitude=longitude,
        status="cancelled" if is_called_off else _text(found, "STATUS").lower(),
        transparency=_text(found, "TRANSP").lower(),
        classification=_text(found, "CLASS").lower(),
        organizer=next((_person(one) for one in found.get("ORGANIZER", ())), {}),
        attendees=_attendees(found.get("ATTENDEE", ())),
        categories=_categories(found.get("CATEGORIES", ())),
        recurrence="\n".join(rule for one in found.get("RRULE", ()) if (rule := one.value.strip())),
        recurrencedates=_days(found.get("RDATE", ()), start, zones),
        recurrenceexceptions=_days(found.get("EXDATE", ()), start, zones),
        calendarname=calendar.get("NAME", ""),
    )


def _properties(lines: Iterable[str]) -> Properties:
    found: dict[str, list[Property]] = defaultdict(list)
    for line in lines:
        if (one := read_property(line)) is not None:
            found[one.name].append(one)
    return dict(found)


def _text(found: Properties, name: str) -> str:
    return next((one.value.strip() for one in found.get(name, ())), "")


def _time(found: Properties, name: str, zones: Zones) -> CalendarTime | None:
    return next((read_time(one, zones) for one in found.get(name, ())), None)


def _end(found: Properties, start: CalendarTime, zones: Zones) -> CalendarTime:
    """Return when an event ends; the start if it does not say so, or ends before it begins."""
    end = _time(found, "DTEND", zones)
    durations = () if end is not None else found.get("DURATION", ())
    duration = next((read_duration(one) for one in durations), None)
    if end is None and duration is None and start.is_day:
        duration = ONE_DAY
    try:
        end = start.shifted(duration) if duration is not None else end
    except OverflowError:
        end = None
    return start if end is None or end.milliseconds < start.milliseconds else end


def _person(one: Property) -> JsonObject:
    person = {"name": one.parameters.get("CN", "").strip(), "address": _MAILTO.sub("", one.value.strip())}
    return {name: value for name, value in person.items() if value}


def _attendees(found: Sequence[Property]) -> list[JsonObject]:
    people = ((_person(one), one.parameters.get("PARTSTAT", "").lower()) for one in found[:MAX_PEOPLE])
    return [person | ({"status": status} if status else {}) for person, status in people if person]


def _categories(found: Sequence[Property]) -> list[str]:
    parts = (part for one in found for part in _COMMA.split(one.written))
    return list(dict.fromkeys(name for part in parts if (name := part.replace("\\,", ",").strip())))


def _days(found: Sequence[Property], start: CalendarTime, zones: Zones) -> list[str]:
    """Return times of several properties as the calendar shows them. Of periods, it is their start."""
    parts = [(one, part.partition("/")[0]) for one in found for part in one.value.split(",")]
    times = (read_time(one, zones, part) for one, part in parts[:MAX_DAYS])
    return list(dict.fromkeys(time.shown_like(start) for time in times if time is not None))


def _position(text: str) -> tuple[float | None, float | None]:
    first, _, second = text.replace(",", ";").partition(";")
    latitude, longitude = number_of(first), number_of(second)
    if latitude is None or longitude is None or (latitude, longitude) == (0, 0):
        return None, None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else (None, None)
