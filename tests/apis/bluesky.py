"""The AT Protocol with the lexicons of Bluesky, as docs.bsky.app and atproto.com describe them."""

import secrets
from typing import Any

from tests.apis.server import Answer, Api, ApiServer, Call, Listed, with_token

DID = "did:plc:ann"


def record(kind: str, number: int, **value: Any) -> dict[str, Any]:
    moment = f"2025-{1 + number // 28 % 12:02}-{1 + number % 28:02}T10:00:00.000Z"
    return {"uri": f"at://{DID}/app.bsky.feed.{kind}/3k{number}", "cid": "x", "value": {"createdAt": moment} | value}


def post(number: int) -> dict[str, Any]:
    return record("post", number, text=f"Post {number}")


def like(number: int) -> dict[str, Any]:
    return record("like", number, subject={"uri": f"at://did:plc:bo/app.bsky.feed.post/3q{number}", "cid": "y"})


def create_session(server: ApiServer, call: Call) -> Answer:
    if call.json != {"identifier": "ann", "password": "app-password"} or server.is_ended:
        return 401, {}, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
    token = secrets.token_urlsafe(8)
    server.tokens.add(token)
    return 200, {}, {"accessJwt": token, "refreshJwt": "r", "did": DID, "handle": "ann.example"}


class Records:
    """The records of several collections at one path."""

    def __init__(self) -> None:
        self.posts = [post(number) for number in range(230, 0, -1)]
        self.likes = [like(number) for number in range(30, 0, -1)]

    def answer(self, items: list[Any], call: Call) -> Answer:
        assert call.query["repo"] == DID
        found = items if call.query["collection"] == "app.bsky.feed.post" else self.likes
        return with_token(100, "records", "cursor", "cursor")(found, call)


def bluesky() -> Api:
    records = Records()
    people = [{"did": f"did:plc:{number}", "handle": f"h{number}.example"} for number in range(120)]
    return Api(
        expires=False,
        answers={
            "/xrpc/com.atproto.server.getSession": {"did": DID, "handle": "ann.example"},
            "/xrpc/app.bsky.actor.getProfile": {"did": DID, "handle": "ann.example", "postsCount": 230},
        },
        lists={
            "/xrpc/com.atproto.repo.listRecords": Listed(records.posts, records.answer),
            "/xrpc/app.bsky.graph.getFollowers": Listed(people, with_token(100, "followers", "cursor", "cursor")),
            "/xrpc/app.bsky.graph.getFollows": Listed(people[:2], with_token(100, "follows", "cursor", "cursor")),
        },
        opened={"/xrpc/com.atproto.server.createSession": create_session},
    )
