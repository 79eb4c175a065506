"""Sample data: a history of an invented person, whose last day is yesterday. A day's entries never change."""

import io
import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random
from typing import Any

from privateshare.sources.archive import UploadedFile

DAYS = 365
CHANNELS = ("Sample Science", "The Sample Kitchen", "Trains of Nowhere", "Sample News")
SUBJECTS = ("How bread rises", "Night train to the sea", "Why the sky is blue", "A walk in the rain", "Soup in an hour")
SONGS = (("Paper Boats", "The Sample Choir"), ("Low Tide", "Invented Quartet"), ("Kite", "Nora Nobody"))


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the file of the sample."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    entries = [entry for back in range(1, DAYS + 1) for entry in _entries(midnight - timedelta(days=back))]
    data = json.dumps(entries).encode()
    return [UploadedFile("watch-history.json", lambda: nullcontext(io.BytesIO(data)), len(data))]


def _entries(day: datetime) -> list[dict[str, Any]]:
    chance = Random(f"video {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
    moments = (day + timedelta(seconds=chance.randint(6 * 3600, 82_000)) for _ in range(3))
    watched, played, searched = (moment.isoformat() for moment in moments)
    channel, subject = chance.choice(CHANNELS), chance.choice(SUBJECTS)
    song, artist = chance.choice(SONGS)
    video = {
        "header": "YouTube",
        "title": f"Watched {subject}",
        "titleUrl": f"https://www.youtube.com/watch?v=S{chance.randint(10**9, 10**10)}",
        "subtitles": [{"name": channel, "url": f"https://www.youtube.com/channel/{channel.replace(' ', '')}"}],
        "time": watched,
        "products": ["YouTube"],
    }
    music = {
        "header": "YouTube Music",
        "title": f"Watched {song}",
        "titleUrl": f"https://music.youtube.com/watch?v=M{song.replace(' ', '')}00",
        "subtitles": [{"name": f"{artist} - Topic"}],
        "time": played,
        "products": ["YouTube"],
    }
    address = f"https://www.youtube.com/results?search_query={subject.replace(' ', '+').lower()}"
    search = {"header": "YouTube", "title": f"Searched for {subject.lower()}", "titleUrl": address, "time": searched}
    return [video, *([music] if chance.random() < 0.4 else []), *([search] if chance.random() < 0.3 else [])]
