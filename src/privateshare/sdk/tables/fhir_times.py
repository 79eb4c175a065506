"""The times of FHIR resources as they were written: with the local time, its offset from UTC, and how exact they are.

"2020" is a year and not its first day, and 23:30 at −05:00 is not the next day, though it is in UTC.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.protocol.object_time import FHIR_TIMES

_DATE_TIME = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?P<fraction>\.\d+)?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_PRECISIONS = ("year", "month", "day", "hour", "minute", "second", "fraction")
COMMON_TIMES = (
    *("effectiveDateTime", "effectivePeriod", "effectiveTiming", "effectiveInstant"),
    *("occurrenceDateTime", "occurrencePeriod", "occurrenceTiming", "performedDateTime", "performedPeriod"),
    *("onsetDateTime", "onsetPeriod", "period", "date", "recordedDate", "issued", "authoredOn", "created"),
)
"""The elements of resource types or versions of FHIR that are not in the list of the protocol, best first."""
LAST_SECOND = 59
"""Datetimes have no leap second."""
_DAY_CHARACTERS = {"year": 4, "month": 7}


@dataclass(frozen=True, slots=True)
class WrittenTime:
    """A time as it was written.

    `local` is its first moment on the clock of its place, `precision` its last part that was written (year, month, day,
    minute, second or millisecond), and `offset` the minutes that the place was ahead of UTC, if that was written.
    """

    local: datetime
    precision: str
    offset: int | None

    @property
    def date(self) -> str:
        """The local date, as far as it was written: "2020", "2020-05" or "2020-05-17"."""
        return self.local.date().isoformat()[: _DAY_CHARACTERS.get(self.precision, 10)]


@lru_cache(maxsize=4096)  # Resources of one visit have the same times.
def read_time(text: str) -> WrittenTime | None:
    """Parse a time; None if it is not one."""
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        return _time_of_window(text)
    parts = match.groupdict()
    second = min(int(parts["second"] or 0), LAST_SECOND)
    microsecond = int(float(parts["fraction"] or 0) * 1_000_000)
    day = (int(parts["year"]), int(parts["month"] or 1), int(parts["day"] or 1))
    try:
        local = datetime(*day, int(parts["hour"] or 0), int(parts["minute"] or 0), second, microsecond)
    except ValueError:
        return None
    last = [name for name in _PRECISIONS if parts[name] is not None][-1]
    return WrittenTime(local, "millisecond" if last == "fraction" else last, _offset(parts["zone"]))


def time_of_resource(resource: Mapping[str, Any]) -> WrittenTime | None:
    """Return when a resource happened; None if it has no date, or one that is not a date."""
    return times_of_resource(resource)[0]


def times_of_resource(resource: Mapping[str, Any]) -> tuple[WrittenTime | None, WrittenTime | None]:
    """Return when a resource began and ended. The end is None unless the resource has one."""
    kind = resource.get("resourceType")
    known = FHIR_TIMES.get(kind, ()) if isinstance(kind, str) else ()
    for path in dict.fromkeys((*known, *COMMON_TIMES)):
        value: Any = resource
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        start, end = times_of_element(value)
        if start is not None or end is not None:
            return start, end or times_of_element(_end_element(resource))[1]
    return None, times_of_element(_end_element(resource))[1]


def times_of_element(value: Any) -> tuple[WrittenTime | None, WrittenTime | None]:
    """Return the begin and the end of a date, a Period or a Timing."""
    if isinstance(value, str):
        return read_time(value), None
    if not isinstance(value, dict):
        return None, None
    events = [event for event in _list(value.get("event")) if isinstance(event, str)]
    if events:
        return read_time(min(events)), read_time(max(events)) if len(events) > 1 else None
    if isinstance(repeat := value.get("repeat"), dict):
        return times_of_element(repeat.get("boundsPeriod"))
    start, end = value.get("start"), value.get("end")
    return (
        read_time(start) if isinstance(start, str) else None,
        read_time(end) if isinstance(end, str) else None,
    )


def _end_element(resource: Mapping[str, Any]) -> Any:
    """Return the element that says when something ended that has no Period, as a Period."""
    for name in ("abatementDateTime", "abatementPeriod", "end"):
        value = resource.get(name)
        if isinstance(value, str):
            return {"end": value}
        if isinstance(value, dict):
            return {"end": value.get("end") or value.get("start")}
    return None


def _offset(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _time_of_window(text: str) -> WrittenTime | None:
    """Read a time in another notation than FHIR's. How exact it is, follows from the window that it may mean."""
    window = read_date(text)
    if window is None or window.start is None or window.end is None:
        return None
    length = timedelta(milliseconds=window.end + 1 - window.start)
    names = (("millisecond", timedelta(seconds=1)), ("second", timedelta(minutes=1)), ("minute", timedelta(hours=1)))
    longer = (("hour", timedelta(days=1)), ("day", timedelta(days=28)), ("month", timedelta(days=365)))
    precision = next((name for name, below in (*names, *longer) if length < below), "year")
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=window.start)
    return WrittenTime(start.replace(tzinfo=None), precision, None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
