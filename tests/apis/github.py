"""GitHub's REST API, as docs.github.com describes it."""

from typing import Any

from privateshare.testing.api_server import Answer, Api, ApiServer, Call, Listed, linked


def user(login: str, number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "login": login, "html_url": f"https://github.com/{login}", "created_at": None} | more


def issue(number: int) -> dict[str, Any]:
    day = f"2025-{1 + number // 28 % 12:02}-{1 + number % 28:02}T08:00:{number % 60:02}Z"
    found = {"id": 1000 + number, "title": f"Issue {number}", "body": None, "created_at": day}
    return found | {"html_url": f"https://github.com/x/y/issues/{number}", "reactions": {"+1": 2}}


def event(number: int, kind: str = "IssueCommentEvent") -> dict[str, Any]:
    comment = {"id": 5000 + number, "body": "Yes", "created_at": f"2026-01-{1 + number % 28:02}T00:00:00Z"}
    payload = {"comment": comment, "issue": {"title": "Issue", "user": {"login": "bo"}}} if "Comment" in kind else {}
    return {"id": str(number), "type": kind, "payload": payload, "created_at": "2026-01-01T00:00:00Z"}


def star(number: int) -> dict[str, Any]:
    repository = {"id": number, "full_name": f"bo/{number}", "description": None, "owner": {"login": "bo"}}
    return {"starred_at": f"2024-05-{1 + number:02}T00:00:00Z", "repo": repository}


def take_back(server: ApiServer, call: Call) -> Answer:
    token = call.json["access_token"]
    if not server.is_client(call) or token not in server.tokens:
        return 404, {}, {}
    server.end_grants()
    return 204, {}, b""


def github() -> Api:
    return Api(
        authorize="/login/oauth/authorize",
        token="/login/oauth/access_token",
        expires=False,
        answers={"/user": user("Ann", 7, name="Ann Tester", followers=2, created_at="2015-01-01T00:00:00Z")},
        lists={
            "/issues": Listed([issue(number) for number in range(250, 0, -1)], linked(100, "per_page")),
            "/users/Ann/events": Listed(
                [event(9), event(8, "PushEvent"), event(7, "PullRequestReviewCommentEvent")], linked(100, "per_page")
            ),
            "/user/starred": Listed([star(number) for number in range(20, 0, -1)], linked(100, "per_page")),
            "/user/followers": Listed([user(f"f{number}", 100 + number) for number in range(3)], linked(100)),
            "/user/following": Listed([user(f"f{number}", 100 + number) for number in range(2)], linked(100)),
        },
        opened={"/applications/client/grant": take_back},
        limited=(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, {"message": "rate limit exceeded"}),
    )
