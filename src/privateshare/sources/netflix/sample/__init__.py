"""Sample data: the viewing activity of an invented person, whose last day is yesterday. A day's rows never change."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random

from privateshare.sources.archive import UploadedFile

DAYS = 365
TITLES = ("Paper Boats", "Low Tide: Season 1: Arrival", "Low Tide: Season 1: The Storm", "Night Train", "Kite")
ACTIVITY = "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Device Type,Country"
SEARCHES = "Profile Name,Query Typed,Utc Timestamp"


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    watched, searched = [ACTIVITY], [SEARCHES]
    for back in range(1, DAYS + 1):
        chance = Random(f"film {midnight - timedelta(days=back):%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
        moment = midnight - timedelta(days=back) + timedelta(seconds=chance.randint(17 * 3600, 80_000))
        minutes, title = chance.randint(20, 59), chance.choice(TITLES)
        watched.append(f"Sam,{moment:%Y-%m-%d %H:%M:%S},00:{minutes}:00,,{title},,Smart TV,NL (Netherlands)")
        if back % 7 == 1:
            searched.append(f"Sam,{title.split(':')[0].lower()},{moment - timedelta(minutes=2):%Y-%m-%d %H:%M:%S}")
    return [_file("ViewingActivity.csv", watched), _file("SearchHistory.csv", searched)]


def _file(name: str, lines: list[str]) -> UploadedFile:
    data = "\n".join(lines).encode()
    return UploadedFile(name, lambda: nullcontext(io.BytesIO(data)), len(data))
