"""Sample data: exports of an invented person, in the layouts that both services write today.

What happens on a day depends on the day only. The last day is yesterday.
"""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from privateshare.sources.archive import UploadedFile

DAYS = 300
JOINED_BEFORE_DAYS = 330
ME, MY_NAME = "mira.sample", "Mira Sample"
FRIENDS = (
    ("jonas.sample", "Jonas Sample"),
    ("anouk.sample", "Anouk Sample"),
    ("emre.sample", "Emre Sample"),
    ("zoë.sample", "Zoë Sample"),
    ("paula.sample", "Paula Sample"),
)
CAPTIONS = ("First snow 🌨️", "Café with a view", "Sunday on the river", "New bread recipe", "The garden in bloom 🌷")
COMMENTS = ("So beautiful!", "Where is that?", "Congratulations 🎉", "I miss this place", "Save me a piece")
CHAT = ("Are you coming on Friday?", "Yes, at seven", "Shall I bring something?", "Just yourselves 😊", "See you there")


def instagram_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of an Instagram export that ends yesterday."""
    days = [(int(day.timestamp()), chance) for day, chance in _days(now)]
    joined = int((_midnight(now) - timedelta(days=JOINED_BEFORE_DAYS)).timestamp())
    activity, connections = "your_instagram_activity", "connections/followers_and_following"
    personal = "personal_information/personal_information"
    sign_in = "security_and_login_information/login_and_profile_creation"
    return [
        _file(f"{personal}/personal_information.json", {"profile_user": [_instagram_profile()]}),
        _file(f"{sign_in}/signup_details.json", {"account_history_registration_info": [_labels(Time=joined)]}),
        _file(f"{activity}/media/posts_1.json", [_instagram_post(*day) for day in days[::6]]),
        _file(f"{activity}/comments/post_comments_1.json", [_instagram_comment(*day) for day in days[::4]]),
        _file(
            f"{activity}/likes/liked_posts.json", {"likes_media_likes": [_instagram_like(*day) for day in days[::2]]}
        ),
        _file(f"{connections}/followers_1.json", [_instagram_person(*one) for one in zip(days, FRIENDS, strict=False)]),
        _file(f"{activity}/messages/inbox/jonas_17/message_1.json", _conversation(days)),
    ]


def facebook_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of a Facebook export that ends yesterday."""
    days = [(int(day.timestamp()), chance) for day, chance in _days(now)]
    joined = int((_midnight(now) - timedelta(days=JOINED_BEFORE_DAYS)).timestamp())
    activity, personal = "your_facebook_activity", "personal_information/profile_information"
    posts = f"{activity}/posts"
    friends = [{"name": name, "timestamp": day} for (_, name), (day, _) in zip(FRIENDS, days, strict=False)]
    profile = {
        "name": {"full_name": MY_NAME, "first_name": "Mira", "last_name": "Sample"},
        "registration_timestamp": joined,
    }
    album = {"name": "Garden", "photos": [_photo(*day) for day in days[::40]], "last_modified_timestamp": days[-1][0]}
    return [
        _file(f"{personal}/profile_information.json", {"profile_v2": profile}),
        _file(f"{posts}/your_posts__check_ins__photos_and_videos_1.json", [_facebook_post(*day) for day in days[::6]]),
        _file(f"{posts}/album/0.json", album),
        _file(
            f"{activity}/comments_and_reactions/comments.json",
            {"comments_v2": [_facebook_comment(*d) for d in days[::4]]},
        ),
        _file(f"{activity}/comments_and_reactions/likes_and_reactions_1.json", [_reaction(*day) for day in days[::2]]),
        _file("connections/friends/your_friends.json", {"friends_v2": friends}),
        _file(f"{activity}/messages/inbox/jonas_17/message_1.json", _conversation(days)),
    ]


def broken_text(text: str) -> str:
    """Write a text as Meta does: each byte of UTF-8 as a character."""
    return text.encode().decode("latin-1")


def _file(path: str, content: Any) -> UploadedFile:
    data = json.dumps(_broken(content)).encode()
    return UploadedFile(path, partial(_opened, data), len(data))


