"""Good archives for tests/contract/test_sources.py."""

import json
from datetime import UTC, datetime, timedelta

from tests.archives import zipped


def export(entries: int) -> bytes:
    """An export with so many comments, or searches if they are many."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    dates = [f"{start + timedelta(minutes=number):%F %T}" for number in range(entries)]
    content = {
        "Your Activity": {"Searches": {"SearchList": [{"Date": date, "SearchTerm": "bread"} for date in dates]}},
        "Comment": {"Comments": {"CommentsList": [{"date": date, "comment": "Hi"} for date in dates]}},
    }
    return zipped({"user_data_tiktok.json": json.dumps(content).encode()})


GOOD_ARCHIVES = {9032: export, 9033: export}
FOREIGN = "holds no data of"
