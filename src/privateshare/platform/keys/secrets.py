"""Codes, tokens and session keys: 256 random bits for the client, a hash for the database."""

import hashlib
import secrets


def new_secret() -> str:
    """43 characters [A-Za-z0-9_-] that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a secret. A plain SHA-256 is enough: nobody can search 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()
