"""The erasure keys of one database, for asyncio."""

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID, uuid4

from cachetools import TTLCache

from privateshare.errors import ConfigurationError
from privateshare.platform.keystore.store import KEY_BYTES, CopiesRemain, KeyMissing, KeyStore, KeyStoreAway

THREADS = 8
PATIENCE_SECONDS = 15
CACHED_KEYS = 10_000
CACHED_SECONDS = 60  # in a process that is not told of an erasure, a destroyed key is in memory for so long

SET_KEY_URL = "Set PRIVATESHARE_KEY_URL to"

T = TypeVar("T")


class ErasureKeys:
    """Creates, reads and destroys keys. What was read lately is kept in memory, since every call of an app needs it.

    A store that is not this database's, such as the empty folder of a disk that is not mounted, counts as away: no key
    is reported missing there, and none destroyed.
    """

    def __init__(self, store: KeyStore, owner: str) -> None:
        self.store = store
        self._owner = owner
        self._threads = ThreadPoolExecutor(THREADS, "keys")  # a store that hangs must not hold up what needs no key
        self._cache: TTLCache[UUID, bytes] = TTLCache(CACHED_KEYS, CACHED_SECONDS)

    async def create(self, name: UUID) -> bytes:
        """Make a key that is durable when this returns. Raises KeyStoreAway."""
        key = os.urandom(KEY_BYTES)
        await self._in_thread(self._create, name, key)
        return key

    async def read(self, name: UUID) -> bytes:
        """Give a key. Raises KeyMissing, KeyStoreAway."""
        key: bytes | None = self._cache.get(name)
        if key is None:
            key = self._cache[name] = await self._in_thread(self._read, name)
        return key

    async def read_all(self, names: Iterable[UUID]) -> dict[UUID, bytes]:
        """Give those of these keys that are there. Raises KeyStoreAway."""
        found = await asyncio.gather(*(self._read_if_there(name) for name in names))
        return {name: key for name, key in found if key is not None}

    async def destroy(self, names: Iterable[UUID]) -> None:
        """Return when these keys can be read no more, here or elsewhere. Those that are gone are no error.

        Raises KeyStoreAway.
        """
        for name in names:
            self._cache.pop(name, None)
            await self._in_thread(self._destroy, name)

    async def require_store(self) -> None:
        """Raises KeyStoreAway unless the store can be used now."""
        await self._in_thread(self._require_owned)

    async def _read_if_there(self, name: UUID) -> tuple[UUID, bytes | None]:
        try:
            return name, await self.read(name)
        except KeyMissing:
            return name, None

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        try:
            return await asyncio.wait_for(running, PATIENCE_SECONDS)
        except TimeoutError as error:
            raise KeyStoreAway("the store of the erasure keys does not answer") from error

    def _create(self, name: UUID, key: bytes) -> None:
        self._require_owned()
        self.store.create(name, key)

    def _read(self, name: UUID) -> bytes:
        try:
            return self.store.read(name)
        except KeyMissing:
            self._require_owned()
            raise

    def _destroy(self, name: UUID) -> None:
        self._require_owned()
        self.store.destroy(name)

    def _require_owned(self) -> None:
        if self.store.owner() != self._owner:
            raise KeyStoreAway("the store of the erasure keys is not there, or not this database's")


def claim_store(store: KeyStore, owner: str, *, is_new: bool) -> None:
    """Make a new database's store its own, or check that a store is that of an older database. Blocks.

    Raises ConfigurationError if the store is another database's, or a database with libraries finds its keys nowhere.
    """
    try:
        found = store.owner()
        if found is None and is_new:
            store.claim(owner)
    except KeyStoreAway as error:
        raise ConfigurationError(error.message, hint=error.hint) from error
    if found is None and not is_new:
        raise ConfigurationError(
            "the erasure keys of this database are not in the key store, and without them nothing in it can be read; "
            "nothing was written",
            hint=f"Mount the store, or restore it. {SET_KEY_URL} where it is, if it is not beside the blobs",
        )
    if found not in (None, owner):
        raise ConfigurationError("the key store belongs to another database", hint=f"{SET_KEY_URL} a place of its own")


def require_forgetful(store: KeyStore) -> None:
    """Raises ConfigurationError if keys cannot be destroyed in this store, by destroying one. Blocks."""
    probe = uuid4()
    try:
        store.create(probe, os.urandom(KEY_BYTES))
        store.destroy(probe)
    except CopiesRemain as error:
        raise ConfigurationError(
            f"{error.message}: an erasure could be undone",
            hint=f"{SET_KEY_URL} a bucket without versioning and soft delete; the blobs may stay where they are",
        ) from error
    except KeyStoreAway as error:
        raise ConfigurationError(error.message, hint=error.hint) from error
