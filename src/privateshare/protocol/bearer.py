"""The JWT that authenticates a request, and the checks of its claims that need no database. Protocol 2, 11.2."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from privateshare.errors import InvalidJWT, InvalidRequest, InvalidTimestamp
from privateshare.protocol import jwt

MAX_SKEW = timedelta(minutes=5)
MIN_MILLISECONDS = 10**11  # A smaller timestamp is in seconds. Protocol 2.3.

_NONCE = re.compile(r"[A-Za-z0-9]{32}")


def read_bearer(headers: Mapping[str, str]) -> jwt.ParsedToken:
    """Parse the JWT of a request, which must say PS512. Raises InvalidJWT. Protocol 2.1."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidJWT("The header Authorization must be: Bearer <JWT>")
    return jwt.parse(token.strip())


def check_nonce(claims: jwt.Claims) -> None:
    """Check that the claim `nonce` is 32 characters [A-Za-z0-9]. Raises InvalidRequest. Protocol 2.2."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise InvalidRequest("The claim nonce must be 32 characters of A-Z, a-z, 0-9")


def check_timestamp(claims: jwt.Claims, now: datetime) -> None:
    """Check that the JWT was signed within five minutes of now. Raises InvalidTimestamp. Protocol 2.3."""
    timestamp = claims.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        raise InvalidRequest("The claim timestamp must be a number of milliseconds")
    try:
        skew = now.timestamp() - (timestamp if abs(timestamp) < MIN_MILLISECONDS else timestamp / 1000)
    except OverflowError:
        skew = math.inf
    if not abs(skew) <= MAX_SKEW.total_seconds():
        raise InvalidTimestamp(f"The timestamp is {skew:.0f} s from the platform's clock; 300 s are allowed")


def check_storage_claims(claims: jwt.Claims, now: datetime) -> None:
    """Check that a JWT is for storage and valid now. Raises InvalidJWT. Protocol 11.2."""
    if claims.get("aud") != "cloud":
        raise InvalidJWT("The claim aud must be cloud")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        raise InvalidJWT("The claims iat and exp must be seconds since the epoch")
    moment, skew = now.timestamp(), MAX_SKEW.total_seconds()
    try:
        is_valid = issued - skew <= moment <= expires + skew and expires - issued <= skew
    except OverflowError:  # An integer can have hundreds of digits.
        is_valid = False
    if not is_valid:
        raise InvalidJWT("The JWT has expired, is not valid yet, or is valid for more than 300 s")
