"""Requests that are too large, too deep, or hold what cannot be: refused in the form of protocol 13, never a crash."""

import pytest
from sqlalchemy import text

from tests.flow.people import People
from tests.flow.wire import Tokens, Wire, check_error, verifier

TOO_LARGE = 2 * 1024 * 1024
SURROGATE = "\ud800"


@pytest.fixture
async def wire(people: People) -> Wire:
    """A contract to read."""
    return await people.contract()


@pytest.fixture
async def user(wire: Wire, people: People) -> tuple[Tokens, str]:
    """A person who consented to it."""
    return await people.user(wire)


@pytest.mark.parametrize("path", ["discovery/sources", "oauth/authorize", "storage", "permission-access/trigger"])
def test_a_body_that_is_too_large_is_refused_unread(wire: Wire, path: str) -> None:
    """Nobody can fill the memory: a JSON body has 1 MiB at most, whoever sent it."""
    body = b'{"agent": {"name": "' + b"x" * TOO_LARGE + b'"}}'
    answer = wire.post(path, content=body, headers={"content-type": "application/json"})
    check_error(answer, 413, "RequestTooLarge")


def test_claims_that_no_text_can_hold_are_refused(wire: Wire) -> None:
    """A lone surrogate is no character: as a client's id, a code or a nonce it is a wrong request, not a crash."""
    check_error(wire.get("permission-access/contract", client_id=f"{SURROGATE}_x"), 400, "InvalidJWT")
    check_error(wire.exchange(SURROGATE, SURROGATE), 400, "InvalidJWT")


def test_values_that_no_text_can_hold_are_refused(wire: Wire) -> None:
    """The same in a body and in a path."""
    body = b'{"type": "cloudId", "value": "\\ud800"}'
    answer = wire.post("reference", content=body, headers={"content-type": "application/json"})
    check_error(answer, 400, "InvalidRequest")


def test_a_body_that_is_too_deep_is_refused_or_ignored(wire: Wire, user: tuple[Tokens, str]) -> None:
    """What a client says of itself may be nested as deep as it likes, and a filter may not."""
    tokens, _ = user
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"a": deep}
    answer = wire.post("permission-access/trigger", access_token=tokens.access, body={"agent": deep})
    assert answer.status_code == 202, answer.text
    check_error(wire.post("discovery/sources", body={"query": {"filter": deep}}), 400, "InvalidRequest")
    bomb = b'{"agent": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    answer = wire.post("oauth/authorize", content=bomb, headers={"content-type": "application/json"})
    check_error(answer, 400, "InvalidRequest")


@pytest.mark.parametrize(
    "query",
    [
        {"search": {"name": ["x"] * 10_000}},
        {"include": [f"a{n}" for n in range(10_000)]},
        {"filter": {"id": list(range(10_000))}},
    ],
)
def test_a_query_with_thousands_of_values_is_refused(wire: Wire, query: dict[str, object]) -> None:
    """One call cannot keep the platform searching for seconds."""
    check_error(wire.post("discovery/sources", body={"query": query}), 400, "InvalidRequest")


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("timestamp", [10**400, -(10**400), 1e308])
def test_a_timestamp_beyond_all_numbers_is_refused(wire: Wire, timestamp: float) -> None:
    """Not within five minutes."""
    check_error(wire.get("permission-access/contract", timestamp=timestamp), 400, "InvalidTimestamp")


@pytest.mark.protocol("5.1")
def test_a_fetch_without_end_is_a_fetch(wire: Wire, user: tuple[Tokens, str]) -> None:
    """More seconds than a calendar has are as many as the session lives."""
    tokens, _ = user
    options = {"limits": {"duration": {"sourceFetch": 10**15}}}
    session = wire.post("permission-access/trigger", access_token=tokens.access, body=options).json()["session"]["key"]
    assert wire.get(f"permission-access/query/{session}", access_token=tokens.access).status_code == 200


async def test_a_failure_of_the_platform_has_the_headers_of_every_answer(people: People) -> None:
    """Even an answer to what nobody foresaw carries its id, and is cached by nobody."""
    broken = await people.contract()
    async with people.platform.database.transaction() as db:
        change = text("UPDATE contracts SET document = '[]' WHERE id = :id")
        await db.execute(change, {"id": broken.contract_id})
    answer = broken.authorize(verifier())
    check_error(answer, 500, "InternalError")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
