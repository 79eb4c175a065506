"""Tests of the OAuth client of sources: how it proves itself, and pushed authorization requests."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.keys import rsa_key

from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import Broken, JsonObject, NeedsLogin, SignIn, SourceFailure, TryLater
from privateshare.testing.api_server import Api, ApiServer, running

CALLBACK = "https://share.example/apps/saas/connected"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(Api(pushed="/par")) as server:
        yield server


def sign_in_at(server: ApiServer, **more: Any) -> SignIn:
    fixed: dict[str, Any] = {"client_id": "client", "client_secret": "client-secret", "scope": "read write"}
    fixed |= {name: f"{server.address}/oauth/{path}" for name, path in ENDPOINTS.items()}
    return SignIn(**(fixed | more))


ENDPOINTS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "revocation_endpoint": "revoke"}


def signed_in(sign_in: SignIn) -> JsonObject:
    verifier = new_verifier()
    there = oauth.authorization_address(sign_in, CALLBACK, "the state", verifier)
    returned = parse_qs(urlsplit(httpx2.get(there).headers["location"]).query)
    assert returned["state"] == ["the state"]
    return oauth.exchange_code(sign_in, CALLBACK, returned["code"][0], verifier)


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_the_secret_is_in_the_header_or_in_the_form(server: ApiServer, way: Any) -> None:
    sign_in = sign_in_at(server, client_authentication=way)
    token = signed_in(sign_in)
    assert oauth.refresh(sign_in, token)["access_token"]
    assert oauth.revoke(sign_in, token)
    for call in (call for call in server.asked if call.method == "POST"):
        assert ("client_secret" in call.form) == (way == "client_secret_post")
        assert "client-secret" not in str(call.query)


def test_the_platform_signs_with_its_key(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With private_key_jwt, the assertion is for the token endpoint, short-lived and used once. RFC 7523."""
    key = rsa_key(0)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    seen = list[str]()

    def is_signed(assertion: str) -> bool:
        claims = jwt.decode(assertion, RSAKey.import_key(pem), algorithms=["RS256"]).claims
        seen.append(claims["jti"])
        assert claims["aud"] == f"{server.address}/oauth/token"
        return bool(claims["iss"] == claims["sub"] == "client" and claims["exp"] - claims["iat"] <= 3600)

    monkeypatch.setattr(server, "is_signed", is_signed)
    sign_in = sign_in_at(server, client_secret=None, private_key=pem, client_authentication="private_key_jwt")
    token = signed_in(sign_in)
    assert oauth.refresh(sign_in, token)["access_token"]
    assert len(set(seen)) == 2
    assert pem not in repr(sign_in)


def test_the_browser_carries_only_a_reference_to_pushed_parameters(server: ApiServer) -> None:
    """RFC 9126: state, challenge and scope reach the source directly."""
    sign_in = sign_in_at(server, pushed_authorization_endpoint=f"{server.address}/par", extra={"aud": "x"})
    address = oauth.authorization_address(sign_in, CALLBACK, "the state", new_verifier())
    assert parse_qs(urlsplit(address).query).keys() == {"client_id", "request_uri"}
    assert server.asked[-1].form["aud"] == "x"
    assert signed_in(sign_in)["access_token"]


def test_a_source_that_rejects_pushed_parameters_is_reported(server: ApiServer) -> None:
    sign_in = sign_in_at(server, pushed_authorization_endpoint=f"{server.address}/par", client_secret="wrong")
    with pytest.raises(Broken):
        oauth.authorization_address(sign_in, CALLBACK, "s", new_verifier())
    server.fail("/par", (503, {}, b""))
    with pytest.raises(TryLater):
        oauth.authorization_address(sign_in, CALLBACK, "s", new_verifier())


def test_a_scope_can_have_commas(server: ApiServer) -> None:
    address = oauth.authorization_address(sign_in_at(server, scope_separator=","), CALLBACK, "s", new_verifier())
    assert parse_qs(urlsplit(address).query)["scope"] == ["read,write"]


