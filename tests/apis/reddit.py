"""Reddit's API, as reddit.com/dev/api describes it."""

from typing import Any

from privateshare.testing.api_server import Answer, Api, Call, Listed

CREATED = 1_740_000_000


def post(number: int) -> dict[str, Any]:
    data = {
        "id": f"p{number}",
        "name": f"t3_p{number}",
        "created_utc": CREATED + number * 3600.0,
        "title": f"T{number}",
    }
    data |= {"permalink": f"/r/x/comments/p{number}/t/", "subreddit": "x", "selftext": "", "url": "https://a.example/"}
    return {"kind": "t3", "data": data}


def comment(number: int) -> dict[str, Any]:
    data = {"id": f"c{number}", "name": f"t1_c{number}", "created_utc": CREATED + number * 3600.0, "body": "Yes"}
    data |= {"permalink": f"/r/x/comments/p1/t/c{number}/", "subreddit": "x", "parent_id": "t3_p1"}
    return {"kind": "t1", "data": data}


def after(items: list[Any], call: Call) -> Answer:
    start, size = int(call.query.get("after", 0)), int(call.query["limit"])
    following = str(start + size) if start + size < len(items) else None
    return 200, {}, {"kind": "Listing", "data": {"children": items[start : start + size], "after": following}}


def reddit() -> Api:
    return Api(
        authorize="/api/v1/authorize",
        token="/api/v1/access_token",
        revoke="/api/v1/revoke_token",
        rotates=False,
        answers={"/api/v1/me": {"name": "Ann", "id": "x1"}},
        lists={
            "/user/ann/submitted": Listed([post(number) for number in range(210, 0, -1)], after),
            "/user/ann/comments": Listed([comment(number) for number in range(30, 0, -1)], after),
            "/user/ann/upvoted": Listed([post(number) for number in range(300, 310)], after),
            "/user/ann/downvoted": Listed([comment(number) for number in range(400, 405)], after),
        },
        limited=(429, {"X-Ratelimit-Reset": "212.0"}, {"error": 429}),
    )
