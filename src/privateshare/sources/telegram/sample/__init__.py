"""Sample data: the export of an invented person, whose last day is yesterday. A day's messages never change."""

from collections.abc import Sequence
from datetime import datetime

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import json_file, sample_days

TEXTS = ("Are you there?", "On my way.", "The bread is ready.", "Look at that cloud!")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    messages = [
        {
            "id": int(f"{day:%Y%m%d}"),
            "type": "message",
            "date": f"{day:%Y-%m-%dT%H:%M:%S}",
            "date_unixtime": str(int(day.timestamp())),
            "from": chance.choice(("Ida", "Sam")),
            "text": chance.choice(TEXTS),
        }
        for day, chance in sample_days(now, "telegram")
    ]
    contact = {"first_name": "Ida", "last_name": "Berg", "phone_number": "+43 000"}
    content = {
        "contacts": {"about": "", "list": [contact]},
        "chats": {"list": [{"name": "Ida", "type": "personal_chat", "id": 7, "messages": messages}]},
    }
    return [json_file("result.json", content)]
