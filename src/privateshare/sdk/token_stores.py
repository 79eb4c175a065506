"""Where an app stores the tokens of its users: in memory, in a file, or in a database of its own.

A client with a store reads the newest token from it for each call, and writes each token that it refreshes: see `User`.
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
    """Stores tokens by a key of the app's own, such as its user's id. Any thread may call it."""

    def get(self, key: str) -> UserAccessToken | None:
        """Return the token of a user, or None."""

    def put(self, key: str, token: UserAccessToken) -> None:
        """Store a token in place of the one that is there. It must be durable when this returns."""

    def delete(self, key: str) -> None:
        """Delete the token of a user, if there is one."""


@runtime_checkable
class SharedTokenStore(TokenStore, Protocol):
    """A store that several processes share."""

    def locked(self, key: str) -> AbstractContextManager[object]:
        """Lock a user's entry, for one thread of one process at a time.

        It is locked while a token is refreshed, which usually takes seconds.
        """


class AsyncTokenStore(Protocol):
    """Stores tokens with coroutines, for `AsyncPrivateShare`. That client takes a `TokenStore` too."""

    def get(self, key: str) -> Awaitable[UserAccessToken | None]:
        """Return the token of a user, or None."""

    def put(self, key: str, token: UserAccessToken) -> Awaitable[None]:
        """Store a token in place of the one that is there. It must be durable when this returns."""

    def delete(self, key: str) -> Awaitable[None]:
        """Delete the token of a user, if there is one."""


@runtime_checkable
class SharedAsyncTokenStore(AsyncTokenStore, Protocol):
    """A store that several processes share."""

    def locked(self, key: str) -> AbstractAsyncContextManager[object]:
        """Lock a user's entry, for one task of one process at a time."""


class MemoryTokenStore:
    """Stores tokens in memory, as long as the process runs."""

    def __init__(self) -> None:
        self._tokens: dict[str, UserAccessToken] = {}

    def get(self, key: str) -> UserAccessToken | None:
        """Return the token of a user, or None."""
        return self._tokens.get(key)

    def put(self, key: str, token: UserAccessToken) -> None:
        """Store a token in place of the one that is there."""
        self._tokens[key] = token

    def delete(self, key: str) -> None:
        """Delete the token of a user, if there is one."""
        self._tokens.pop(key, None)


class FileTokenStore:
    """Stores tokens in a file that only its owner can read (0600). Threads and processes may share it.

    The file is complete at any time. If two processes refresh a user's token, the second uses the token of the first.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = PrivateFile(path, "tokens")

    def get(self, key: str) -> UserAccessToken | None:
        """Return the token of a user, or None. Raise ConfigurationError if the file was not written by the SDK."""
        text = self._file.read().get(key)
        if text is None:
            return None
        try:
            return UserAccessToken.from_json(text)
        except ConfigurationError as error:
            hint = "Delete this entry, and ask the user for consent again. The others are not affected"
            raise ConfigurationError(f"The entry {key!r} of {self._file} is not a token", hint=hint) from error

    def put(self, key: str, token: UserAccessToken) -> None:
        """Store a token in place of the one that is there. Raise ConfigurationError if the file cannot be written."""
        self._file.change(lambda tokens: tokens | {key: token.to_json()})

    def delete(self, key: str) -> None:
        """Delete the token of a user, if there is one."""
        if key in self._file.read():
            self._file.change(lambda tokens: {name: text for name, text in tokens.items() if name != key})

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Lock a user's entry, for one thread of one process at a time."""
        with self._file.locked(key):
            yield


def is_async(store: TokenStore | AsyncTokenStore) -> TypeGuard[AsyncTokenStore]:
    """Tell whether a store is one for asyncio."""
    return iscoroutinefunction(store.get)
