"""Reading the values of JSON APIs. What is required and missing raises ValueError, so that the item is counted."""

from datetime import UTC, date, datetime
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.sources.object_building import milliseconds, number_of, text_of

DAY_MILLISECONDS = 86_400_000


def required_text(value: Any) -> str:
    """Return a text, such as an id. Raises ValueError if there is none."""
    found = text_of(value)
    if not found:
        raise ValueError("a text is missing")
    return found


def moment_of(value: Any) -> int | None:
    """Read a date in ISO 8601, in milliseconds since the epoch; None if it is none."""
    window = read_date(value) if isinstance(value, str) else None
    return window.start if window is not None else None


def required_moment(value: Any) -> int:
    """Read a date in ISO 8601, in milliseconds since the epoch. Raises ValueError if it is none."""
    moment = moment_of(value)
    if moment is None:
        raise ValueError("a date is missing")
    return moment


def required_seconds(value: Any) -> int:
    """Convert a Unix time to milliseconds. Raises ValueError if it is none."""
    moment = milliseconds(value)
    if moment is None:
        raise ValueError("a date is missing")
    return moment


def count_of(value: Any) -> int | None:
    """Return a count; None for anything else, such as -1 for a hidden one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def whole_of(value: Any, factor: float = 1) -> int | None:
    """Return a number that is not negative as an integer, multiplied; None for anything else."""
    number = number_of(value)
    return round(number * factor) if number is not None and number >= 0 else None


def positive_of(value: Any, factor: float = 1) -> float | None:
    """Return a positive number, multiplied and rounded; None for anything else."""
    number = number_of(value)
    return round(number * factor, 3) if number is not None and number > 0 else None


def truth_of(value: Any) -> bool | None:
    """Return a truth value; None for anything else."""
    return value if isinstance(value, bool) else None


def midnight_of(day: Any) -> int:
    """Return midnight UTC of a day such as 2026-11-29, in milliseconds since the epoch. Raises ValueError."""
    found = date.fromisoformat(day)
    return int(datetime(found.year, found.month, found.day, tzinfo=UTC).timestamp() * 1000)


def offset_of(value: Any) -> int | None:
    """Return the offset from UTC of a date in ISO 8601, in seconds; None if it has none."""
    if not isinstance(value, str):
        return None
    try:
        offset = datetime.fromisoformat(value).utcoffset()
    except ValueError:
        return None
    return int(offset.total_seconds()) if offset is not None else None
