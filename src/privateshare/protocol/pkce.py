"""PKCE: code verifiers and code challenges (RFC 7636), as protocol 4.1 uses them."""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def new_verifier() -> str:
    """Generate a code verifier: 43 characters with 256 random bits."""
    return secrets.token_urlsafe(32)


def challenge(verifier: str) -> str:
    """Compute the S256 code challenge of a verifier: base64url of its SHA-256, without padding. Protocol 4.1."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode()


def is_verifier(text: str) -> bool:
    """Check that a text has the form of a code verifier: 43 to 128 unreserved characters."""
    return _VERIFIER.fullmatch(text) is not None


def is_challenge(text: str) -> bool:
    """Check that a text has the form of an S256 challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def verifies(verifier: str, expected_challenge: str) -> bool:
    """Check that a verifier matches a challenge. The comparison takes constant time."""
    return is_verifier(verifier) and hmac.compare_digest(challenge(verifier), expected_challenge)
