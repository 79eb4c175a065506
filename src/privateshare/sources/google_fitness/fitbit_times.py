"""Times as Fitbit writes them, and the days of the person to which times in UTC belong."""

import re
from bisect import bisect, insort
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from privateshare.sources.fitness_objects import midnight_of
from privateshare.sources.object_building import in_a_zone

MAX_OFFSETS = 100_000
_WEEK = 7 * 86_400_000
_AMERICAN = re.compile(r"(\d\d)/(\d\d)/(\d\d)(?:\s+(\d\d):(\d\d):(\d\d))?")


def day_of(written: str) -> str:
    """Return the day of a date as Fitbit writes it, such as `01/20/20 13:05:10`, also in the form of the standard."""
    found = _AMERICAN.match(written)
    return f"20{found[3]}-{found[1]}-{found[2]}" if found is not None else written[:10]


def moment_of(written: str) -> int:
    """Return a time in milliseconds since the epoch. Without a time zone, it is as in UTC. Raises ValueError."""
    found = _AMERICAN.match(written)
    if found is not None:
        written = f"20{found[3]}-{found[1]}-{found[2]}T{found[4] or '00'}:{found[5] or '00'}:{found[6] or '00'}"
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = datetime.strptime(written, "%Y-%m-%d %I:%M%p")
    moment = in_a_zone(moment)
    midnight_of(f"{moment.astimezone(UTC):%Y-%m-%d}")
    return round(moment.timestamp() * 1000)


def utc_day(moment: int) -> str:
    """Return the day of a moment in UTC."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}"


class LocalDays:
    """Where the person was, as far as an export says: the offsets of nights and exercises, and the profile's zone."""

    def __init__(self) -> None:
        self._offsets: list[tuple[int, timedelta]] = []
        self._zone: ZoneInfo | None = None
        self._last = ("", "")

    def add_offset(self, moment: int, offset: timedelta) -> None:
        """Take the offset from UTC that the person's clock had at a moment."""
        if len(self._offsets) < MAX_OFFSETS:
            insort(self._offsets, (moment, offset))

    def set_zone(self, name: str) -> None:
        """Take the time zone of the profile, if there is one of this name."""
        try:
            self._zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return

    def day_in_utc(self, written: str) -> str:
        """Return the person's day of a time in UTC. What is only a day remains so. Raises ValueError."""
        if len(written) <= len("2020-01-01"):
            return day_of(written)
        minute = written[: len("2020-01-01T10:00")]
        if self._last[0] != minute:  # Heart rates come every few seconds.
            self._last = (minute, self.day_at(moment_of(written)))
        return self._last[1]

    def day_at(self, moment: int) -> str:
        """Return the person's day at a moment: by the nearest offset of that week, or by the zone of the profile."""
        there = datetime.fromtimestamp(moment / 1000, UTC)
        place = bisect(self._offsets, (moment, timedelta.max))
        near = min(self._offsets[max(0, place - 1) : place + 1], key=lambda one: abs(one[0] - moment), default=None)
        if near is not None and (self._zone is None or abs(near[0] - moment) <= _WEEK):
            there += near[1]
        elif self._zone is not None:
            there = there.astimezone(self._zone)
        return f"{there:%Y-%m-%d}"
