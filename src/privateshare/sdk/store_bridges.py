"""Token stores of one kind where the other is needed: blocking stores on asyncio, and stores for asyncio on threads."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

from privateshare.sdk.token_stores import (
    AsyncTokenStore,
    SharedAsyncTokenStore,
    SharedTokenStore,
    TokenStore,
)
from privateshare.sdk.tokens import UserAccessToken


class StoreOnThreads:
    """A blocking store that is used on worker threads."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    async def get(self, key: str) -> UserAccessToken | None:
        """Return the token of a user, or None."""
        return await asyncio.to_thread(self._store.get, key)

    async def put(self, key: str, token: UserAccessToken) -> None:
        """Store a token in place of the one that is there."""
        await asyncio.to_thread(self._store.put, key, token)

    async def delete(self, key: str) -> None:
        """Delete the token of a user, if there is one."""
        await asyncio.to_thread(self._store.delete, key)

    @asynccontextmanager
    async def locked(self, key: str) -> AsyncIterator[None]:
        """Lock a user's entry on one thread, as locks of files and databases may require."""
        if not isinstance(self._store, SharedTokenStore):
            yield
            return
        loop, holding = asyncio.get_running_loop(), self._store.locked(key)
        with ThreadPoolExecutor(1, thread_name_prefix="privateshare-lock") as thread:
            await loop.run_in_executor(thread, holding.__enter__)
            try:
                yield
            finally:
                await loop.run_in_executor(thread, holding.__exit__, *sys.exc_info())


class StoreOnLoop:
    """A store for asyncio that is used by threads other than that of its loop."""

    def __init__(self, store: AsyncTokenStore, loop: asyncio.AbstractEventLoop) -> None:
        self._store, self._loop = store, loop

    def get(self, key: str) -> UserAccessToken | None:
        """Return the token of a user, or None."""

        async def get() -> UserAccessToken | None:
            return await self._store.get(key)

        return asyncio.run_coroutine_threadsafe(get(), self._loop).result()

    def put(self, key: str, token: UserAccessToken) -> None:
        """Store a token in place of the one that is there."""

        async def put() -> None:
            await self._store.put(key, token)

        asyncio.run_coroutine_threadsafe(put(), self._loop).result()

    def delete(self, key: str) -> None:
        """Delete the token of a user, if there is one."""

        async def delete() -> None:
            await self._store.delete(key)

        asyncio.run_coroutine_threadsafe(delete(), self._loop).result()

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Lock a user's entry."""
        if not isinstance(self._store, SharedAsyncTokenStore):
            yield
            return
        holding = self._store.locked(key)

        async def enter() -> None:
            await holding.__aenter__()

        async def leave() -> None:
            await holding.__aexit__(None, None, None)

        asyncio.run_coroutine_threadsafe(enter(), self._loop).result()
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(leave(), self._loop).result()
