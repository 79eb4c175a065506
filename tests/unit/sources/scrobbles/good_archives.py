"""Good archives for tests/contract/test_sources.py."""

import json

from tests.archives import zipped
from tests.export_reading import table


def lastfm(plays: int) -> bytes:
    """A table with so many plays."""
    return table("scrobbles.csv", "artist,album,track,date", "Die Ärzte,An Album,Song {number},{moment}", plays)


def listenbrainz(plays: int) -> bytes:
    """An export with so many plays."""
    lines = [
        json.dumps({"listened_at": 1_770_000_000 + number, "track_metadata": {"artist_name": "A", "track_name": "T"}})
        for number in range(plays)
    ]
    return zipped({"listens/2026/2.jsonl": "\n".join(lines).encode()})


GOOD_ARCHIVES = {9045: lastfm, 9046: listenbrainz}
FOREIGN = "holds no data of"
