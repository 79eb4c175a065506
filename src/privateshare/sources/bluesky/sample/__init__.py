"""Sample data: an invented member, as the API would provide it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

DID = "did:plc:sample"
TEXTS = ("The tide was out as far as I have ever seen it.", "Bread day.", "Anybody else hear the cranes tonight?")
NAMES = ("bo", "cleo", "dov", "eli", "fay", "gus")


def sample_items(listing: str, now: datetime) -> Sequence[Any]:
    """Make the items of a list. They depend only on the day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if listing == "profile":
        return [{"did": DID, "handle": "ann.example", "displayName": "Ann", "description": "Coast, bread, birds."}]
    if listing == "posts":
        return [_record("post", number, midnight, {"text": TEXTS[number % 3]}) for number in range(150)]
    if listing == "likes":
        return [
            _record("like", number, midnight, {"subject": {"uri": f"at://did:plc:bo/app.bsky.feed.post/p{number}"}})
            for number in range(80)
        ]
    return [{"did": f"did:plc:{name}", "handle": f"{name}.example", "displayName": name.title()} for name in NAMES]


def _record(kind: str, number: int, midnight: datetime, value: dict[str, Any]) -> dict[str, Any]:
    written = midnight - timedelta(days=4 * number, hours=2)
    uri = f"at://{DID}/app.bsky.feed.{kind}/{kind}{number}"
    return {"uri": uri, "value": value | {"createdAt": f"{written:%Y-%m-%dT%H:%M:%S}.000Z"}}
