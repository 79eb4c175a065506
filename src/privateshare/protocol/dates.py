"""Reading a date in whatever form it is written.

What comes of it is the stretch of time that the date may mean, so that a limit of time can tell what is certainly
inside: "2020" is all of that year, and "03/04/2020" is everything from 4 March to 3 April. A date without a time zone
is read as UTC. Libraries for dates guess one meaning and fill gaps with today's date, which would let things through.
"""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from privateshare.protocol.window import Window, hull

MAX_LENGTH, MAX_NUMBER = 64, 10**15  # of a text or a number that may be a date
EPOCH = datetime(1970, 1, 1)
MILLISECOND, SECOND, MINUTE, HOUR, DAY = (
    timedelta(milliseconds=1),
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)
MONTHS = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), start=1
    )
}
EPOCH_DIGITS = 100_000_000  # fewer seconds since the epoch are before 1973, and more likely a date in digits
MILLISECONDS_FROM = 100_000_000_000  # as seconds it would be after the year 5000
THAI_YEARS = range(2400, 2600)  # of the calendar that counts 543 more: perhaps of the years since 1857
CALENDAR = range(-62_135_596_800_000, 253_402_300_800_000)  # milliseconds: the years 1 to 9999

_ZONE = r"(?: ?(?:Z|UTC|GMT)? ?(?:(?P<sign>[+-])(?P<zone_hours>\d{1,2})(?::?(?P<zone_minutes>\d{2}))?)?)"
_CLOCK = (
    r"(?:(?:T|[ ,]+)(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?)?"
    r"(?: ?(?P<half>AM|PM))?" + _ZONE + ")?"
)
_COMPACT_CLOCK = (
    r"[T ]?(?P<hour>\d{2})(?:(?P<minute>\d{2})(?:(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?)?" + _ZONE
)
_DAY_ZONE = r"(?:Z|(?P<sign>[+-])(?P<zone_hours>\d{2}):(?P<zone_minutes>\d{2}))"
_MONTH_NAME = r"(?P<name>JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]{0,6}\.?"
_WEEKDAY = r"(?:(?:MON|TUE|WED|THU|FRI|SAT|SUN)[A-Z]{0,6},? )?"


# The form of FHIR, which nearly all dates have: year, then as much as is known.
_FHIR = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)" + _CLOCK + ")?)?", re.ASCII)
_FORMS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(form, re.ASCII)
    for form in (
        r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})" + _DAY_ZONE,
        r"(?P<year>\d{4})(?P<separator>[-/. ])(?P<month>\d{1,2})(?P=separator)(?P<day>\d{1,2})" + _CLOCK,
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})",
        r"(?P<year>\d{4})-?W(?P<week>\d{2})(?:-?(?P<weekday>[1-7])" + _CLOCK + ")?",
        r"(?P<year>\d{4})-?(?P<ordinal>\d{3})" + _CLOCK,
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + _CLOCK,
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})" + _COMPACT_CLOCK,
        r"(?P<day>\d{1,2})(?P<separator>[-/. ])(?P<month>\d{1,2})(?P=separator)(?P<year>\d{4})" + _CLOCK,
        r"(?P<month>\d{1,2})(?P<separator>[-/. ])(?P<day>\d{1,2})(?P=separator)(?P<year>\d{4})" + _CLOCK,
        r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
        _WEEKDAY + r"(?P<day>\d{1,2})(?:ST|ND|RD|TH)?[-/. ]+" + _MONTH_NAME + r"[-/, ]+(?P<year>\d{4})" + _CLOCK,
        _WEEKDAY + _MONTH_NAME + r" (?P<day>\d{1,2})(?:ST|ND|RD|TH)?,? (?P<year>\d{4})" + _CLOCK,
        r"(?P<year>\d{4})[-/ ]" + _MONTH_NAME + r"(?:[-/ ](?P<day>\d{1,2})" + _CLOCK + ")?",
        _MONTH_NAME + r"[-/, ]+(?P<year>\d{4})",
    )
)
# The name that programs write after a time; any other words in brackets may say that the date is another.
_ZONE_NAME = re.compile(
    r"(:\d{2}(?:[.,]\d{1,12})?" + _ZONE.replace("?P<", "?P<name_") + r") ?"
    r"(?:\[!?(?:[A-Z_]+(?:/[A-Z_+\-]+){1,2}|UTC|Z)\]|\((?:[A-Z]{2,5}|[A-Z. ]{1,40} TIME)\))$",
    re.ASCII,
)
# Month and year, or the last two digits of a year, month and day: which of them cannot be told.
_SIX_DIGITS = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})", re.ASCII)
_SHORT_YEAR = re.compile(r"\d\d(?P<month>\d{2})(?P<day>\d{2})", re.ASCII)
_SECONDS = re.compile(r"(\d{9,13})(?:\.\d{1,9})?", re.ASCII)


def read_date(value: Any) -> Window | None:
    """Read a date, time, or number of seconds or milliseconds since the epoch.

    Returns:
        The stretch of time that it may mean, or None if it cannot be read.
    """
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_NUMBER:
        return None
    return _read_text(str(value if isinstance(value, int) or not value.is_integer() else int(value)))