def _opened(data: bytes) -> Any:
    return nullcontext(io.BytesIO(data))


def _broken(value: Any) -> Any:
    if isinstance(value, str):
        return broken_text(value)
    if isinstance(value, list):
        return [_broken(item) for item in value]
    return {name: _broken(item) for name, item in value.items()} if isinstance(value, dict) else value


def _days(now: datetime) -> Iterator[tuple[datetime, Random]]:
    """Yield the days of the sample with a moment of each, and a source of chance that depends on the day."""
    for back in range(DAYS, 0, -1):
        day = _midnight(now) - timedelta(days=back)
        chance = Random(f"social {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
        yield day + timedelta(seconds=chance.randint(7 * 3600, 82_000)), chance


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _labels(**values: str | int) -> dict[str, Any]:
    fields = {
        name.replace("_", " "): {"href": "", "value": "", "timestamp": value}
        if isinstance(value, int)
        else {"href": "", "value": value, "timestamp": 0}
        for name, value in values.items()
    }
    return {"title": "", "media_map_data": {}, "string_map_data": fields}


def _instagram_profile() -> dict[str, Any]:
    return _labels(Email="mira@example.org", Username=ME, Name=MY_NAME, Bio="Bread, rivers, cameras")


def _photo(day: int, chance: Random) -> dict[str, Any]:
    uri = f"media/posts/{day}_{chance.randint(10**9, 10**10)}_n.jpg"
    return {"uri": uri, "creation_timestamp": day, "media_metadata": {}, "title": "", "description": ""}


def _instagram_post(day: int, chance: Random) -> dict[str, Any]:
    return {"media": [_photo(day, chance) | {"title": chance.choice(CAPTIONS)}]}


def _instagram_comment(day: int, chance: Random) -> dict[str, Any]:
    return _labels(Comment=chance.choice(COMMENTS), Media_Owner=chance.choice(FRIENDS)[0], Time=day)


def _instagram_like(day: int, chance: Random) -> dict[str, Any]:
    link = f"https://www.instagram.com/p/C{chance.randint(10**9, 10**10)}/"
    liked = {"href": link, "value": "\U0001f44d", "timestamp": day}
    return {"title": chance.choice(FRIENDS)[0], "string_list_data": [liked]}


def _instagram_person(day: tuple[int, Random], friend: tuple[str, str]) -> dict[str, Any]:
    name = friend[0].replace("ë", "e")
    entry = {"href": f"https://www.instagram.com/{name}", "value": name, "timestamp": day[0]}
    return {"title": "", "media_list_data": [], "string_list_data": [entry]}


def _facebook_post(day: int, chance: Random) -> dict[str, Any]:
    media = [{"data": [{"media": _photo(day, chance)}]}]
    text = chance.choice(CAPTIONS)
    return {"timestamp": day, "attachments": media, "data": [{"post": text}], "title": f"{MY_NAME} added a new photo."}


def _facebook_comment(day: int, chance: Random) -> dict[str, Any]:
    comment = {"timestamp": day, "comment": chance.choice(COMMENTS), "author": MY_NAME}
    title = f"{MY_NAME} commented on {chance.choice(FRIENDS)[1]}'s post."
    return {"timestamp": day, "data": [{"comment": comment}], "title": title}


def _reaction(day: int, chance: Random) -> dict[str, Any]:
    reaction = {"reaction": chance.choice(("LIKE", "LIKE", "LOVE", "HAHA")), "actor": MY_NAME}
    title = f"{MY_NAME} likes {chance.choice(FRIENDS)[1]}'s photo."
    return {"timestamp": day, "data": [{"reaction": reaction}], "title": title}


def _conversation(days: Sequence[tuple[int, Random]]) -> dict[str, Any]:
    people = (MY_NAME, FRIENDS[0][1])
    messages = [
        {"sender_name": people[number % 2], "timestamp_ms": day * 1000 + number, "content": CHAT[number % len(CHAT)]}
        for number, (day, _) in enumerate(days[::3])
    ]
    return {"participants": [{"name": name} for name in people], "messages": messages[::-1], "title": people[1]}
