"""Tests of requests that are too large, too deep or invalid: errors follow protocol 13, and nothing crashes."""

import re
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from tests.flow.command_line import OperatorCommand
from tests.flow.people import People
from tests.flow.wire import Tokens, Wire, check_error, verifier
from tests.patience import GIVE_UP_SECONDS

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


def test_a_body_whose_chunks_are_not_valid_is_no_failure_of_the_platform(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Each call answers it as an error of the client, unless it needs no body."""
    tokens, _ = user
    described = wire.http.get(f"{wire.origin}/openapi.json").json()["paths"]
    calls = [(method.upper(), re.sub(r"{\w+}", "x", path)) for path, methods in described.items() for method in methods]
    for method, path in [*calls, ("POST", "/apps/saas/authorize"), ("POST", "/me")]:
        status, content = _answer_to_invalid_chunk(wire, method, path, tokens.access)
        assert status < 500, (method, path, content)
    assert {"/v1.7/oauth/token", "/v1.7/user", "/v1.7/storage"} <= {path for _, path in calls}
    for path in ("/v1.7/oauth/authorize", "/v1.7/oauth/token", "/v1.7/permission-access/trigger"):
        status, content = _answer_to_invalid_chunk(wire, "POST", path, tokens.access)
        assert (status, b"InvalidRequest" in content) == (400, True), (path, content)


def _answer_to_invalid_chunk(wire: Wire, method: str, path: str, access_token: str) -> tuple[int, bytes]:
    address = urlsplit(wire.origin)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer "
        f"{wire.jwt(access_token=access_token)}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=GIVE_UP_SECONDS) as connection:
        connection.sendall(head.encode() + b"2\r\n{}\r\nnot a size\r\n")
        with HTTPResponse(connection, method=method) as answer:
            answer.begin()
            return answer.status, answer.read()


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
