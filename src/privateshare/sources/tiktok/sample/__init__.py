"""Sample data: the export of an invented person, whose last day is yesterday. A day's entries never change."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import json_file, sample_days

SUBJECTS = ("sourdough", "tiny houses", "marble runs", "old trams")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    lists: dict[str, list[Any]] = {}
    for number, (day, chance) in enumerate(sample_days(now, "tiktok")):
        date, subject = f"{day:%Y-%m-%d %H:%M:%S}", chance.choice(SUBJECTS)
        link = f"https://www.tiktokv.com/share/video/{7_000_000_000_000_000_000 + int(day.timestamp())}/"
        lists.setdefault("watched", []).append({"Date": date, "Link": link})
        if number % 3 == 0:
            lists.setdefault("liked", []).append({"date": date, "link": link})
            lists.setdefault("searched", []).append({"Date": date, "SearchTerm": subject})
        if number % 11 == 0:
            lists.setdefault("written", []).append({"date": date, "comment": f"More {subject}, please!"})
            lists.setdefault("said", []).append({"Date": date, "From": "sample_friend", "Content": f"See {link}"})
            lists.setdefault("fans", []).append({"Date": date, "UserName": f"sample_fan_{number}"})
            own = {"Date": date, "Link": f"https://video.example/{number}.mp4", "Likes": str(chance.randint(0, 90))}
            lists.setdefault("published", []).append(own | {"Title": f"My {subject}"})
    content = {
        "Profile And Settings": {"Profile Info": {"ProfileMap": {"userName": "sample_person", "bioDescription": "Hi"}}},
        "Your Activity": {
            "Watch History": {"VideoList": lists["watched"]},
            "Like List": {"ItemFavoriteList": lists["liked"]},
            "Searches": {"SearchList": lists["searched"]},
            "Follower": {"FansList": lists["fans"]},
        },
        "Comment": {"Comments": {"CommentsList": lists["written"]}},
        "Direct Message": {"Direct Messages": {"ChatHistory": {"Chat History with sample_friend:": lists["said"]}}},
        "Post": {"Posts": {"VideoList": lists["published"]}},
    }
    return [json_file("user_data_tiktok.json", content)]
