"""Protocol 3.3: what the SDK checks of a signed answer, step by step."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from tests.keys import rsa_key

from privateshare.errors import InvalidAnswer
from privateshare.protocol import jwt
from privateshare.sdk.configuration import make_configuration
from privateshare.sdk.core import Core, PlatformKeys
from privateshare.sdk.flows.signed_calls import signed_claims
from privateshare.sdk.http.requests import Request, Response

pytestmark = pytest.mark.protocol("3.3")

KEY, OTHER = rsa_key(), rsa_key(1)
API = "https://share.example/v1.7/"
CONFIGURATION = make_configuration(
    "app",
    "contract",
    jwt.private_pem(KEY),
    {"base_url": API, "onboard_url": None, "storage_url": None},
    timeout=1,
    retries=0,
)


def answer(key: RSAPrivateKey = KEY, kid: str = "one", jku: str = f"{API}jwks/oauth") -> dict[str, Any]:
    """What the platform would send."""
    return {"token": jwt.sign(key, {"told": 1}, kid=kid, jku=jku)}


def checked(sent: dict[str, Any], keys: PlatformKeys, listed: dict[str, RSAPrivateKey]) -> tuple[dict[str, Any], int]:
    """The claims, and how often the key set was asked for: the test stands in for the network."""
    flow = signed_claims(Core(CONFIGURATION, keys=keys), sent)
    asked = 0
    body = {"keys": [jwt.key_set_entry(key.public_key(), kid) for kid, key in listed.items()]}
    try:
        request = next(flow)
        while True:
            assert isinstance(request, Request)
            asked += 1
            request = flow.send(Response(200, {}, json.dumps(body).encode()))
    except StopIteration as stop:
        return stop.value, asked


def test_a_valid_signature_is_checked_and_its_keys_are_cached() -> None:
    """Protocol 3.3: the key set is requested once, from its address."""
    keys: PlatformKeys = {}
    assert checked(answer(), keys, {"one": KEY}) == ({"told": 1}, 1)
    assert checked(answer(), keys, {}) == ({"told": 1}, 0)


def test_an_unknown_key_reloads_the_key_set_once() -> None:
    """Protocol 3.3: a new key is found after a rotation; a key that is not listed is rejected after one request."""
    keys: PlatformKeys = {}
    checked(answer(), keys, {"one": KEY})
    assert checked(answer(OTHER, "two"), keys, {"one": KEY, "two": OTHER}) == ({"told": 1}, 1)
    with pytest.raises(InvalidAnswer, match="list"):
        checked(answer(OTHER, "three"), keys, {"one": KEY})


def test_keys_of_another_origin_are_not_requested() -> None:
    """Protocol 3.3: someone who can forge a response could name a key set of their own."""
    for jku in ("https://evil.example/jwks", "http://share.example/v1.7/jwks/oauth", "https://share.example:444/x"):
        with pytest.raises(InvalidAnswer, match="not the platform"):
            checked(answer(jku=jku), {}, {"one": KEY})


def test_an_invalid_signature_is_rejected() -> None:
    """Protocol 3.3: another key under a listed name, another algorithm, no token at all."""
    with pytest.raises(InvalidAnswer):
        checked(answer(OTHER), {}, {"one": KEY})
    with pytest.raises(InvalidAnswer):
        checked({"token": "e30.e30.e30"}, {}, {"one": KEY})
    with pytest.raises(InvalidAnswer):
        checked({}, {}, {"one": KEY})
