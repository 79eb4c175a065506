"""What the platform in memory checks of a request before it answers, with the words of the real one."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from privateshare.errors import InvalidClient, InvalidRequest, InvalidToken
from privateshare.protocol import jwt, pkce
from privateshare.protocol.bearer import check_nonce, check_timestamp, read_bearer
from privateshare.testing.state import APPLICATION, CONTRACT, Grant, PlatformState

CLIENT_ID = f"{APPLICATION}_{CONTRACT}"
REFERENCE_TYPES = ("cloudId", "accountId")


def verified_claims(headers: Mapping[str, str], key: RSAPublicKey) -> Mapping[str, Any]:
    """Check who signed a request and when; return the claims of its JWT. Protocol 2.

    Raises:
        InvalidJWT: There is no JWT, or another key signed it.
        InvalidClient: It names another contract.
        InvalidRequest: The nonce or the timestamp is of a wrong form.
        InvalidTimestamp: It was signed more than five minutes from now.
    """
    claims = jwt.verify(read_bearer(headers), key)
    if claims.get("client_id") != CLIENT_ID:
        raise InvalidClient(f"The client_id ({claims.get('client_id')}) is invalid")
    check_nonce(claims)
    check_timestamp(claims, datetime.now(UTC))
    return claims


def read_claim(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that must be a text. Raises InvalidRequest, which names it."""
    value = claims.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"The claim {name} is missing from the JWT")
    return value


def read_challenge(claims: Mapping[str, Any]) -> str:
    """Return the code challenge, S256. Raises InvalidRequest. Protocol 4.1."""
    check_fixed(claims, code_challenge_method="S256")
    challenge = read_claim(claims, "code_challenge")
    if not pkce.is_challenge(challenge):
        raise InvalidRequest("The claim code_challenge must be 43 characters of base64url")
    return challenge


def check_fixed(claims: Mapping[str, Any], **expected: str) -> None:
    """Check claims that have one value. Raises InvalidRequest."""
    for name, value in expected.items():
        if read_claim(claims, name) != value:
            raise InvalidRequest(f"The claim {name} must be {value}")


def find_grant(state: PlatformState, claims: Mapping[str, Any], *, expired: bool = False) -> Grant:
    """Return the grant of the access token, which may have expired where `expired` says so. Raises InvalidToken."""
    token = read_claim(claims, "access_token")
    for grant in state.grants:
        if token in grant.access or (expired and token in grant.expired):
            return grant
    raise InvalidToken("The token (access_token) is invalid")


def read_body(body: bytes) -> Mapping[str, Any]:
    """Read a JSON object. Raises InvalidRequest."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object")
    return value


def read_reference(body: bytes) -> str:
    """Return what a reference is to stand for. Raises InvalidRequest. Protocol 4.5."""
    asked = read_body(body)
    if asked.get("type") not in REFERENCE_TYPES or not isinstance(asked.get("value"), str):
        raise InvalidRequest(f"A reference has a type, which is {' or '.join(REFERENCE_TYPES)}, and a value")
    return str(asked["value"])
