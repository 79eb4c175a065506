"""A good archive for tests/contract/test_sources.py."""

import json

from tests.archives import zipped

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def archive(posts: int) -> bytes:
    """An archive with so many posts."""
    items = [
        {
            "id": f"https://m.example/users/ann/statuses/{number}/activity",
            "type": "Create",
            "published": "2026-03-04T05:06:07Z",
            "object": {
                "id": f"https://m.example/users/ann/statuses/{number}",
                "published": "2026-03-04T05:06:07Z",
                "to": [PUBLIC],
                "content": "<p>Hi</p>",
            },
        }
        for number in range(posts)
    ]
    outbox = {"id": "outbox.json", "type": "OrderedCollection", "orderedItems": items}
    return zipped({"outbox.json": json.dumps(outbox).encode()})


GOOD_ARCHIVES = {9050: archive}
FOREIGN = "holds no data of"
