"""A good archive for tests/contract/test_sources.py."""

from tests.archives import zipped

from privateshare.sources.bluesky.sample import DID, car_of


def repository(posts: int) -> bytes:
    """A zip with a repository of so many posts."""
    owner = {"did": DID, "version": 3, "rev": "3k", "data": None}
    records = [
        {"$type": "app.bsky.feed.post", "text": f"Hi {number}", "createdAt": "2026-03-04T05:06:07.123Z"}
        for number in range(posts)
    ]
    return zipped({"repo.car": car_of([owner, *records])})


GOOD_ARCHIVES = {9053: repository}
FOREIGN = "holds no data of"
