"""What an app keeps of a person's consent. Where it keeps it is in `stores.py`. Protocol 4.2."""

import json
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from privateshare.errors import ConfigurationError, InvalidAnswer

LAST_SECOND = 253_402_300_799  # of the year 9999
EARLY_SECONDS = 30  # a token this close to its end is refreshed before it is used
REMEMBERED = 50_000  # refreshed tokens whose successors a client knows; those used longest ago are forgotten first


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its end, in seconds since the epoch. The value stays out of `repr`."""

    value: str = field(repr=False)
    expires_on: float

    def __post_init__(self) -> None:
        if not isinstance(self.value, str) or isinstance(self.expires_on, bool | str):
            raise TypeError("a token is a text with an end in seconds")
        if not 0 <= self.expires_on <= LAST_SECOND:  # nor is NaN
            raise ValueError("the end of a token is a moment")

    def __repr__(self) -> str:
        return f"<Token …{self.value[-3:]}>"


@dataclass(frozen=True, slots=True)
class UserAccessToken:
    """What lets an app read one person's data until they say stop: keep it as you would keep a password.

    `user_id` is the person as your organisation knows them, `consent_id` what they agreed to, `client_id` the
    application and contract that they agreed with.
    """

    access_token: Token
    refresh_token: Token
    user_id: str
    consent_id: str
    client_id: str = ""

    def to_json(self) -> str:
        """The token as JSON text, secrets included."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "UserAccessToken":
        """The token of `to_json`. Raises ConfigurationError if the text is none."""
        try:
            raw = json.loads(text)
            tokens = Token(**raw["access_token"]), Token(**raw["refresh_token"])
            return cls(*tokens, str(raw["user_id"]), str(raw["consent_id"]), str(raw.get("client_id", "")))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ConfigurationError("the text is not a UserAccessToken as to_json writes it") from error

    @classmethod
    def from_claims(cls, claims: dict[str, Any], client_id: str = "") -> "UserAccessToken":
        """The token of an exchange's or a refresh's answer. Raises InvalidAnswer."""
        try:
            return cls(
                Token(**{name: claims["access_token"][name] for name in ("value", "expires_on")}),
                Token(**{name: claims["refresh_token"][name] for name in ("value", "expires_on")}),
                str(claims.get("sub") or claims["identifier"]["id"]),
                str(claims.get("consentid", "")),
                client_id,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidAnswer("the answer holds no tokens") from error

    def is_expired(self) -> bool:
        """Whether the access token has ended, or is about to."""
        return self.access_token.expires_on - EARLY_SECONDS < time.time()

    def with_access_token(self, value: str) -> "UserAccessToken":
        """The same with another access token: for tests of what happens when it is refused."""
        return replace(self, access_token=replace(self.access_token, value=value))


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user of the app whose tokens are in its store, by a key of the app's own such as its user's id."""

    key: str


Holder = UserAccessToken | StoredUser
"""Whose data it is: a token, or a handle of a user whose newest tokens are in the app's store."""


class TokenNotKeptWarning(UserWarning):
    """A client refreshed a user's tokens, and nobody keeps the new ones."""


NOT_KEPT = (
    "A user's tokens were refreshed, and nothing keeps the new ones: those that your app has stored work no longer, "
    "and using them again after a minute revokes the grant. Give the client a token_store, and pass app.user(...) in "
    "place of the token; or keep what on_access_token_change is given."
)


class NewestTokens:
    """Knows the newest token of the grants that this client used, and lets one caller at a time refresh it."""

    def __init__(self) -> None:
        self._newer: OrderedDict[str, UserAccessToken] = OrderedDict()  # by refresh token: what took its place
        self._refreshing: dict[str, Future[UserAccessToken]] = {}
        self._lock = threading.Lock()

    def newest(self, token: UserAccessToken) -> UserAccessToken:
        """The newest token of this one's grant."""
        with self._lock:
            return self._newest(token)

    def begin(self, token: UserAccessToken) -> tuple[Future[UserAccessToken], bool]:
        """The refresh of this token, and whether the caller is the one to do it."""
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
        """Know what took a token's place, before anybody else is told."""
        with self._lock:
            self._newer[old.refresh_token.value] = new
            if len(self._newer) > REMEMBERED:
                self._newer.popitem(last=False)

    def end(self, old: UserAccessToken, outcome: UserAccessToken | BaseException) -> None:
        """Tells everyone who waits how the refresh went."""
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
