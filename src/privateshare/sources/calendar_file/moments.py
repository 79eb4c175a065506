"""Dates and times of calendars."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from icalendar import vDuration

from privateshare.sources.calendar_file.zones import INVALID, Zones
from privateshare.sources.content_lines import Property

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_SECOND = 59
_WRITTEN = re.compile(r"\s*(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2}))?(?:\.\d+)?(Z|[+-]\d{4})?)?\s*")


@dataclass(frozen=True, slots=True)
class CalendarTime:
    """A day, or a day and a time, as a calendar has it.

    Attributes:
        local: What the calendar shows, without a time zone.
        is_day: Whether it is a day.
        zone_name: The name of its time zone; empty if it has none.
        zone: The rules of its time zone; None if it has none, or they are not known.
    """

    local: datetime
    is_day: bool
    zone_name: str = ""
    zone: tzinfo | None = None

    @property
    def milliseconds(self) -> int:
        """The moment, in milliseconds since the epoch. Without a time zone, it is as in UTC."""
        try:
            moment = self.local.replace(tzinfo=self.zone or UTC).astimezone(UTC)
        except INVALID:  # It is at the end of time, or the rules of the zone are invalid.
            moment = self.local.replace(tzinfo=UTC)
        return (moment - EPOCH) // timedelta(milliseconds=1)

    @property
    def text(self) -> str:
        """The time as the calendar shows it."""
        return f"{self.local.date().isoformat()}" if self.is_day else self.local.isoformat(timespec="seconds")

    def shifted(self, duration: timedelta) -> "CalendarTime":
        """Return the time after a duration. Raises OverflowError at the end of time."""
        return CalendarTime(self.local + duration, self.is_day, self.zone_name, self.zone)

    def shown_like(self, other: "CalendarTime") -> str:
        """Return the time as a calendar shows it in the time zone of another, with which it is compared."""
        if other.is_day:
            return self.local.date().isoformat()
        if self.zone is None or other.zone is None or self.is_day:
            return self.text
        try:
            local = self.local.replace(tzinfo=self.zone).astimezone(other.zone).replace(tzinfo=None)
        except INVALID:
            return self.text
        return local.isoformat(timespec="seconds")


def read_time(found: Property, zones: Zones, value: str | None = None) -> CalendarTime | None:
    """Read the time of a property, or one of several; None if it cannot be read."""
    parts = _WRITTEN.fullmatch(found.value if value is None else value)
    if parts is None:
        return None
    try:
        second = min(int(parts[6] or 0), LAST_SECOND)
        year, month, day, hour, minute = (int(part or 0) for part in parts.groups()[:5])
        local = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    is_midnight = (local.hour, local.minute) == (0, 0)  # Some programs call also times dates.
    if parts[4] is None or (is_midnight and found.parameters.get("VALUE", "").upper() == "DATE"):
        return CalendarTime(local.replace(hour=0, minute=0, second=0), is_day=True)
    if parts[7] == "Z":
        return CalendarTime(local, is_day=False, zone_name="UTC", zone=UTC)
    if parts[7]:
        offset = datetime.strptime(parts[7], "%z").tzinfo
        return CalendarTime(local, is_day=False, zone_name=f"UTC{parts[7]}", zone=offset)
    name, zone = zones.find(found.parameters["TZID"]) if "TZID" in found.parameters else ("", None)
    return CalendarTime(local, is_day=False, zone_name=name, zone=zone)


def read_duration(found: Property) -> timedelta | None:
    """Read a duration; None if it cannot be read."""
    try:
        duration = vDuration.from_ical(found.value.strip())  # type: ignore[no-untyped-call]
    except INVALID:
        return None
    return duration if isinstance(duration, timedelta) else None
