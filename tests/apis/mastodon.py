"""Mastodon's API, as docs.joinmastodon.org describes it."""

from typing import Any

from privateshare.testing.api_server import Api, Listed, linked


def account(name: str, **more: Any) -> dict[str, Any]:
    found = {
        "id": f"id-{name}",
        "username": name,
        "acct": name,
        "display_name": name.title(),
        "note": "<p>Hi &amp; bye</p>",
    }
    return found | {"url": f"https://social.example/@{name}", "created_at": "2020-02-03T00:00:00.000Z"} | more


def status(number: int, **more: Any) -> dict[str, Any]:
    day, hour = 1 + number // 24 % 28, number % 24
    found = {"id": str(100_000 + number), "created_at": f"2026-0{1 + number // 672}-{day:02}T{hour:02}:00:00.000Z"}
    found |= {"content": f"<p>Post<br>{number}</p>", "url": f"https://social.example/@ann/{number}"}
    found |= {"uri": f"https://social.example/users/ann/statuses/{100_000 + number}", "visibility": "public"}
    return found | {"reblog": None, "favourites_count": 3, "reblogs_count": 0, "account": account("bo")} | more


def mastodon() -> Api:
    me = account("ann", statuses_count=95, followers_count=100, following_count=3, locked=False)
    return Api(
        register="/api/v1/apps",
        expires=False,
        answers={"/api/v1/accounts/verify_credentials": me},
        lists={
            "/api/v1/accounts/id-ann/statuses": Listed([status(number) for number in range(95, 0, -1)], linked(40)),
            "/api/v1/favourites": Listed([status(number) for number in range(50, 0, -1)], linked(40)),
            "/api/v1/accounts/id-ann/followers": Listed([account(f"f{number}") for number in range(100)], linked(80)),
            "/api/v1/accounts/id-ann/following": Listed([account(f"g{number}") for number in range(3)], linked(80)),
        },
        limited=(429, {"Retry-After": "17"}, {"error": "Too many requests"}),
    )
