"""What an app keeps of a person's consent, and where. Protocol 4.2."""

import json
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from privateshare.errors import ConfigurationError, InvalidAnswer

EARLY_SECONDS = 30  # a token this close to its end is refreshed before it is used


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its end, in seconds since the epoch. The value stays out of `repr`."""

    value: str = field(repr=False)
    expires_on: float

    def __repr__(self) -> str:
        return f"<Token …{self.value[-3:]}>"


@dataclass(frozen=True, slots=True)
class UserAccessToken:
    """What lets an app read one person's data until they say stop: keep it as you would keep a password.

    `user_id` is the person as your organisation knows them, `consent_id` what they agreed to.
    """

    access_token: Token
    refresh_token: Token
    user_id: str
    consent_id: str

    def to_json(self) -> str:
        """The token as JSON text, secrets included."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "UserAccessToken":
        """The token of `to_json`. Raises ConfigurationError if the text is none."""
        try:
            raw = json.loads(text)
            return cls(Token(**raw.pop("access_token")), Token(**raw.pop("refresh_token")), **raw)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError("the text is not a UserAccessToken as to_json writes it") from error

    @classmethod
    def from_claims(cls, claims: dict[str, Any]) -> "UserAccessToken":
        """The token of an exchange's or a refresh's answer. Raises InvalidAnswer."""
        try:
            return cls(
                Token(**{name: claims["access_token"][name] for name in ("value", "expires_on")}),
                Token(**{name: claims["refresh_token"][name] for name in ("value", "expires_on")}),
                str(claims.get("sub") or claims["identifier"]["id"]),
                str(claims.get("consentid", "")),
            )
        except (KeyError, TypeError) as error:
            raise InvalidAnswer("the answer holds no tokens") from error

    def is_expired(self) -> bool:
        """Whether the access token has ended, or is about to."""
        return self.access_token.expires_on - EARLY_SECONDS < time.time()

    def with_access_token(self, value: str) -> "UserAccessToken":
        """The same with another access token: for tests of what happens when it is refused."""
        return replace(self, access_token=replace(self.access_token, value=value))


class TokenStore(Protocol):
    """Where an app keeps people's tokens, by a key of its own such as its user's id."""

    def get(self, key: str) -> UserAccessToken | None:
        """The token kept under this key, if there is one."""

    def put(self, key: str, token: UserAccessToken) -> None:
        """Keeps a token, in place of what was there."""

    def delete(self, key: str) -> None:
        """Forgets a token; one that is not there is no error."""


class MemoryTokenStore:
    """Tokens in memory, gone with the process."""

    def __init__(self) -> None:
        self._tokens: dict[str, UserAccessToken] = {}

    def get(self, key: str) -> UserAccessToken | None:
        """The token kept under this key, if there is one."""
        return self._tokens.get(key)

    def put(self, key: str, token: UserAccessToken) -> None:
        """Keeps a token, in place of what was there."""
        self._tokens[key] = token

    def delete(self, key: str) -> None:
        """Forgets a token; one that is not there is no error."""
        self._tokens.pop(key, None)


class FileTokenStore:
    """Tokens in a file that only its owner can read (0600), written aside and renamed, so that it is always whole."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()

    def get(self, key: str) -> UserAccessToken | None:
        """The token kept under this key, if there is one. Raises ConfigurationError if the file is not ours."""
        text = self._read().get(key)
        return UserAccessToken.from_json(text) if text is not None else None

    def put(self, key: str, token: UserAccessToken) -> None:
        """Keeps a token, in place of what was there."""
        with self._lock:
            self._write(self._read() | {key: token.to_json()})

    def delete(self, key: str) -> None:
        """Forgets a token; one that is not there is no error."""
        with self._lock:
            self._write({name: text for name, text in self._read().items() if name != key})

    def _read(self) -> dict[str, str]:
        try:
            tokens: dict[str, str] = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ConfigurationError(f"{self._path} is not a file of tokens") from error
        return tokens

    def _write(self, tokens: dict[str, str]) -> None:
        aside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(tokens, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path)


class TokenKeeper:
    """Knows the newest token of every grant that this client used, and lets one caller at a time refresh it."""

    def __init__(self) -> None:
        self._newest: dict[str, UserAccessToken] = {}
        self._refreshing: dict[str, Future[UserAccessToken]] = {}
        self._lock = threading.Lock()

    def newest(self, token: UserAccessToken) -> UserAccessToken:
        """The newest token of this one's grant."""
        return self._newest.get(token.refresh_token.value, token)

    def begin(self, token: UserAccessToken) -> tuple[Future[UserAccessToken], bool]:
        """The refresh of this token, and whether the caller is the one to do it."""
        with self._lock:
            known = self._newest.get(token.refresh_token.value)
            if known is not None and known.access_token.value != token.access_token.value:
                done: Future[UserAccessToken] = Future()
                done.set_result(known)
                return done, False
            running = self._refreshing.get(token.refresh_token.value)
            if running is not None:
                return running, False
            return self._refreshing.setdefault(token.refresh_token.value, Future()), True

    def end(self, old: UserAccessToken, outcome: UserAccessToken | BaseException) -> None:
        """Tells everyone who waits how the refresh went."""
        with self._lock:
            future = self._refreshing.pop(old.refresh_token.value)
            if isinstance(outcome, UserAccessToken):
                for value, token in list(self._newest.items()):
                    if token.refresh_token.value == old.refresh_token.value:
                        self._newest[value] = outcome
                self._newest[old.refresh_token.value] = outcome
                self._newest[outcome.refresh_token.value] = outcome
        if isinstance(outcome, UserAccessToken):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
