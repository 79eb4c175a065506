"""A good archive for tests/contract/test_sources.py."""

import json

from tests.archives import zipped


def listenbrainz(plays: int) -> bytes:
    """An export with so many plays."""
    lines = [
        json.dumps({"listened_at": 1_770_000_000 + number, "track_metadata": {"artist_name": "A", "track_name": "T"}})
        for number in range(plays)
    ]
    return zipped({"listens/2026/2.jsonl": "\n".join(lines).encode()})


GOOD_ARCHIVES = {9056: listenbrainz}
FOREIGN = "holds no data of"
