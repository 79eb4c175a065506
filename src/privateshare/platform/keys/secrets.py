"""Ids, and codes, tokens and session keys: 256 random bits for the client, a hash for the database."""

import hashlib
import secrets
import string

ID_CHARACTERS = string.ascii_letters + string.digits
ID_LENGTH = 32


def new_id() -> str:
    """Make a fresh id of an application, a contract or an account: 32 characters [A-Za-z0-9]. Protocol 1."""
    return "".join(secrets.choice(ID_CHARACTERS) for _ in range(ID_LENGTH))


def new_secret() -> str:
    """Make a secret of 43 characters [A-Za-z0-9_-] that nobody can guess."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """Hash a secret for the database. A plain SHA-256 is enough: nobody can search 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()
