"""Durations as people write them: `90s`, `30m`, `24h`, `60d`."""

import re
from datetime import timedelta
from typing import Any

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MAX_DURATION = timedelta(days=100 * 365)
FORM = "must be a number and a unit (s, m, h, d or w), such as 30m, 24h or 60d"

_PARTS = re.compile(r"(\d{1,9})([smhdw])")
_SECONDS = re.compile(r"\d{1,10}")
_ISO = re.compile(r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?", re.ASCII)


def parse_duration(value: Any) -> timedelta:
    """Parse a duration above 0. A number alone counts seconds, and the form of ISO 8601 (`PT30M`) is accepted too.

    Raises ValueError.
    """
    duration = value if isinstance(value, timedelta) else _parse(value)
    if not timedelta(0) < duration <= MAX_DURATION:
        raise ValueError("must be longer than 0 and at most a hundred years")
    return duration


def _parse(value: Any) -> timedelta:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=min(value, MAX_DURATION.total_seconds() + 1))
    if not isinstance(value, str):
        raise ValueError(FORM)
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum((timedelta(**{UNITS[unit]: int(number)}) for number, unit in parts), timedelta(0))
    iso = _ISO.fullmatch(text)
    if iso is not None and any(iso.groups()):
        days, hours, minutes, seconds = (int(part or 0) for part in iso.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    raise ValueError(FORM)
