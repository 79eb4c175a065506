"""What is kept while a person is away: sealed, in their browser alone, for as long as the consent link lives."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from os import urandom
from typing import Literal, TypedDict

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privateshare.errors import ConfigurationError, UnexpectedReturn
from privateshare.protocol.messages import Session
from privateshare.sdk.consent import INVALID_STATE, AuthorizeUrl
from privateshare.sdk.tokens import UserAccessToken

NO_STORE = "no-store"  # answers that carry codes
LIFETIME_SECONDS = 30 * 60  # of a pre-authorization (protocol 4.6)
MIN_SECRET_CHARACTERS = 32
NONCE_BYTES = 12
CONTEXT = b"privateshare consent cookie 1"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A person who came back and agreed: their token, and the session that reads what they lend."""

    token: UserAccessToken
    session: Session
    account_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of a question to a person."""

    state: str
    verifier: str = field(repr=False)
    session: Session


class Flags(TypedDict):
    """Who gets the cookie: no script, no form or frame of another site, and nobody on the way where there is TLS."""

    secure: bool
    httponly: bool
    samesite: Literal["lax"]


def cookie_name(return_address: str) -> str:
    """The name of the cookie: where there is TLS, one that no other host of the domain can set or see."""
    return f"{'__Host-' if return_address.startswith('https:') else ''}privateshare_consent"


def cookie_flags(return_address: str) -> Flags:
    """The flags of the cookie of a person who comes back to this address."""
    return Flags(secure=return_address.startswith("https:"), httponly=True, samesite="lax")


class Keeper:
    """Seals what is kept under a secret of the app's: 32 characters or more that nobody else knows.

    Raises ConfigurationError for a shorter one.
    """

    def __init__(self, secret: str) -> None:
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise ConfigurationError(f"the secret must have {MIN_SECRET_CHARACTERS} characters or more")
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=CONTEXT).derive(secret.encode()))

    def keep(self, asked: AuthorizeUrl) -> str:
        """The cookie's value for a question."""
        kept = {
            "state": asked.state,
            "verifier": asked.code_verifier,
            "key": asked.session.key,
            "expiry": asked.session.expiry,
            "until": time.time() + LIFETIME_SECONDS,
        }
        nonce = urandom(NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, json.dumps(kept).encode(), CONTEXT)).decode()

    def kept(self, cookie: str | None) -> Kept:
        """What a cookie keeps. Raises UnexpectedReturn if there is none, it is too old, or not ours."""
        try:
            sealed = urlsafe_b64decode(cookie or "")
            raw = json.loads(self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], CONTEXT))
        except (ValueError, InvalidTag) as error:
            raise UnexpectedReturn(INVALID_STATE, "This browser was not asked, or too long ago") from error
        if raw["until"] < time.time():
            raise UnexpectedReturn(INVALID_STATE, "The question was asked too long ago")
        return Kept(raw["state"], raw["verifier"], Session(key=raw["key"], expiry=raw["expiry"]))
