"""Sample data: the calendar of an invented person, whose last day is yesterday. A day's events never change."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random

from privateshare.sources.archive import UploadedFile

DAYS = 365
DAYS_BETWEEN = 4
SUMMARIES = (("Dentist", "Mill Lane 4"), ("Choir", "Old school"), ("Lunch with Jo", "Harbour"), ("Haircut", ""))
BIRTHDAYS = ("Mira’s birthday", "Grandpa’s birthday")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "X-WR-CALNAME:Home"]
    for back in range(DAYS, 0, -1):
        day = midnight - timedelta(days=back)
        if day.toordinal() % DAYS_BETWEEN == 0 or back == 1:
            lines += _event(day)
        if day.day == 1:
            lines += _whole_day(day)
    data = "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()
    return [UploadedFile("Home.ics", lambda: nullcontext(io.BytesIO(data)), len(data))]


def _event(day: datetime) -> list[str]:
    chance = Random(f"event {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
    (summary, place), hour = chance.choice(SUMMARIES), chance.randint(8, 19)
    return [
        "BEGIN:VEVENT",
        f"UID:{day:%Y%m%d}@example.org",
        f"DTSTART;TZID=Europe/Amsterdam:{day:%Y%m%d}T{hour:02}3000",
        f"DTEND;TZID=Europe/Amsterdam:{day:%Y%m%d}T{hour + 1:02}3000",
        f"SUMMARY:{summary}",
        *([f"LOCATION:{place}"] if place else []),
        "STATUS:CONFIRMED",
        "END:VEVENT",
    ]


def _whole_day(day: datetime) -> list[str]:
    summary = BIRTHDAYS[day.month % len(BIRTHDAYS)]
    return [
        "BEGIN:VEVENT",
        f"UID:day-{day:%Y%m%d}@example.org",
        f"DTSTART;VALUE=DATE:{day:%Y%m%d}",
        f"SUMMARY:{summary}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]
