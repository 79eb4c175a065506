"""Sample data: the package of an invented person, whose last day is yesterday. A day's messages never change."""

from collections.abc import Sequence
from datetime import datetime

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import json_file, sample_days

TEXTS = ("Same time tomorrow?", "I found the missing piece.", "Good game!", "Who has the map?")
CHANNEL = "100000000000000001"


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    messages = [
        {"ID": int(f"{day:%Y%m%d}"), "Timestamp": f"{day:%Y-%m-%d %H:%M:%S}", "Contents": chance.choice(TEXTS)}
        for day, chance in sample_days(now, "discord")
    ]
    channel = {"id": CHANNEL, "type": "GUILD_TEXT", "name": "maps", "guild": {"id": "1", "name": "Board games"}}
    return [
        json_file(f"messages/c{CHANNEL}/channel.json", channel),
        json_file(f"messages/c{CHANNEL}/messages.json", messages),
    ]
