"""A good archive for tests/contract/test_sources.py."""

import json
from datetime import UTC, datetime, timedelta

from tests.archives import zipped

OWNER = "https://github.com/ann"


def issues(number: int) -> bytes:
    """An export with so many issues, in one file, so that no part can be read if that is damaged."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    user = {
        "type": "user",
        "url": OWNER,
        "avatar_url": "https://avatars.githubusercontent.com/u/7?v=4",
        "login": "ann",
        "billing_plan": {"name": "free"},
        "created_at": "2015-01-01T00:00:00Z",
    }
    found = [
        {
            "type": "issue",
            "url": f"https://github.com/ann/tool/issues/{1 + index}",
            "user": OWNER,
            "title": f"Issue {index}",
            "created_at": f"{start + timedelta(minutes=index):%Y-%m-%dT%H:%M:%SZ}",
        }
        for index in range(number)
    ]
    return zipped({"users_000001.json": json.dumps([user, *found]).encode()})


GOOD_ARCHIVES = {9051: issues}
FOREIGN = "does not say whose account"
