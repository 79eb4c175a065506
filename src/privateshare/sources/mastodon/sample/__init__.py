"""Sample data: the archive of an invented person, whose last day is yesterday. A day's posts never change."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from privateshare.sources.archive import UploadedFile
from privateshare.sources.mastodon.reader import PUBLIC
from privateshare.sources.sample_building import json_file, sample_days, table_file

ACTOR = "https://social.example/users/sample"
TEXTS = ("Found a new path by the river.", "Tea first.", "The swifts are back!", "Mended the old lamp.")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    items = []
    for day, chance in sample_days(now, "mastodon"):
        date, own_id = f"{day:%Y-%m-%dT%H:%M:%SZ}", f"{ACTOR}/statuses/{day:%Y%m%d}"
        is_private = chance.random() < 0.1
        note = {
            "id": own_id,
            "type": "Note",
            "published": date,
            "attributedTo": ACTOR,
            "to": ["https://social.example/users/friend"] if is_private else [PUBLIC[0]],
            "content": f"<p>{chance.choice(TEXTS)}</p>",
            "attachment": [{"mediaType": "image/png", "url": "/media_attachments/files/1/original/1.png"}],
        }
        items.append({"id": f"{own_id}/activity", "type": "Create", "published": date, "object": note})
    joined = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=364)
    actor = {"id": ACTOR, "type": "Person", "preferredUsername": "sample", "name": "Sample", "summary": "<p>Walks</p>"}
    liked = [f"https://social.example/users/friend/statuses/{number}" for number in range(40)]
    followed = [(f"friend{number}@social.example", "true") for number in range(20)]
    return [
        json_file("actor.json", actor | {"published": f"{joined:%Y-%m-%dT%H:%M:%SZ}"}),
        json_file("outbox.json", {"id": "outbox.json", "type": "OrderedCollection", "orderedItems": items}),
        json_file("likes.json", {"id": "likes.json", "type": "OrderedCollection", "orderedItems": liked}),
        table_file("following_accounts.csv", ("Account address", "Show boosts"), followed),
    ]
