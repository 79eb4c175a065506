"""Good archives for tests/contract/test_sources.py."""

import json
from typing import Any

from tests.archives import zipped


def pictures(number: int) -> bytes:
    """An export of Google Photos with so many descriptions, in one file so that it is made fast."""
    listed = [
        {
            "title": f"{one}.jpg",
            "photoTakenTime": {"timestamp": str(1_780_000_000 + one)},
            "url": f"https://p.example/{one}",
        }
        for one in range(number)
    ]
    return _takeout("Google Photos/Photos from 2026/pictures.json", listed)


def notes(number: int) -> bytes:
    """An export of Keep with so many notes."""
    moments = (1_780_000_000_000_000 + one * 1_000_000 for one in range(number))
    return _takeout("Keep/notes.json", [{"isTrashed": False, "createdTimestampUsec": moment} for moment in moments])


def activities(number: int) -> bytes:
    """An export of My Activity with so many searches."""
    listed = [
        {
            "header": "Search",
            "title": f"Searched for {one}",
            "titleUrl": f"https://www.google.com/search?q={one}",
            "time": f"2026-03-{1 + one % 28:02}T10:{one % 60:02}:00Z",
        }
        for one in range(number)
    ]
    return _takeout("My Activity/Search/MyActivity.json", listed)


def _takeout(path: str, content: Any) -> bytes:
    return zipped({f"Takeout/{path}": json.dumps(content).encode()})


GOOD_ARCHIVES = {9013: pictures, 9014: notes, 9015: activities}
FOREIGN = "holds no descriptions of pictures|holds no notes|holds no searches"
