"""Sample data: parts of an export of an invented person, whose last day is yesterday. A day's entries never change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import json_file, sample_days

SUBJECTS = ("sourdough", "night trains", "bicycle tyres", "tide tables", "choir near me")
PAGES = (("How bread rises", "bread.example"), ("Night trains", "trains.example"), ("Tides today", "tides.example"))
FILMS = ("Paper Boats", "Low Tide", "Night Train")
TITLES = ("Shopping", "Ideas for the garden", "Books to read", "Packing list")
LINES = ("bread", "apples", "a rope", "candles", "tickets")
DAYS_BETWEEN_PICTURES = 3
DAYS_BETWEEN_NOTES = 9


def photo_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample of Google Photos."""
    files = []
    for number, (moment, chance) in enumerate(sample_days(now, "photo")):
        folder = f"Photos from {moment:%Y}"
        if number % 30 == 0:
            folder = f"Walk of {moment:%d %B %Y}"
            album = {"title": folder, "access": "protected", "date": _time(moment), "geoData": {}}
            files.append(json_file(f"Takeout/Google Photos/{folder}/metadata.json", album))
        if number % DAYS_BETWEEN_PICTURES == 0:
            name = f"IMG_{moment:%Y%m%d}.jpg"
            picture = {
                "title": name,
                "description": "",
                "photoTakenTime": _time(moment),
                "geoData": {"latitude": 52 + chance.randint(0, 99) / 100, "longitude": 5 + chance.randint(0, 99) / 100},
                "url": f"https://photos.google.com/photo/S{moment:%Y%m%d}",
            }
            files.append(json_file(f"Takeout/Google Photos/{folder}/{name}.json", picture))
    return files


def note_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample of Google Keep."""
    files = []
    for number, (moment, chance) in enumerate(sample_days(now, "note")):
        if number % DAYS_BETWEEN_NOTES:
            continue
        microseconds = int(moment.timestamp()) * 1_000_000
        lines = [{"text": line, "isChecked": chance.random() < 0.5} for line in chance.sample(LINES, 3)]
        note = {
            "title": chance.choice(TITLES),
            "isTrashed": False,
            "isPinned": number == 0,
            "isArchived": False,
            "createdTimestampUsec": microseconds,
            "userEditedTimestampUsec": microseconds + 60_000_000,
            **({"listContent": lines} if chance.random() < 0.5 else {"textContent": "Ask Jo about it."}),
        }
        files.append(json_file(f"Takeout/Keep/{moment:%Y-%m-%d}.json", note))
    return files


def activity_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample of My Activity and Chrome."""
    activities: list[dict[str, Any]] = []
    visits: list[dict[str, Any]] = []
    for number, (moment, chance) in enumerate(sample_days(now, "activity")):
        subject, (title, host) = chance.choice(SUBJECTS), chance.choice(PAGES)
        address = f"https://www.google.com/search?q={subject.replace(' ', '+')}"
        time = moment.isoformat()
        activities.append({"header": "Search", "title": f"Searched for {subject}", "titleUrl": address, "time": time})
        if number % 10 == 0:
            film = f"https://play.google.com/store/movies/details?id={number}"
            name = f"Watched {chance.choice(FILMS)}"
            activities.append({"header": "Google TV", "title": name, "titleUrl": film, "time": time})
        microseconds = int(moment.timestamp()) * 1_000_000
        visits.append({"title": title, "url": f"https://{host}/{number}", "time_usec": microseconds})
    return [
        json_file("Takeout/My Activity/Search/MyActivity.json", activities),
        json_file("Takeout/Chrome/History.json", {"Browser History": visits}),
    ]


def _time(moment: datetime) -> dict[str, str]:
    return {"timestamp": str(int(moment.timestamp()))}
