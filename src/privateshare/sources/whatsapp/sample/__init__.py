"""Sample data: a chat of two invented people, as an Android phone exports it, whose last day is yesterday."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random

from privateshare.sources.archive import UploadedFile

DAYS = 300
PEOPLE = ("Mira Sample", "Jonas Sample")
TEXTS = ("Are you home?", "On my way 🚲", "Can you bring bread?", "Of course", "See you on Friday", "Good night")
MOST_A_DAY = 4


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the file of the sample. The messages of a day never change."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    lines = []
    for back in range(DAYS, 0, -1):
        day = midnight - timedelta(days=back)
        chance = Random(f"chat {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
        minutes = sorted(chance.sample(range(7 * 60, 23 * 60), chance.randint(1, MOST_A_DAY)))
        lines += [f"{day + timedelta(minutes=minute):%d.%m.%Y, %H:%M} - {_said(chance)}" for minute in minutes]
    data = "\n".join(lines).encode()
    return [UploadedFile("WhatsApp Chat with Jonas.txt", lambda: nullcontext(io.BytesIO(data)), len(data))]


def _said(chance: Random) -> str:
    return f"{chance.choice(PEOPLE)}: {chance.choice(TEXTS)}"
