"""Tests of protocol 3.1: the platform uses its own address, and never one that a request invented."""

import json
import socket
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.flow.consenting import ask, asking_contract, opened
from tests.flow.people import People
from tests.flow.wire import REDIRECT_URI, Wire, unb64
from tests.patience import GIVE_UP_SECONDS

FOREIGN = [
    "evil.example",
    "evil.example:443",
    "localhost.evil.example",
    "evil.localhost",
    "localhost.",
    "127.0.0.1.",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "127.0.0.1:80@evil.example",
    "127.0.0.1:0",
    "127.0.0.1:99999",
    "127.0.0.1:",
    "127.1",
    "0.0.0.0",
    "10.0.0.1",
    "[::2]",
    "[::ffff:127.0.0.1]",
    "[",
    "a b",
    "evil.example/..",
    "",
]
TARGETS = [
    "/v1.7/jwks/oauth",
    "/v1.7/discovery/services",
    "/apps/saas/authorize?code=x",
    "/cloud/v1/clouds/x",
    "/nowhere",
]


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


def answer_to(wire: Wire, head: str) -> tuple[int, str]:
    """Return the status and all of the answer to a request that is sent letter for letter."""
    address = urlsplit(wire.origin)
    with socket.create_connection((address.hostname, address.port), timeout=GIVE_UP_SECONDS) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(answer.split()[1]), answer


@pytest.mark.protocol("3.1")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("host", FOREIGN)
def test_requests_under_another_name_are_rejected(wire: Wire, host: str, target: str) -> None:
    """Without a configured address only loopback names are accepted, and the error repeats no other name."""
    status, answer = answer_to(wire, f"GET {target} HTTP/1.1\nHost: {host}\nConnection: close\n")
    assert 400 <= status < 500, answer
    assert "evil" not in answer
    if target != "/nowhere" and "data-page" not in answer and status == 400 and "{" in answer:
        assert "PRIVATESHARE_ORIGIN" in answer


@pytest.mark.protocol("3.1")
@pytest.mark.parametrize(
    "headers",
    [
        "Host: localhost\nHost: evil.example",
        "Host: evil.example\nHost: localhost",
        "Host: localhost\nX-Forwarded-Host: evil.example",
        "Host: localhost\nX-Forwarded-Host: localhost, evil.example",
        "Host: localhost\nX-Forwarded-Host: localhost\nX-Forwarded-Host: evil.example",
        "Host: localhost\nForwarded: for=127.0.0.1;host=evil.example",
        'Host: localhost\nForwarded: for=127.0.0.1, for=10.0.0.1;Host="evil.example:443";proto=https',
        "Host: localhost\nForwarded: host=localhost\nForwarded: host=evil.example",
    ],
)
def test_a_forwarded_name_needs_a_configured_address(wire: Wire, headers: str) -> None:
    """A proxy that forwards the requested name needs the address configured; otherwise links would bypass it."""
    status, answer = answer_to(wire, f"GET /v1.7/jwks/oauth HTTP/1.1\n{headers}\nConnection: close\n")
    assert (status, "PRIVATESHARE_ORIGIN" in answer, "evil" in answer) == (400, True, False)


@pytest.mark.protocol("3.1")
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8790", "127.0.0.1:1", "127.9.9.9", "[::1]:8790"])
@pytest.mark.parametrize("extra", ["", "X-Forwarded-Host: localhost:99\n", "X-Forwarded-Proto: https\n"])
def test_loopback_names_are_used_as_they_were_requested(wire: Wire, host: str, extra: str) -> None:
    """Keys and pictures have the address that the app uses."""
    status, answer = answer_to(wire, f"GET /v1.7/discovery/services HTTP/1.1\nHost: {host}\n{extra}Connection: close\n")
    assert status == 200
    assert f'"url":"http://{host.lower()}/docs/icon.png' in answer


def test_an_absolute_request_target_is_not_trusted(wire: Wire) -> None:
    """A request with another address in absolute form never gets that address back. RFC 9112 3.2.2."""
    head = "GET http://evil.example/v1.7/discovery/services HTTP/1.1\nHost: localhost\nConnection: close\n"
    assert "evil" not in answer_to(wire, head)[1]


@pytest.mark.protocol("3.1")
def test_a_signature_names_no_foreign_key_set(wire: Wire) -> None:
    """A call that is forwarded under another name gets no token, and its nonce stays unused."""
    token = wire.jwt(
        redirect_uri=REDIRECT_URI,
        response_type="code",
        response_mode="query",
        code_challenge="c" * 43,
        code_challenge_method="S256",
    )
    for header in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}):
        refused = wire.post("oauth/authorize", jwt=token, headers=header)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidRequest")
    taken = wire.post("oauth/authorize", jwt=token, headers={"Host": "localhost:7"})
    header = json.loads(unb64(taken.json()["token"].split(".")[0]))
    assert header["jku"] == "http://localhost:7/v1.7/jwks/oauth"


def test_pages_under_another_name_lead_nowhere(wire: Wire) -> None:
    """A link under another name shows an error page, without a redirect or cookie."""
    asking = ask(wire)
    answer = httpx2.get(asking.url, headers={"Host": "evil.example"})
    assert (answer.status_code, 'data-page="error"' in answer.text) == (400, True)
    assert "set-cookie" not in answer.headers
    assert "evil" not in answer.text
    assert opened(asking.url).page is not None


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_checks_work_under_any_name(wire: Wire, path: str) -> None:
    """Supervisors use the process's own address, for example a container's."""
    assert answer_to(wire, f"GET {path} HTTP/1.1\nHost: 10.0.0.7:8790\nConnection: close\n")[0] == 200
    assert answer_to(wire, f"GET {path} HTTP/1.0\n")[0] == 200


def test_documents_name_no_host(wire: Wire) -> None:
    """Without a configured address the API description's calls go to the address that it was loaded from."""
    document = httpx2.get(f"{wire.origin}/openapi.json").text
    assert "servers" not in json.loads(document)
    assert urlsplit(wire.origin).netloc not in document
