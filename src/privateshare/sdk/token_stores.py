"""Where an app keeps people's tokens: in memory, in a file, or in a database of its own.

A client that has a store reads the newest tokens from it for each call, and writes those that it refreshes: see `User`.
"""

import os
from collections.abc import Awaitable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from inspect import iscoroutinefunction
from typing import Protocol, TypeGuard, runtime_checkable

from privateshare.errors import ConfigurationError
from privateshare.sdk.local_files.private_file import PrivateFile
from privateshare.sdk.tokens import UserAccessToken


class TokenStore(Protocol):
    """Where an app keeps people's tokens, by a key of its own such as its user's id. Any thread may call it."""

    def get(self, key: str) -> UserAccessToken | None:
        """The token kept under this key, if there is one."""

    def put(self, key: str, token: UserAccessToken) -> None:
        """Keeps a token, in place of what was there. It must be durable when this returns."""

    def delete(self, key: str) -> None:
        """Forgets a token; one that is not there is no error."""


@runtime_checkable
class SharedTokenStore(TokenStore, Protocol):
    """A store that several processes use at once."""

    def locked(self, key: str) -> AbstractContextManager[object]:
        """Holds a user's entry: of all threads and processes that ask for this key, one at a time.

        It is held while a token is refreshed, for seconds as a rule.
        """


class AsyncTokenStore(Protocol):
    """The same for `AsyncPrivateShare`, with coroutines. A `TokenStore` will do there too."""

    def get(self, key: str) -> Awaitable[UserAccessToken | None]:
        """The token kept under this key, if there is one."""

    def put(self, key: str, token: UserAccessToken) -> Awaitable[None]:
        """Keeps a token, in place of what was there. It must be durable when this returns."""

    def delete(self, key: str) -> Awaitable[None]:
        """Forgets a token; one that is not there is no error."""


@runtime_checkable
class SharedAsyncTokenStore(AsyncTokenStore, Protocol):
    """A store that several processes use at once."""

    def locked(self, key: str) -> AbstractAsyncContextManager[object]:
        """Holds a user's entry: of all that ask for this key, one at a time."""


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
    """Tokens in a file that only its owner can read (0600), always whole; threads and processes may share it.

    Two processes that refresh one user's tokens do so one after the other, and the second uses what the first got.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = PrivateFile(path, "tokens")

    def get(self, key: str) -> UserAccessToken | None:
        """The token kept under this key, if there is one. Raises ConfigurationError if the file is not ours."""
        text = self._file.read().get(key)
        if text is None:
            return None
        try:
            return UserAccessToken.from_json(text)
        except ConfigurationError as error:
            hint = "Delete this entry, and ask the user for consent again; the others are not affected"
            raise ConfigurationError(f"the entry {key!r} of {self._file} is not a token", hint=hint) from error

    def put(self, key: str, token: UserAccessToken) -> None:
        """Keeps a token, in place of what was there. Raises ConfigurationError if it cannot be written."""
        self._file.change(lambda tokens: tokens | {key: token.to_json()})

    def delete(self, key: str) -> None:
        """Forgets a token; one that is not there is no error."""
        if key in self._file.read():
            self._file.change(lambda tokens: {name: text for name, text in tokens.items() if name != key})

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Holds a user's entry: of all threads and processes, one at a time."""
        with self._file.locked(key):
            yield


def is_async(store: TokenStore | AsyncTokenStore) -> TypeGuard[AsyncTokenStore]:
    """Tell whether a store is one for asyncio."""
    return iscoroutinefunction(store.get)
