"""Good archives for tests/contract/test_sources.py."""

import json
from datetime import UTC, datetime, timedelta

from tests.archives import zipped
from tests.export_reading import table


def letterboxd(entries: int) -> bytes:
    """A diary with so many entries."""
    header = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date"
    row = "2026-03-04,Kite,2022,https://boxd.it/{number},4.5,,,{moment}"
    return table("diary.csv", header, row, entries)


def trakt(entries: int) -> bytes:
    """A history with so many entries."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    history = [
        {
            "id": number,
            "watched_at": f"{start + timedelta(minutes=number):%FT%TZ}",
            "movie": {"title": "Kite", "ids": {"trakt": 7}},
        }
        for number in range(1, entries + 1)
    ]
    return zipped({"watched-history-1.json": json.dumps(history).encode()})


def imdb(ratings: int) -> bytes:
    """A table with so many ratings."""
    return table("ratings.csv", "Const,Your Rating,Date Rated,Title,Year", "tt{number},7,2026-03-04,Kite,2022", ratings)


GOOD_ARCHIVES = {9038: letterboxd, 9039: trakt, 9040: imdb}
FOREIGN = "holds no data of"
