"""Sample data: an archive of an invented person, whose last day is yesterday. A day's entries never change."""

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from privateshare.sources.archive import UploadedFile
from privateshare.sources.x_archive.mapping import BITS_BELOW_THE_TIME, FIRST_MOMENT_OF_IDS, POST_DATE

DAYS = 300
JOINED_BEFORE_DAYS = 330
ME, FRIEND = "1001", "1002"
BIRDS = ("robin", "kingfisher", "heron", "wren", "goldfinch", "kestrel")
PLACES = ("by the canal", "in the park", "over the fields", "at the feeder")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    days = list(_days(now))
    joined = now.replace(hour=8, minute=0, second=0, microsecond=0) - timedelta(days=JOINED_BEFORE_DAYS)
    account = {
        "accountId": ME,
        "username": "sample_birds",
        "accountDisplayName": "Sample Birds",
        "createdAt": joined.isoformat(),
    }
    conversation = {"conversationId": f"{ME}-{FRIEND}", "messages": [_message(*day) for day in days[::5]]}
    return [
        _file("account", [{"account": account}]),
        _file("profile", [{"profile": {"description": {"bio": "Early mornings, good binoculars"}}}]),
        _file("tweets", [{"tweet": _post(*day)} for day in days[::2]]),
        _file("like", [{"like": {"tweetId": _id(*day), "fullText": _text(day[1])}} for day in days[::3]]),
        _file("follower", [{"follower": {"accountId": str(2000 + number)}} for number in range(20)]),
        _file("direct-messages", [{"dmConversation": conversation}]),
    ]


def _days(now: datetime) -> Iterator[tuple[datetime, Random]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS, 0, -1):
        day = midnight - timedelta(days=back)
        chance = Random(f"birds {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
        yield day + timedelta(seconds=chance.randint(5 * 3600, 80_000)), chance


def _file(name: str, content: list[Any]) -> UploadedFile:
    data = f"window.YTD.{name.replace('-', '_')}.part0 = {json.dumps(content)}".encode()
    return UploadedFile(f"data/{name}.js", partial(_opened, data), len(data))


def _opened(data: bytes) -> Any:
    return nullcontext(io.BytesIO(data))


def _id(day: datetime, _: Random) -> str:
    return str(int(day.timestamp() * 1000 - FIRST_MOMENT_OF_IDS) << BITS_BELOW_THE_TIME)


def _text(chance: Random) -> str:
    return f"A {chance.choice(BIRDS)} {chance.choice(PLACES)}!"


def _post(day: datetime, chance: Random) -> dict[str, Any]:
    picture = {
        "id_str": _id(day, chance),
        "media_url_https": "https://pbs.twimg.example/media/bird.jpg",
        "type": "photo",
    }
    return {
        "id_str": _id(day, chance),
        "created_at": day.strftime(POST_DATE),
        "full_text": _text(chance),
        "favorite_count": str(chance.randint(0, 40)),
        "retweet_count": str(chance.randint(0, 5)),
        "source": '<a href="https://example.org">Sample app</a>',
        "entities": {"urls": []},
        "extended_entities": {"media": [picture]},
    }


def _message(day: datetime, chance: Random) -> dict[str, Any]:
    sender, recipient = (ME, FRIEND) if chance.random() < 0.5 else (FRIEND, ME)
    sent = {"id": _id(day, chance), "senderId": sender, "recipientId": recipient, "createdAt": day.isoformat()}
    return {"messageCreate": sent | {"text": f"Did you see the {chance.choice(BIRDS)}?"}}
