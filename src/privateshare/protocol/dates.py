"""A parser for dates in any common notation.

The result is the time window that a date may mean, so that a time limit only allows what is certainly inside it: "2020"
is the whole year, and "03/04/2020" is everything from 4 March to 3 April. A date without a time zone is read as UTC.
Date libraries are not used: they guess one meaning and fill gaps with today's date, which would let data through that
a contract does not allow.
"""

import re
import unicodedata
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from privateshare.protocol.window import Window, hull

MAX_DATE_CHARACTERS = 64
MAX_DATE_NUMBER = 10**15
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
# A smaller number of seconds is before 1973; such digits are more likely a date, such as 20200314.
MIN_EPOCH_SECONDS = 100_000_000
# A larger number would be after the year 5000 in seconds, so it is read as milliseconds.
MIN_EPOCH_MILLISECONDS = 100_000_000_000
# The Buddhist calendar is 543 years ahead: its years 2400 to 2599 are 1857 to 2056.
BUDDHIST_YEARS = range(2400, 2600)
YEARS_1_TO_9999_MILLISECONDS = range(-62_135_596_800_000, 253_402_300_800_000)

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


# The notation of FHIR, which nearly all dates use: the year, then as many further parts as are known.
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
# The name of a time zone after a time, as many programs write it. Other remarks in brackets are not removed, because
# they may say that the date is a different one.
_ZONE_NAME = re.compile(
    r"(:\d{2}(?:[.,]\d{1,12})?" + _ZONE.replace("?P<", "?P<name_") + r") ?"
    r"(?:\[!?(?:[A-Z_]+(?:/[A-Z_+\-]+){1,2}|UTC|Z)\]|\((?:[A-Z]{2,5}|[A-Z. ]{1,40} TIME)\))$",
    re.ASCII,
)
# Six digits may be a year and a month (200306), or a short year, month and day (20-03-06). They are read as year and
# month only if the other meaning is impossible.
_SIX_DIGITS = re.compile(r"(?P<year>\d{4})(?P<month>\d{2})", re.ASCII)
_SHORT_YEAR = re.compile(r"\d\d(?P<month>\d{2})(?P<day>\d{2})", re.ASCII)
_SECONDS = re.compile(r"(\d{9,13})(?:\.\d{1,9})?", re.ASCII)


def read_date(value: Any) -> Window | None:
    """Parse a date, a time, or a number of seconds or milliseconds since the epoch.

    Returns:
        The time window that the value may mean, or None if it cannot be parsed.
    """
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_DATE_NUMBER:
        return None
    return _read_text(str(value if isinstance(value, int) or not value.is_integer() else int(value)))


def read_milliseconds(value: Any) -> Window | None:
    """Parse a date of schema `digime`: a number is milliseconds since the epoch, a text is parsed by `read_date`.

    A number that could also be seconds gives a window that covers both meanings.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return read_date(value)
    if not -MAX_DATE_NUMBER < value < MAX_DATE_NUMBER:
        return None
    moment = int(value)
    found = _calendar_moment(moment)
    if found is not None and MIN_EPOCH_SECONDS <= abs(moment) < MIN_EPOCH_MILLISECONDS:
        return found.hull(Window(moment * 1000, moment * 1000 + 999))
    return found


def _read_text(text: str) -> Window | None:
    if len(text) > MAX_DATE_CHARACTERS:
        return None
    match = _FHIR.fullmatch(text)
    if match is not None:
        return _window(match)
    return hull(window for window in _readings(_cleaned(text)) if window is not None)


def _readings(text: str) -> Iterator[Window | None]:
    """Yield the window of every notation that the text matches."""
    for form in (_FHIR, *_FORMS):
        if match := form.fullmatch(text):
            yield _window(match)
    if (match := _SIX_DIGITS.fullmatch(text)) and not _is_short_date(text):
        yield _window(match)
    if match := _SECONDS.fullmatch(text):
        number = int(match[1])
        if number >= MIN_EPOCH_MILLISECONDS:
            yield _calendar_moment(number)
        elif number >= MIN_EPOCH_SECONDS:
            yield Window(number * 1000, number * 1000 + 999)


def _is_short_date(text: str) -> bool:
    match = _SHORT_YEAR.fullmatch(text)
    return match is not None and 1 <= int(match["month"]) <= 12 and 1 <= int(match["day"]) <= 31


def _cleaned(text: str) -> str:
    """Convert to upper case with ASCII digits, hyphens and spaces, without the name of a time zone at the end."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
    plain = re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), plain)
    plain = re.sub(r"[‐‑‒–—−]", "-", plain)
    return _ZONE_NAME.sub(r"\1", " ".join(plain.upper().split()))


def _window(match: re.Match[str]) -> Window | None:
    """Return the window of a matched date; None if there is no such date, such as 31 February."""
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
    if year in BUDDHIST_YEARS:
        raise ValueError("the year may be of the Buddhist calendar")
    if "week" in parts:
        monday = date.fromisocalendar(year, int(parts["week"]), int(parts.get("weekday", 1)))
        return monday, monday if "weekday" in parts else monday + 6 * DAY
    if "ordinal" in parts:
        found = date(year, 1, 1) + (int(parts["ordinal"]) - 1) * DAY
        if found.year != year:
            raise ValueError("the year has no such day")
        return found, found
    month = MONTHS[parts["name"]] if "name" in parts else int(parts["month"]) if "month" in parts else None
    if month is None:
        return date(year, 1, 1), date(year, 12, 31)
    if "day" in parts:
        found = date(year, month, int(parts["day"]))
        return found, found
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def _clock(day: date, parts: dict[str, str]) -> tuple[datetime, timedelta]:
    """Return the start and the length of a time of day. Raises ValueError if there is no such time."""
    hour, minute, second = (int(parts.get(name, 0)) for name in ("hour", "minute", "second"))
    if "half" in parts:
        if not 1 <= hour <= 12:
            raise ValueError("an hour with AM or PM must be 1 to 12")
        hour = hour % 12 + (12 if parts["half"] == "PM" else 0)
    midnight = datetime(day.year, day.month, day.day)
    if hour == 24 and minute == second == 0:
        midnight, hour = midnight + DAY, 0
    # Python has no leap seconds: second 60 is read as second 59.
    moment = midnight.replace(hour=hour, minute=minute, second=59 if second == 60 else second)
    if "fraction" in parts:
        digits = parts["fraction"][:3]
        length = 10 ** (3 - len(digits))
        return moment + int(digits) * length * MILLISECOND, length * MILLISECOND
    return moment, SECOND if "second" in parts else MINUTE if "minute" in parts else HOUR


def _offset(parts: dict[str, str]) -> timedelta | None:
    """Return the zone's offset from UTC; None if there is no such zone."""
    if "sign" not in parts:
        return timedelta()
    offset = timedelta(hours=int(parts["zone_hours"]), minutes=int(parts.get("zone_minutes", 0)))
    if offset > timedelta(hours=14) or int(parts.get("zone_minutes", 0)) > 59:
        return None
    return -offset if parts["sign"] == "-" else offset


def _calendar_moment(milliseconds: int) -> Window | None:
    """Return the moment as a window; None if it is outside the years 1 to 9999."""
    return Window(milliseconds, milliseconds) if milliseconds in YEARS_1_TO_9999_MILLISECONDS else None
