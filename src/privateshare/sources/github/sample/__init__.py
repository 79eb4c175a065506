"""Sample data: an invented developer, as the API would provide them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

NAMES = ("bo-build", "cleo", "dov", "eli-ops", "fay")
TITLES = ("Crash when the file is empty", "Support dark mode", "Fix a typo in the manual", "Add a test for leap years")


def sample_items(listing: str, now: datetime) -> Sequence[Any]:
    """Make the items of a list. They depend only on the day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if listing == "user":
        return [_user("ann", 1) | {"created_at": "2015-04-05T10:00:00Z", "followers": 5, "following": 5}]
    if listing == "issues":
        return [
            {"id": 900 - number, "created_at": _day(midnight, 9 * number + 2), "title": TITLES[number % 4], "body": "…"}
            for number in range(60)
        ]
    if listing == "events":
        return [
            {
                "id": f"e{number}",
                "type": "IssueCommentEvent",
                "created_at": _day(midnight, 4 * number + 1),
                "payload": {
                    "comment": {"id": 500 - number, "created_at": _day(midnight, 4 * number + 1), "body": "Thanks!"},
                    "issue": {"title": TITLES[number % 4], "user": {"login": NAMES[number % 5]}},
                },
            }
            for number in range(20)
        ]
    if listing == "starred":
        return [
            {
                "starred_at": _day(midnight, 20 * number + 5),
                "repo": {"id": 70 + number, "full_name": f"{name}/tool", "owner": {"login": name}},
            }
            for number, name in enumerate(NAMES)
        ]
    return [_user(name, number + 2) for number, name in enumerate(NAMES)]


def _user(login: str, number: int) -> dict[str, Any]:
    return {"id": number, "login": login, "html_url": f"https://github.example/{login}"}


def _day(midnight: datetime, back: int) -> str:
    return f"{midnight - timedelta(days=back, hours=-9):%Y-%m-%dT%H:%M:%SZ}"
