"""Random ids and secrets. Codes, tokens and session keys have 256 random bits; the database stores only their hash."""

import hashlib
import secrets
import string

ID_CHARACTERS = string.ascii_letters + string.digits
ID_LENGTH = 32


def new_id() -> str:
    """Generate an id for an application, a contract or an account: 32 characters [A-Za-z0-9]. Protocol 1."""
    return "".join(secrets.choice(ID_CHARACTERS) for _ in range(ID_LENGTH))


def new_secret() -> str:
    """Generate a secret of 256 random bits, as 43 characters [A-Za-z0-9_-]."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """Hash a secret for the database. Plain SHA-256 is enough, since 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()