def test_a_token_response_can_be_converted(server: ApiServer) -> None:
    """Some sources wrap the token, and report errors with status 200."""
    server.api.wrap_token = lambda token: {"status": 0, "body": token}
    sign_in = sign_in_at(server, read_token_response=lambda content: content.get("body") or {"error": "invalid_grant"})
    token = signed_in(sign_in)
    fresh = oauth.refresh(sign_in, token)
    assert fresh["access_token"] != token["access_token"]
    server.fail("/oauth/token", (200, {}, {"status": 401, "body": {}}))
    with pytest.raises(NeedsLogin):
        oauth.refresh(replace(sign_in), fresh)


def test_a_token_response_does_not_change_what_is_known() -> None:
    """A server could name another one, and pass off somebody's token from there as a sign-in of that person."""
    said = {"server": "https://victim.example", "client_id": "x", "patient": "7"}
    with running(Api(wrap_token=lambda token: token | said)) as server:
        sign_in, known = sign_in_at(server), {"server": server.address, "client_id": "client", "access_token": "old"}
        token = oauth.merged(known, signed_in(sign_in))
        assert (token["server"], token["client_id"], token["patient"]) == (server.address, "client", "7")
        again = oauth.refresh(sign_in, token)
        assert (again["server"], again["client_id"]) == (server.address, "client")
        assert len({"old", token["access_token"], again["access_token"]}) == 3


def test_a_token_response_says_nothing_about_the_platform_itself() -> None:
    """Neither at the sign-in nor at a refresh: the field `brands` would choose a secret of the operator."""
    said = dict.fromkeys(oauth.OWN_FIELDS, "epic")
    with running(Api(wrap_token=lambda token: token | said)) as server:
        sign_in, known = sign_in_at(server), {"server": server.address}
        token = oauth.merged(known, signed_in(sign_in))
        for found in (token, oauth.refresh(sign_in, token)):
            assert found["server"] == server.address
            assert not found.keys() & (set(oauth.OWN_FIELDS) - {"server"})


ODD_TOKENS: dict[str, Any] = {
    "no number": {"expires_in": "soon"},
    "infinite": {"expires_in": float("inf")},
    "no date": {"expires_at": "soon"},
    "an infinite date": {"expires_at": float("inf")},
    "a list": {"expires_in": [1]},
    "an object": {"expires_at": {}},
    "huge": {"expires_in": 10**400},
    "no text": {"access_token": 5},
    "no type": {"token_type": None},
    "another type": {"token_type": ["bearer"]},
    "a refresh token of another kind": {"refresh_token": {"a": 1}},
    "a scope of another kind": {"scope": [7]},
}


@pytest.mark.parametrize("kind", ODD_TOKENS)
def test_odd_token_responses_are_failures_of_the_source(kind: str) -> None:
    """Whatever a server sends, the platform gets a token that it can use, or a failure that it can explain."""
    api = Api()
    with running(api) as server:
        token = signed_in(sign_in_at(server))
        api.wrap_token = lambda issued: issued | ODD_TOKENS[kind]
        for get in (lambda: signed_in(sign_in_at(server)), lambda: oauth.refresh(sign_in_at(server), token)):
            try:
                found = get()
            except SourceFailure:
                continue
            assert isinstance(found["access_token"], str)
            assert oauth.expires_within(found, 60) in (True, False)
            assert isinstance(found.get("refresh_token", ""), str)
            assert orjson.dumps(found)


CONTENTS = [b"[" * 30_000, b"[]", b"7", b"null", b"\xff", b'{"error": {"a": 1}}', b'{"error": 7}']


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("status", [200, 400])
def test_odd_contents_of_a_token_endpoint_are_failures_of_the_source(content: bytes, status: int) -> None:
    api = Api()
    with running(api) as server:
        sign_in, token = sign_in_at(server), signed_in(sign_in_at(server))
        api.opened = {"/odd": lambda _server, _call: (status, {"content-type": "application/json"}, content)}
        odd = replace(sign_in, token_endpoint=f"{server.address}/odd")
        with pytest.raises(SourceFailure):
            oauth.refresh(odd, token)
        with pytest.raises(SourceFailure):
            oauth.exchange_code(odd, CALLBACK, "code", new_verifier())
