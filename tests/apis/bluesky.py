"""The AT Protocol with the lexicons of Bluesky, as docs.bsky.app and atproto.com describe them."""

import secrets
from base64 import b32encode
from hashlib import sha256
from typing import Any

import cbor2

from privateshare.testing.api_server import Answer, Api, ApiServer, Call, Listed, with_token

DID = "did:plc:ann"
SESSION = "/xrpc/com.atproto.server.getSession"


def record(kind: str, number: int, **value: Any) -> dict[str, Any]:
    moment = f"2025-{1 + number // 28 % 12:02}-{1 + number % 28:02}T10:00:00.000Z"
    found = {"$type": f"app.bsky.feed.{kind}", "createdAt": moment} | value
    return {"uri": f"at://{DID}/app.bsky.feed.{kind}/3k{number}", "cid": cid_of(found), "value": found}


def cid_of(value: dict[str, Any]) -> str:
    """The hash by which a repository knows a record, as text."""
    digest = b"\x01\x71\x12\x20" + sha256(cbor2.dumps(value)).digest()
    return f"b{b32encode(digest).decode().lower().rstrip('=')}"


def post(number: int) -> dict[str, Any]:
    return record("post", number, text=f"Post {number}")


def like(number: int) -> dict[str, Any]:
    return record("like", number, subject={"uri": f"at://did:plc:bo/app.bsky.feed.post/3q{number}", "cid": "y"})


def create_session(server: ApiServer, call: Call) -> Answer:
    if call.json != {"identifier": "ann", "password": "app-password"} or server.is_ended:
        return 401, {}, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
    token = secrets.token_urlsafe(8)
    server.tokens.add(token)
    session = server.api.answers[SESSION]
    assert isinstance(session, dict)
    return 200, {}, {"accessJwt": token, "refreshJwt": "r"} | session


def did_document(server: ApiServer, _call: Call) -> Answer:
    session = server.api.answers[SESSION]
    assert isinstance(session, dict)
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": server.address}
    return 200, {}, {"id": session["did"], "service": [service]}


def name_by_host(server: ApiServer) -> None:
    """Give the account an id that its server answers for itself, without a directory."""
    session = server.api.answers[SESSION]
    assert isinstance(session, dict)
    session["did"] = f"did:web:{server.address.removeprefix('http://').replace(':', '%3A')}"


class Records:
    """The records of several collections at one path."""

    def __init__(self) -> None:
        self.posts = [post(number) for number in range(230, 0, -1)]
        self.reposts: list[Any] = []
        self.likes = [like(number) for number in range(30, 0, -1)]

    def answer(self, items: list[Any], call: Call) -> Answer:
        assert call.query["repo"].startswith("did:")
        kind = call.query["collection"].removeprefix("app.bsky.feed.")
        found = {"post": items, "like": self.likes, "repost": self.reposts}[kind]
        return with_token(100, "records", "cursor", "cursor")(found, call)


def bluesky() -> Api:
    records = Records()
    people = [{"did": f"did:plc:{number}", "handle": f"h{number}.example"} for number in range(120)]
    return Api(
        expires=False,
        answers={
            SESSION: {"did": DID, "handle": "ann.example"},
            "/xrpc/app.bsky.actor.getProfile": {"did": DID, "handle": "ann.example", "postsCount": 230},
        },
        lists={
            "/xrpc/com.atproto.repo.listRecords": Listed(records.posts, records.answer),
            "/xrpc/app.bsky.graph.getFollowers": Listed(people, with_token(100, "followers", "cursor", "cursor")),
            "/xrpc/app.bsky.graph.getFollows": Listed(people[:2], with_token(100, "follows", "cursor", "cursor")),
        },
        opened={
            "/xrpc/com.atproto.server.createSession": create_session,
            f"/{DID}": did_document,
            "/.well-known/did.json": did_document,
        },
    )
