"""Building days, sleeps and weighings, with the checks that all sources of fitness data need."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.object_building import EARLIEST, LATEST, Mapped, SourceAccount

DAY_MILLISECONDS = 86_400_000
MAX_SLEEP_MILLISECONDS = 2 * DAY_MILLISECONDS
MIN_KILOGRAMS, MAX_KILOGRAMS = 0.5, 1000.0
MIN_VALUE = 0.01  # Scales that could not measure something write 0.
SLEPT = ("lightsleepdurationinseconds", "deepsleepdurationinseconds", "remsleepinseconds", "unmeasurablesleepinseconds")


def midnight_of(day: str) -> int:
    """Return midnight UTC of a day such as `2026-03-04`, in milliseconds. Raises ValueError if it is no day."""
    found = date.fromisoformat(day[:10])
    moment = datetime(found.year, found.month, found.day, tzinfo=UTC)
    if not EARLIEST <= moment < LATEST - timedelta(days=1):
        raise ValueError("a day of no device")
    return round(moment.timestamp() * 1000)


def day_summary(account: SourceAccount, day: str, fields: Mapping[str, Any]) -> Mapped:
    """Build the summary of a day. Raises ValueError if it is no day."""
    midnight = midnight_of(day)
    thing = account.thing(day[:10], midnight, startdate=midnight, enddate=midnight + DAY_MILLISECONDS - 1, **fields)
    return ObjectType.DAILY_ACTIVITY_SUMMARY, thing


def sleep(account: SourceAccount, start: int, end: int, waking_day: str, seconds: Mapping[str, int | None]) -> Mapped:
    """Build a sleep.

    Args:
        account: The account.
        start: When it began, in milliseconds since the epoch.
        end: When it ended.
        waking_day: The day on which the person woke up, such as `2026-03-04`.
        seconds: How long each stage lasted, by the names of the fields, and other fields.

    Raises:
        ValueError: It ends before it begins, lasts for days, or has no such day.
    """
    if not 0 < end - start <= MAX_SLEEP_MILLISECONDS:
        raise ValueError("it ends before it begins, or lasts for days")
    midnight_of(waking_day)
    slept = sum(seconds.get(name) or 0 for name in SLEPT)
    fields: dict[str, Any] = {"durationinseconds": slept or None, "timeinbedinseconds": (end - start) // 1000}
    thing = account.thing(
        f"sleep_{start // 1000}",
        start,
        startdate=start,
        enddate=end,
        calendardate=waking_day[:10],
        **(fields | dict(seconds)),
    )
    return ObjectType.SLEEP, thing


def body_composition(
    account: SourceAccount, moment: int, kilograms: float, others: Mapping[str, float | None]
) -> Mapped:
    """Build a weighing, which is the same in every file that has it. Raises ValueError if it is impossible."""
    if not MIN_KILOGRAMS <= kilograms < MAX_KILOGRAMS:
        raise ValueError("a weight that nobody has")
    known = {name: round(value, 2) for name, value in others.items() if value and MIN_VALUE <= value < MAX_KILOGRAMS}
    if known.get("bodyFat", 0) > 100 or known.get("bodyWater", 0) > 100:
        raise ValueError("more than the whole body")
    thing = account.thing(f"body_{moment // 1000}", moment, weight=round(kilograms, 2), **known)
    return ObjectType.BODY_COMPOSITION_SUMMARY, thing
