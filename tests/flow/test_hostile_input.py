"""Tests of requests that are too large, too deep or invalid: errors follow protocol 13, and nothing crashes."""

import pytest

from tests.flow.command_line import OperatorCommand
from tests.flow.people import People
from tests.flow.wire import Tokens, Wire, check_error, verifier

TOO_LARGE = 2 * 1024 * 1024
SURROGATE = "\ud800"


@pytest.fixture
async def wire(people: People) -> Wire:
    """Provide a contract to read."""
    return await people.contract()


@pytest.fixture
async def user(wire: Wire, people: People) -> tuple[Tokens, str]:
    """Provide a person who consented to the contract."""
    return await people.user(wire)


@pytest.mark.parametrize("path", ["discovery/sources", "oauth/authorize", "storage", "permission-access/trigger"])
def test_a_body_that_is_too_large_is_rejected_unread(wire: Wire, path: str) -> None:
    """A JSON body has at most 1 MiB, whoever sent it, so that nobody can fill the memory."""
    body = b'{"agent": {"name": "' + b"x" * TOO_LARGE + b'"}}'
    answer = wire.post(path, content=body, headers={"content-type": "application/json"})
    check_error(answer, 413, "RequestTooLarge")


def test_claims_with_lone_surrogates_are_rejected(wire: Wire) -> None:
    """A client id, code or nonce with a lone surrogate is an invalid request and causes no crash."""
    check_error(wire.get("permission-access/contract", client_id=f"{SURROGATE}_x"), 400, "InvalidJWT")
    check_error(wire.exchange(SURROGATE, SURROGATE), 400, "InvalidJWT")


def test_values_with_lone_surrogates_are_rejected(wire: Wire) -> None:
    """This holds for bodies and paths."""
    body = b'{"type": "cloudId", "value": "\\ud800"}'
    answer = wire.post("reference", content=body, headers={"content-type": "application/json"})
    check_error(answer, 400, "InvalidRequest")


def test_a_deeply_nested_body_is_rejected_or_ignored(wire: Wire, user: tuple[Tokens, str]) -> None:
    """The client's description of itself may be nested at any depth, and a filter may not."""
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
def test_a_query_with_thousands_of_values_is_rejected(wire: Wire, query: dict[str, object]) -> None:
    """One call cannot keep the platform searching for seconds."""
    check_error(wire.post("discovery/sources", body={"query": query}), 400, "InvalidRequest")


@pytest.mark.protocol("2.3")
@pytest.mark.parametrize("timestamp", [10**400, -(10**400), 1e308])
def test_an_infinite_timestamp_is_rejected(wire: Wire, timestamp: float) -> None:
    """It is not within five minutes."""
    check_error(wire.get("permission-access/contract", timestamp=timestamp), 400, "InvalidTimestamp")


@pytest.mark.protocol("5.1")
def test_an_endless_fetch_duration_is_limited(wire: Wire, user: tuple[Tokens, str]) -> None:
    """A duration of more seconds than a calendar has is limited to the session's lifetime."""
    tokens, _ = user
    options = {"limits": {"duration": {"sourceFetch": 10**15}}}
    session = wire.post("permission-access/trigger", access_token=tokens.access, body=options).json()["session"]["key"]
    assert wire.get(f"permission-access/query/{session}", access_token=tokens.access).status_code == 200


async def test_an_internal_error_has_the_usual_headers(people: People) -> None:
    """Even an unexpected error has a request id and is not cached. What is damaged is listed with all others."""
    broken = await people.contract()
    whole = await people.set_document(broken, "[]")
    answer = broken.authorize(verifier())
    listed = OperatorCommand(people.platform.settings.data).json("contract", "list")
    await people.set_document(broken, whole)
    assert {row["contract_id"]: row["revision"] for row in listed}[broken.contract_id] == "damaged"
    check_error(answer, 500, "InternalError")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
