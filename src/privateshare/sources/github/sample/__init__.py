"""Sample data: the export of an invented developer, and what only the API has."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import json_file

OWNER = "https://github.com/ann-sample"
REPOSITORY = "https://github.com/bo-build/tool"
NAMES = ("bo-build", "cleo", "dov", "eli-ops", "fay")
TITLES = ("Crash when the file is empty", "Support dark mode", "Fix a typo in the manual", "Add a test for leap years")
ISSUES, COMMENTS = 60, 90
FIRST_DAY = date(2015, 1, 1)


def sample_files(now: datetime) -> Iterator[UploadedFile]:
    """Yield the files of the sample. They depend only on the day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    yield json_file("users_000001.json", [_owner(midnight - timedelta(days=300)), _other()])
    yield json_file("issues_000001.json", [_issue(midnight - timedelta(days=6 * back + 2)) for back in range(ISSUES)])
    comments = [_comment(midnight - timedelta(days=4 * back + 1)) for back in range(COMMENTS)]
    yield json_file("issue_comments_000001.json", comments)


def sample_items(listing: str, now: datetime) -> Sequence[Any]:
    """Make the items of a list that exports do not have."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if listing == "starred":
        return [
            {
                "starred_at": _written(midnight - timedelta(days=20 * number + 5)),
                "repo": {"id": 70 + number, "full_name": f"{name}/tool", "owner": {"login": name}},
            }
            for number, name in enumerate(NAMES)
        ]
    if listing in ("followers", "following"):
        return [
            {"id": number + 2, "login": name, "html_url": f"https://github.example/{name}"}
            for number, name in enumerate(NAMES)
        ]
    return ()


def _owner(day: datetime) -> dict[str, Any]:
    return {
        "type": "user",
        "url": OWNER,
        "avatar_url": "https://avatars.githubusercontent.com/u/1?v=4",
        "login": "ann-sample",
        "name": "Ann Sample",
        "bio": "Writes small tools.",
        "website": "https://ann.example",
        "emails": [],
        "billing_plan": {"name": "free"},
        "created_at": _written(day),
    }


def _other() -> dict[str, Any]:
    return {"type": "user", "url": f"https://github.com/{NAMES[0]}", "login": NAMES[0], "billing_plan": None}


def _issue(day: datetime) -> dict[str, Any]:
    number = _number_of(day)
    return {
        "type": "issue",
        "url": f"{REPOSITORY}/issues/{number}",
        "repository": REPOSITORY,
        "user": OWNER,
        "title": TITLES[number % len(TITLES)],
        "body": "Steps are in the manual.",
        "reactions": [],
        "created_at": _written(day),
    }


def _comment(day: datetime) -> dict[str, Any]:
    number = _number_of(day)
    return {
        "type": "issue_comment",
        "url": f"{REPOSITORY}/issues/{number}#issuecomment-{number}",
        "issue": f"{REPOSITORY}/issues/{number}",
        "user": OWNER,
        "body": "Thanks, this works here too.",
        "created_at": _written(day),
    }


def _number_of(day: datetime) -> int:
    return day.toordinal() - FIRST_DAY.toordinal()


def _written(midnight: datetime) -> str:
    return f"{midnight + timedelta(hours=9):%Y-%m-%dT%H:%M:%SZ}"
