"""The tokens of a person's grant. Where an app stores them is in `token_stores.py`. Protocol 4.2."""

import json
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from privateshare.errors import ConfigurationError, InvalidAnswer
from privateshare.sdk.arguments import check_kind, wrong_argument

LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""
EARLY_SECONDS = 30
"""A token this close to its end is refreshed before it is used."""
MAX_REMEMBERED = 50_000
"""How many refreshed tokens a client remembers. Those that were used longest ago are forgotten first."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it expires, in seconds since the epoch. Only the end of its value is in `repr`."""

    value: str = field(repr=False)
    expires_on: float

    def __post_init__(self) -> None:
        if not isinstance(self.value, str) or isinstance(self.expires_on, bool | str):
            raise TypeError("A token is a text with an expiry in seconds")
        if not 0 <= self.expires_on <= LAST_SECOND:  # This rejects NaN too.
            raise ValueError("The expiry of a token must be a time between 1970 and 9999")

    def __repr__(self) -> str:
        return f"<Token …{self.value[-3:]}>"


@dataclass(frozen=True, slots=True)
class UserAccessToken:
    """The tokens with which an app reads one person's data until they withdraw. Keep them like a password.

    `user_id` identifies the person for your organisation, `consent_id` the consent, and `client_id` the application and
    contract that the person agreed with.
    """

    access_token: Token
    refresh_token: Token
    user_id: str
    consent_id: str
    client_id: str = ""

    def to_json(self) -> str:
        """Return the tokens as JSON text, with their secrets."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "UserAccessToken":
        """Parse the text of `to_json`.

        Raises:
            ConfigurationError: The text was not written by `to_json`.
        """
        try:
            raw = json.loads(text)
            tokens = Token(**raw["access_token"]), Token(**raw["refresh_token"])
            return cls(*tokens, str(raw["user_id"]), str(raw["consent_id"]), str(raw.get("client_id", "")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ConfigurationError("The text is not a UserAccessToken as to_json writes it") from error

    @classmethod
    def from_claims(cls, claims: dict[str, Any], client_id: str = "") -> "UserAccessToken":
        """Read the claims of the response to an exchange or a refresh. Protocol 4.2, 4.3.

        Raises:
            InvalidAnswer: The claims have no tokens.
        """
        try:
            return cls(
                Token(**{name: claims["access_token"][name] for name in ("value", "expires_on")}),
                Token(**{name: claims["refresh_token"][name] for name in ("value", "expires_on")}),
                str(claims.get("sub") or claims["identifier"]["id"]),
                str(claims.get("consentid", "")),
                client_id,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidAnswer("The platform's response has no tokens") from error

    def is_expired(self) -> bool:
        """Tell whether the access token has expired, or will within 30 seconds."""
        return self.access_token.expires_on - EARLY_SECONDS < time.time()

    def with_access_token(self, value: str) -> "UserAccessToken":
        """Return a copy with another access token, for tests of an app whose token is refused."""
        return replace(self, access_token=replace(self.access_token, value=value))


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user whose tokens are in the app's store, by a key of the app's own such as its user's id."""

    key: str


Holder = UserAccessToken | StoredUser
"""Whose data a call is about: a token, or a handle of a user whose tokens are in the app's store."""


def user_name(holder: Holder) -> str:
    """Return the name by which the app knows a user: the key in its token store, or else the platform's id."""
    return holder.key if isinstance(holder, StoredUser) else holder.user_id


def check_holder(holder: object) -> None:
    """Check that an argument is a token or a user. Raise ConfigurationError, which never repeats the argument."""
    name, expected = "user_access_token", "a UserAccessToken, or a user such as app.user(key)"
    if isinstance(holder, str | bytes | dict):
        raise wrong_argument(
            name, expected, holder, "Read a token that you stored with UserAccessToken.from_json(text)"
        )
    check_kind(name, holder, (UserAccessToken, StoredUser), expected)


class TokenNotKeptWarning(UserWarning):
    """A client has refreshed a user's tokens, and nothing stores the new ones."""


NOT_KEPT = (
    "A user's tokens were refreshed, and nothing stores the new ones. The tokens that your app has work no longer, and "
    "using them again after a minute revokes the grant. Give the client a token_store, and pass app.user(...) in place "
    "of the token; or store the token that on_access_token_change gets."
)


class NewestTokens:
    """The newest token of each grant that a client used. It lets one caller at a time refresh a token."""

    def __init__(self) -> None:
        self._newer: OrderedDict[str, UserAccessToken] = OrderedDict()  # The replacement of each refresh token.
        self._refreshing: dict[str, Future[UserAccessToken]] = {}
        self._lock = threading.Lock()

    def newest(self, token: UserAccessToken) -> UserAccessToken:
        """Return the newest token of the same grant."""
        with self._lock:
            return self._newest(token)

    def begin(self, token: UserAccessToken) -> tuple[Future[UserAccessToken], bool]:
        """Return the future of a token's refresh, and whether the caller has to refresh it."""
        with self._lock:
            known = self._newest(token)
            if known.access_token.value != token.access_token.value:
                done: Future[UserAccessToken] = Future()
                done.set_result(known)
                return done, False
            running = self._refreshing.get(token.refresh_token.value)
            if running is not None:
                return running, False
            return self._refreshing.setdefault(token.refresh_token.value, Future()), True

    def remember(self, old: UserAccessToken, new: UserAccessToken) -> None:
        """Remember the replacement of a token, before anybody else gets it."""
        with self._lock:
            self._newer[old.refresh_token.value] = new
            if len(self._newer) > MAX_REMEMBERED:
                self._newer.popitem(last=False)

    def end(self, old: UserAccessToken, outcome: UserAccessToken | BaseException) -> None:
        """Give the outcome of a refresh to everyone who waits for it."""
        if isinstance(outcome, UserAccessToken):
            self.remember(old, outcome)
        with self._lock:
            future = self._refreshing.pop(old.refresh_token.value)
        if isinstance(outcome, UserAccessToken):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)

    def _newest(self, token: UserAccessToken) -> UserAccessToken:
        passed: set[str] = set()
        while (value := token.refresh_token.value) in self._newer and value not in passed:
            passed.add(value)
            self._newer.move_to_end(value)
            token = self._newer[value]
        return token
