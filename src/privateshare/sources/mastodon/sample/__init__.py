"""Sample data: the posts, likes and contacts of an invented member, as the API would provide them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

POSTS, LIKES, CONTACTS = 240, 60, 18
DAYS_BETWEEN_POSTS = 3
TEXTS = (
    "Rode to the coast and back. Wind from every side.",
    "Does anybody know a good book about tides?",
    "The bakery on the corner opens at six. I know that now.",
    "First frost on the garden this morning.",
    "Repaired the old radio. It was a single solder joint.",
    "Our choir sings on Sunday at four. Everybody is welcome.",
)
NAMES = ("Bo", "Cleo", "Dov", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun")


def sample_items(listing: str, now: datetime) -> Sequence[Any]:
    """Make the items of a list. They depend only on the day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if listing == "profile":
        return [_member("ann", "Ann", midnight - timedelta(days=POSTS * DAYS_BETWEEN_POSTS + 1))]
    if listing == "statuses":
        return [_status(number, midnight) for number in range(POSTS)]
    if listing == "favourites":
        authors = [NAMES[number % len(NAMES)] for number in range(LIKES)]
        return [
            _status(number, midnight) | {"id": f"9{number:05}", "account": _member(name.lower(), name, midnight)}
            for number, name in enumerate(authors)
        ]
    number = CONTACTS if listing == "following" else CONTACTS // 2
    return [
        _member(f"{NAMES[one % len(NAMES)].lower()}{one}", NAMES[one % len(NAMES)], midnight) for one in range(number)
    ]


def _status(number: int, midnight: datetime) -> dict[str, Any]:
    written = midnight - timedelta(days=DAYS_BETWEEN_POSTS * number, hours=3 + number % 9)
    return {
        "id": f"{POSTS - number:06}",
        "created_at": f"{written:%Y-%m-%dT%H:%M:%S}.000Z",
        "content": f"<p>{TEXTS[number % len(TEXTS)]}</p>",
        "url": f"https://social.example/@ann/{POSTS - number:06}",
        "favourites_count": number % 7,
        "reblogs_count": number % 3,
    }


def _member(name: str, display_name: str, joined: datetime) -> dict[str, Any]:
    return {
        "id": f"member-{name}",
        "username": name,
        "acct": name,
        "display_name": display_name,
        "created_at": f"{joined:%Y-%m-%d}T00:00:00.000Z",
        "note": "<p>Cycling, radios, choir.</p>",
        "url": f"https://social.example/@{name}",
        "statuses_count": POSTS,
        "followers_count": CONTACTS // 2,
        "following_count": CONTACTS,
    }
