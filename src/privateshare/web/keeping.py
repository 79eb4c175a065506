"""What is kept while a person is away, and of how they came back: sealed, in a cookie of their own browser.

Each request for consent has a cookie of its own, so that two tabs do not take each other's. Once the person is back it
says how that ended, so that a reload, or the back button, shows what is true: a code works only once.
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from os import urandom
from typing import Literal, TypedDict
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privateshare.errors import AuthorizationFailed, ConfigurationError, UnexpectedReturn
from privateshare.protocol.messages import Session
from privateshare.sdk.consent import INVALID_STATE, AuthorizeUrl, authorization_error
from privateshare.sdk.tokens import UserAccessToken

NO_STORE = "no-store"  # answers that carry codes
LIFETIME_SECONDS = 30 * 60  # of a pre-authorization (protocol 4.6)
ENDED_SECONDS = 24 * 3600  # in which a reload shows how it ended
MAX_COOKIES = 8  # of one browser: requests that were begun and left are forgotten, the oldest first
MIN_SECRET_CHARACTERS = 32
NONCE_BYTES = 12
HASH_CHARACTERS = 16
CONTEXT = b"privateshare consent cookie 2"
SHARED = "SHARED"
COOKIE = "privateshare_consent_"

ALREADY_SHARED = "You have already shared your data with this app."
WRONG_USER = "WRONG_USER"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A person who came back and agreed: their token, and the session that reads what they lend.

    `user` is the app's own key of them, if the routes were given `user`: their token is in the client's store under it.
    """

    token: UserAccessToken
    session: Session
    account_reference: str | None = None
    user: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for consent that a browser was sent off with. `outcome`: "" until the person is back."""

    state: str
    verifier: str = field(repr=False)
    session: Session
    user: str  # a hash of the app's key
    outcome: str
    until: float

    def check_open(self) -> None:
        """Raise the AuthorizationFailed with which it ended, if it ended so."""
        if self.outcome not in ("", SHARED):
            raise authorization_error(self.outcome)


class Flags(TypedDict):
    """Who gets the cookie: no script, no form or frame of another site, and nobody on the way where there is TLS."""

    secure: bool
    httponly: bool
    samesite: Literal["lax"]


def cookie_name(return_address: str, state: str) -> str:
    """Name the cookie of a request: where there is TLS, so that no other host of the domain can set or see it."""
    prefix = "__Host-" if return_address.startswith("https:") else ""
    return f"{prefix}{COOKIE}{_hash(state)}"


def cookie_flags(return_address: str) -> Flags:
    """The flags of the cookie of a person who comes back to this address."""
    return Flags(secure=return_address.startswith("https:"), httponly=True, samesite="lax")


def state_in(url: str) -> str:
    """Return the state in the address that a person came back to; "" if there is none. It is compared later."""
    try:
        return parse_qs(urlsplit(url).query).get("state", [""])[0]
    except ValueError:
        return ""


class Keeper:
    """Seals what is kept under a secret of the app's: 32 characters or more that nobody else knows.

    Raises ConfigurationError for a shorter one.
    """

    def __init__(self, secret: str) -> None:
        if len(secret) < MIN_SECRET_CHARACTERS:
            raise ConfigurationError(f"the secret must have {MIN_SECRET_CHARACTERS} characters or more")
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=CONTEXT).derive(secret.encode()))

    def keep(self, asked: AuthorizeUrl, user: str = "") -> str:
        """Return the cookie's value for a request for consent, made for a user of the app."""
        return self._sealed(
            {
                "state": asked.state,
                "verifier": asked.code_verifier,
                "key": asked.session.key,
                "expiry": asked.session.expiry,
                "user": _hash(user),
                "until": time.time() + LIFETIME_SECONDS,
            }
        )

    def ended(self, asked: Asked, outcome: str) -> str:
        """Return the cookie's value for one that has ended: SHARED, or with an `errorCode` of protocol 8.3."""
        until = time.time() + ENDED_SECONDS
        return self._sealed({"state": asked.state, "user": asked.user, "outcome": outcome, "until": until})

    def kept(self, cookie: str | None, state: str | None = None, user: str = "") -> Asked:
        """Read a cookie. Raises UnexpectedReturn if there is none, it is too old, not ours, or another user's."""
        asked = self._opened(cookie)
        if asked.until < time.time():
            raise UnexpectedReturn(INVALID_STATE, "The request for consent was made too long ago")
        if state is not None and not compare_digest(asked.state.encode(), state.encode()):
            raise UnexpectedReturn(INVALID_STATE, "The state is not the one that this app sent")
        if not compare_digest(asked.user, _hash(user)):
            raise UnexpectedReturn(WRONG_USER, "Another user of this app asked for this, in the same browser")
        return asked

    def too_many(self, cookies: Mapping[str, str]) -> list[str]:
        """Name the cookies of a browser that must go to make room for one more: the oldest, and those not ours."""
        ages: dict[str, float] = {}
        for name, value in cookies.items():
            if name.removeprefix("__Host-").startswith(COOKIE):
                try:
                    ages[name] = self._opened(value).until
                except AuthorizationFailed:
                    ages[name] = 0.0
        return sorted(ages, key=lambda name: ages[name])[: max(0, len(ages) - MAX_COOKIES + 1)]

    def _sealed(self, kept: Mapping[str, object]) -> str:
        nonce = urandom(NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, json.dumps(kept).encode(), CONTEXT)).decode()

    def _opened(self, cookie: str | None) -> Asked:
        try:
            sealed = urlsafe_b64decode(cookie or "")
            raw = json.loads(self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], CONTEXT))
        except (ValueError, InvalidTag) as error:
            raise UnexpectedReturn(INVALID_STATE, "This browser was not asked, or too long ago") from error
        session = Session(key=raw.get("key", ""), expiry=raw.get("expiry", 0))
        return Asked(raw["state"], raw.get("verifier", ""), session, raw["user"], raw.get("outcome", ""), raw["until"])


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_CHARACTERS]