def read_milliseconds(value: Any) -> Window | None:
    """Read a date of schema `digime`: a number is milliseconds since the epoch, a text is read as `read_date` does.

    A number that is small enough for seconds may mean either.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return read_date(value)
    if not -MAX_NUMBER < value < MAX_NUMBER:
        return None
    moment = int(value)
    found = _calendar_moment(moment)
    if found is not None and EPOCH_DIGITS <= abs(moment) < MILLISECONDS_FROM:
        return found.hull(Window(moment * 1000, moment * 1000 + 999))
    return found


def _read_text(text: str) -> Window | None:
    if len(text) > MAX_LENGTH:
        return None
    match = _FHIR.fullmatch(text)
    if match is not None:
        return _window(match)
    return hull(window for window in _readings(_cleaned(text)) if window is not None)


def _readings(text: str) -> Iterator[Window | None]:
    """Yield everything that a text may mean."""
    for form in (_FHIR, *_FORMS):
        if match := form.fullmatch(text):
            yield _window(match)
    if (match := _SIX_DIGITS.fullmatch(text)) and not _is_short_date(text):
        yield _window(match)
    if match := _SECONDS.fullmatch(text):
        number = int(match[1])
        if number >= MILLISECONDS_FROM:
            yield _calendar_moment(number)
        elif number >= EPOCH_DIGITS:
            yield Window(number * 1000, number * 1000 + 999)


def _is_short_date(text: str) -> bool:
    match = _SHORT_YEAR.fullmatch(text)
    return match is not None and 1 <= int(match["month"]) <= 12 and 1 <= int(match["day"]) <= 31


def _cleaned(text: str) -> str:
    """Return the text in capitals with plain digits, hyphens and spaces, and without the name of a zone at its end."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    plain = re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), plain)
    plain = re.sub(r"[‐‑‒–—−]", "-", plain)
    return _ZONE_NAME.sub(r"\1", " ".join(plain.upper().split()))


def _window(match: re.Match[str]) -> Window | None:
    """Return the stretch of time that the parts of a date name; None if there is no such date."""
    parts = {name: value for name, value in match.groupdict().items() if value is not None}
    try:
        first, last = _days(parts)
        if "hour" in parts:
            if first != last:
                return None
            begin, length = _clock(first, parts)
        else:
            begin, length = datetime(first.year, first.month, first.day), DAY
            length += last - first
        offset = _offset(parts)
    except (ValueError, OverflowError):
        return None
    if offset is None:
        return None
    start = (begin - EPOCH) // MILLISECOND - offset // MILLISECOND
    return Window(start, start + length // MILLISECOND - 1)


def _days(parts: dict[str, str]) -> tuple[date, date]:
    """Return the first and the last day of a date. Raises ValueError if there is no such date."""
    year = int(parts["year"])
    if year in THAI_YEARS:
        raise ValueError("perhaps a year of another calendar")
    if "week" in parts:
        monday = date.fromisocalendar(year, int(parts["week"]), int(parts.get("weekday", 1)))
        return monday, monday if "weekday" in parts else monday + 6 * DAY
    if "ordinal" in parts:
        found = date(year, 1, 1) + (int(parts["ordinal"]) - 1) * DAY
        if found.year != year:
            raise ValueError("no such day of that year")
        return found, found
    month = MONTHS[parts["name"]] if "name" in parts else int(parts["month"]) if "month" in parts else None
    if month is None:
        return date(year, 1, 1), date(year, 12, 31)
    if "day" in parts:
        found = date(year, month, int(parts["day"]))
        return found, found
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def _clock(day: date, parts: dict[str, str]) -> tuple[datetime, timedelta]:
    """Return the moment of a time of day, and how much time it names. Raises ValueError if there is no such time."""
    hour, minute, second = (int(parts.get(name, 0)) for name in ("hour", "minute", "second"))
    if "half" in parts:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour of half a day")
        hour = hour % 12 + (12 if parts["half"] == "PM" else 0)
    midnight = datetime(day.year, day.month, day.day)
    if hour == 24 and minute == second == 0:
        midnight, hour = midnight + DAY, 0
    # A leap second counts as the one before it.
    moment = midnight.replace(hour=hour, minute=minute, second=59 if second == 60 else second)
    if "fraction" in parts:
        digits = parts["fraction"][:3]
        length = 10 ** (3 - len(digits))
        return moment + int(digits) * length * MILLISECOND, length * MILLISECOND
    return moment, SECOND if "second" in parts else MINUTE if "minute" in parts else HOUR


def _offset(parts: dict[str, str]) -> timedelta | None:
    """Return how far the zone is ahead of UTC; None if there is no such zone."""
    if "sign" not in parts:
        return timedelta()
    offset = timedelta(hours=int(parts["zone_hours"]), minutes=int(parts.get("zone_minutes", 0)))
    if offset > timedelta(hours=14) or int(parts.get("zone_minutes", 0)) > 59:
        return None
    return -offset if parts["sign"] == "-" else offset


def _calendar_moment(milliseconds: int) -> Window | None:
    """Return the moment as a window; None if it is outside of the years 1 to 9999."""
    return Window(milliseconds, milliseconds) if milliseconds in CALENDAR else None
