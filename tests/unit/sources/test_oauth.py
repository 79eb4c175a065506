"""What token endpoints can say, and what the platform makes of it. RFC 6749 5.2, 7009."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.scripted import Scripted, serving

from privateshare.protocol import pkce
from privateshare.sources import oauth
from privateshare.sources.contract import Broken, ClientForgotten, NeedsLogin, SignIn, SourceFailure, TryLater

GOOD = {"access_token": "a1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r1", "id_token": "who"}
KNOWN = {"access_token": "a0", "refresh_token": "r0", "patient": "p1", "expires_at": 1}


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving(Scripted()) as running:
        yield running


def sign_in(server: Scripted, **more: Any) -> SignIn:
    token, revoke = f"{server.address}/token", f"{server.address}/revoke"
    fixed = {"client_id": "us", "scope": "read", "revocation_endpoint": revoke, "extra": {"aud": "https://a.example"}}
    return SignIn(**({"authorization_endpoint": "https://a.example/auth?x=1", "token_endpoint": token} | fixed | more))


def test_the_authorization_address_has_its_parameters(server: Scripted) -> None:
    """State, S256 challenge, scope, redirect URI, and those of the source; never the verifier."""
    verifier = pkce.new_verifier()
    secret = sign_in(server, client_secret="hush")
    address = oauth.authorization_address(secret, "https://us.example/back", "the state", verifier)
    told = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert told == {
        "x": "1",
        "response_type": "code",
        "client_id": "us",
        "redirect_uri": "https://us.example/back",
        "scope": "read",
        "state": "the state",
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        "aud": "https://a.example",
    }


def test_only_needed_parts_of_a_token_are_stored(server: Scripted) -> None:
    """Its expiry is stored. The id token, which names the person, is not."""
    server.json("/token", GOOD | {"patient": "p1"})
    token = oauth.exchange_code(sign_in(server), "https://us.example/back", "c", "v")
    assert token.keys() == {"access_token", "token_type", "refresh_token", "patient", "expires_at"}
    assert not oauth.expires_within(token, 3500)
    assert oauth.expires_within(token, 3700)


def test_a_refreshed_token_keeps_missing_fields_of_the_first(server: Scripted) -> None:
    """A refresh may omit the patient and the refresh token, which are kept. The old expiry is not."""
    server.json("/token", {"access_token": "a1", "token_type": "bearer"})
    token = oauth.refresh(sign_in(server), KNOWN)
    assert token == {"access_token": "a1", "token_type": "bearer", "refresh_token": "r0", "patient": "p1"}
    assert not oauth.expires_within(token, 10**9)


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, {"error": "invalid_grant"}, NeedsLogin),
        (200, {"error": "invalid_grant"}, NeedsLogin),
        (400, {"error": "temporarily_unavailable"}, TryLater),
        (401, {"error": "invalid_client"}, ClientForgotten),
        (400, {"error": ["odd"]}, Broken),
        (400, {}, Broken),
        (403, [], Broken),
        (429, "slow down", TryLater),
        (503, {}, TryLater),
        (500, {"error": "invalid_grant"}, TryLater),
        (200, {}, Broken),
        (200, [], Broken),
        (200, {"access_token": 7, "token_type": "bearer"}, Broken),
        (200, GOOD | {"token_type": "mac"}, Broken),
        (200, GOOD | {"padding": "x" * 100_000}, TryLater),
        (302, {}, Broken),
    ],
)
def test_errors_of_a_token_endpoint(server: Scripted, status: int, body: Any, failure: type[SourceFailure]) -> None:
    """Each becomes an error that sources know, and no other error is raised."""
    server.json("/token", body, status)
    with pytest.raises(SourceFailure) as told:
        oauth.refresh(sign_in(server), KNOWN)
    assert type(told.value) is failure
    with pytest.raises(SourceFailure) as told:
        oauth.exchange_code(sign_in(server), "https://us.example/back", "c", "v")
    assert type(told.value) is failure


def test_without_a_refresh_token_the_person_must_sign_in(server: Scripted) -> None:
    """No request is sent to the source."""
    with pytest.raises(NeedsLogin):
        oauth.refresh(sign_in(server), {"access_token": "a0"})
    assert server.asked == []


@pytest.mark.parametrize(("status", "revoked"), [(200, True), (400, False), (503, False)])
def test_a_token_can_be_revoked(server: Scripted, status: int, revoked: bool) -> None:
    """It succeeded if the source says so. A source without an endpoint for it needs no request."""
    server.json("/revoke", {}, status)
    assert oauth.revoke(sign_in(server), KNOWN) is revoked
    assert oauth.revoke(sign_in(server, revocation_endpoint=None), KNOWN)
    assert oauth.revoke(sign_in(server, revocation_endpoint="http://127.0.0.1:1/"), KNOWN) is False
    assert len(server.asked) == 1
