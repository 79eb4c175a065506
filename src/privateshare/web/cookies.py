"""The cookies of people who are away on the consent page, and what such a cookie holds.

Each request for consent has a cookie of its own, so that two tabs do not disturb each other. Once the person is back,
the cookie tells how the request ended, so that a reload shows the right page: a code works only once.
"""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Literal, TypedDict
from urllib.parse import parse_qs, urlsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privateshare.errors import AuthorizationFailed, ConfigurationError, UnexpectedReturn
from privateshare.protocol.messages import Session
from privateshare.sdk.consent import INVALID_STATE, AuthorizeUrl, authorization_error
from privateshare.sdk.tokens import UserAccessToken

LIFETIME_SECONDS = 30 * 60
"""How long a pre-authorization lives (protocol 4.6)."""
ENDED_SECONDS = 24 * 3600
"""For how long a reload shows how a request ended."""
MAX_COOKIES = 8
"""How many requests one browser may have. The oldest are forgotten first."""
MIN_SECRET_CHARACTERS = 32
HASH_CHARACTERS = 16
KEY_PURPOSE = b"privateshare consent cookie 3"
SHARED = "SHARED"
COOKIE_PREFIX = "privateshare_consent_"
WRONG_USER = "WRONG_USER"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A person who came back and agreed: their token, and the session that reads what they share.

    `account_reference` is the account that they connected, if they connected one. `user` is the app's own key of the
    person if the routes were given `user`. Then their token is in the client's store under this key.
    """

    token: UserAccessToken
    session: Session
    account_reference: str | None = None
    user: str = ""


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """A request for consent, as the cookie of a browser has it.

    `user_hash` is a hash of the app's key of the user. `outcome` is "" until the person is back, then SHARED or an
    `errorCode` of protocol 8.3. `until` is when the cookie ends, in seconds since the epoch.
    """

    state: str
    verifier: str = field(repr=False)
    session: Session
    user_hash: str
    outcome: str
    until: float

    def check_open(self) -> None:
        """Raise the AuthorizationFailed with which the request ended, if it ended so."""
        if self.outcome not in ("", SHARED):
            raise authorization_error(self.outcome)


class CookieFlags(TypedDict):
    """The flags of the cookies: no script, form or frame of another site gets them, and with TLS nobody on the way."""

    secure: bool
    httponly: bool
    samesite: Literal["lax"]


def cookie_name(return_address: str, state: str) -> str:
    """Return the name of a request's cookie. With TLS its prefix keeps other hosts of the domain from setting it."""
    prefix = "__Host-" if return_address.startswith("https:") else ""
    return f"{prefix}{COOKIE_PREFIX}{_hash(state)}"


def cookie_flags(return_address: str) -> CookieFlags:
    """Return the flags of the cookie of a person who comes back to this address."""
    return CookieFlags(secure=return_address.startswith("https:"), httponly=True, samesite="lax")


def state_in(url: str) -> str:
    """Return the state in the address that a person came back to, or "" if there is none. It is not verified yet."""
    try:
        return parse_qs(urlsplit(url).query).get("state", [""])[0]
    except ValueError:
        return ""


class Keeper:
    """Encrypts and decrypts the cookies of requests for consent.

    Args:
        secret: 32 characters or more that nobody else knows. To replace it, give a list of the new and the old secret:
            the first encrypts, and all decrypt.

    Raises:
        ConfigurationError: The secret is too short, or there is none.
    """

    def __init__(self, secret: str | Sequence[str]) -> None:
        secrets: list[str] = (
            [secret] if isinstance(secret, str) else list(secret) if isinstance(secret, list | tuple) else []
        )
        if not secrets or not all(isinstance(text, str) and len(text) >= MIN_SECRET_CHARACTERS for text in secrets):
            raise ConfigurationError(f"The secret must have {MIN_SECRET_CHARACTERS} characters or more")
        self._fernet = MultiFernet([Fernet(_fernet_key(text)) for text in secrets])

    def keep(self, asked: AuthorizeUrl, user: str = "") -> str:
        """Encrypt the cookie of a new request for consent, made for a user of the app, and return its value."""
        return self._encrypt(
            {
                "state": asked.state,
                "verifier": asked.code_verifier,
                "key": asked.session.key,
                "expiry": asked.session.expiry,
                "user": _hash(user),
                "until": time.time() + LIFETIME_SECONDS,
            }
        )

    def ended(self, request: ConsentRequest, outcome: str) -> str:
        """Encrypt the cookie of a request that has ended, and return its value.

        Args:
            request: The request.
            outcome: SHARED, or an `errorCode` of protocol 8.3.
        """
        until = time.time() + ENDED_SECONDS
        return self._encrypt({"state": request.state, "user": request.user_hash, "outcome": outcome, "until": until})

    def kept(self, cookie: str | None, state: str | None = None, user: str = "") -> ConsentRequest:
        """Decrypt a cookie and check whose it is.

        Args:
            cookie: The value of the cookie, or None if there is none.
            state: The state in the address that the person came back to.
            user: The app's key of the user who makes the request.

        Raises:
            UnexpectedReturn: There is no cookie, it is too old or changed, or it belongs to another request or user.
        """
        request = self._decrypt_unchecked(cookie)
        if request.until < time.time():
            raise UnexpectedReturn(INVALID_STATE, "The request for consent was made too long ago")
        if state is not None and not compare_digest(request.state.encode(), state.encode()):
            raise UnexpectedReturn(INVALID_STATE, "The state is not the one that this app sent")
        if not compare_digest(request.user_hash, _hash(user)):
            raise UnexpectedReturn(WRONG_USER, "Another user of this app made this request in the same browser")
        return request

    def excess_cookies(self, cookies: Mapping[str, str]) -> list[str]:
        """Return the names of cookies to delete before one more is set: the oldest, and those that do not decrypt."""
        ages: dict[str, float] = {}
        for name, value in cookies.items():
            if name.removeprefix("__Host-").startswith(COOKIE_PREFIX):
                try:
                    ages[name] = self._decrypt_unchecked(value).until
                except AuthorizationFailed:
                    ages[name] = 0.0
        return sorted(ages, key=lambda name: ages[name])[: max(0, len(ages) - MAX_COOKIES + 1)]

    def _encrypt(self, content: Mapping[str, object]) -> str:
        return self._fernet.encrypt(json.dumps(content).encode()).decode()

    def _decrypt_unchecked(self, cookie: str | None) -> ConsentRequest:
        """Decrypt a cookie. Its age, request and user are not checked."""
        try:
            raw = json.loads(self._fernet.decrypt((cookie or "").encode("utf-8", "surrogatepass")))
        except (ValueError, InvalidToken) as error:
            raise UnexpectedReturn(INVALID_STATE, "This browser made no recent request for consent") from error
        session = Session(key=raw.get("key", ""), expiry=raw.get("expiry", 0))
        return ConsentRequest(
            raw["state"], raw.get("verifier", ""), session, raw["user"], raw.get("outcome", ""), raw["until"]
        )


def _fernet_key(secret: str) -> bytes:
    return urlsafe_b64encode(HKDF(SHA256(), 32, salt=None, info=KEY_PURPOSE).derive(secret.encode()))


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_CHARACTERS]
