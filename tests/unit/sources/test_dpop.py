"""Proofs of possession (RFC 9449): what each request proves, and what servers may make of it."""

import base64
import hashlib
from typing import Any

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey

from privateshare.sources.dpop import DpopTransport, NonceMissing, new_dpop_key

API, OTHER = "https://api.example/xrpc/x", "https://auth.example/token"
KEY = new_dpop_key()


class Server(httpx2.BaseTransport):
    """A server that answers with what it was given, and keeps what was asked. It changes addresses, as pinning does."""

    def __init__(self, *answers: tuple[int, dict[str, str], Any]) -> None:
        self.answers, self.asked = list(answers), list[httpx2.Request]()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        request.url = request.url.copy_with(host="192.0.2.1")
        status, headers, content = self.answers.pop(0)
        return httpx2.Response(status, headers=headers, json=content)

    def claims(self, number: int) -> dict[str, Any]:
        proof = self.asked[number].headers["dpop"]
        header = jws.extract_compact(proof.encode()).headers()
        assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
        assert "d" not in header["jwk"]
        return dict(jwt.decode(proof, ECKey.import_key(header["jwk"]), algorithms=["ES256"]).claims)


def client(server: Server) -> httpx2.Client:
    return httpx2.Client(transport=DpopTransport(server, KEY))


def fine(nonce: str = "n") -> tuple[int, dict[str, str], Any]:
    return 200, {"dpop-nonce": nonce}, {}


def test_a_proof_is_of_one_request_and_one_token() -> None:
    """It names the method, the address without its query, the token's hash and the nonce, and is used once."""
    server = Server(fine("n1"), fine("n2"))
    with client(server) as http:
        for _ in range(2):
            http.get(f"{API}?limit=5", headers={"authorization": "DPoP secret"})
    first, second = server.claims(0), server.claims(1)
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"secret").digest()).rstrip(b"=").decode()
    assert (first["htm"], first["htu"], first["ath"]) == ("GET", API, digest)
    assert first["jti"] != second["jti"]
    assert (first.get("nonce"), second["nonce"]) == (None, "n1")


@pytest.mark.parametrize(
    ("status", "headers"), [(400, {}), (401, {"www-authenticate": 'DPoP algs="ES256", error="use_dpop_nonce"'})]
)
def test_a_request_is_repeated_once_with_the_nonce(status: int, headers: dict[str, str]) -> None:
    """It is sent to the same name with the same content, although the first one was sent to a checked address."""
    server = Server((status, {"dpop-nonce": "n1", **headers}, {"error": "use_dpop_nonce"}), fine())
    with client(server) as http:
        assert http.post(OTHER, data={"code": "c"}).status_code == 200
    assert [request.content for request in server.asked] == [b"code=c", b"code=c"]
    assert [server.claims(number)["htu"] for number in range(2)] == [OTHER, OTHER]
    assert server.claims(1)["nonce"] == "n1"
    assert server.claims(0)["jti"] != server.claims(1)["jti"]


def test_a_server_that_is_never_content_is_not_asked_for_ever() -> None:
    refusal = (400, {"dpop-nonce": "n"}, {"error": "use_dpop_nonce"})
    server = Server(*[refusal] * 3)
    with client(server) as http:
        assert http.post(OTHER).status_code == 400
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (400, {}, {"error": "use_dpop_nonce"}),
        (400, {"dpop-nonce": "n"}, {"error": "invalid_grant"}),
        (401, {"dpop-nonce": "n", "www-authenticate": 'DPoP error="invalid_token"'}, {}),
        (500, {"dpop-nonce": "n"}, {"error": "use_dpop_nonce"}),
    ],
)
def test_other_errors_are_not_repeated(answer: tuple[int, dict[str, str], Any]) -> None:
    server = Server(answer)
    with client(server) as http:
        assert http.post(OTHER).status_code == answer[0]


def test_a_success_without_a_nonce_is_refused() -> None:
    """The server may not have checked the proof at all."""
    with client(Server((200, {}, {}))) as http, pytest.raises(NonceMissing):
        http.get(API)


def test_servers_have_nonces_of_their_own() -> None:
    server = Server(fine("of the API"), fine("of the other"), fine(), fine())
    with client(server) as http:
        for address in (API, OTHER, API, OTHER):
            http.get(address)
    assert [server.claims(number).get("nonce") for number in range(4)] == [None, None, "of the API", "of the other"]
