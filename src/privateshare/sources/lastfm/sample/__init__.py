"""Sample data: the plays of an invented person, until yesterday. A day's plays never change."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import sample_days, sample_file, table_file

SONGS = (
    ("The Quiet Ferries", "Low Water", "Slack Tide"),
    ("Mara & The Lamps", "Evening Hours", "Copper Wire"),
    ("Old Orchard", "Windfall", "Ladders"),
)


def lastfm_sample(now: datetime) -> Sequence[UploadedFile]:
    """Return a table of Last.fm."""
    rows = [
        (int(moment.timestamp()), f"{moment:%d %b %Y, %H:%M}", artist, album, title)
        for moment, (artist, album, title) in _plays(now, "lastfm")
    ]
    return [table_file("scrobbles.csv", ("uts", "utc_time", "artist", "album", "track"), rows)]


def listenbrainz_sample(now: datetime) -> Sequence[UploadedFile]:
    """Return an export of ListenBrainz."""
    lines = [
        json.dumps(
            {
                "listened_at": int(moment.timestamp()),
                "track_metadata": {"artist_name": artist, "release_name": album, "track_name": title},
            }
        )
        for moment, (artist, album, title) in _plays(now, "listenbrainz")
    ]
    return [sample_file("listens/listens.jsonl", "\n".join(lines).encode())]


def _plays(now: datetime, name: str) -> Iterator[tuple[datetime, tuple[str, str, str]]]:
    for day, chance in sample_days(now, name):
        for number in range(chance.randint(0, 3)):
            yield day + timedelta(minutes=4 * number), chance.choice(SONGS)
