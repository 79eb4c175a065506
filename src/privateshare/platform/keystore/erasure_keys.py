"""Access to the erasure keys of one database, for asyncio."""

import asyncio
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID, uuid4

from cachetools import TTLCache

from privateshare.errors import ConfigurationError
from privateshare.platform.keystore.store import KEY_BYTES, CopiesRemain, KeyMissing, KeyStore, KeyStoreUnavailable

THREADS = 8
STORE_TIMEOUT_SECONDS = 15
CACHED_KEYS = 10_000
# A destroyed key stays this long in the memory of the processes that did not destroy it themselves.
CACHED_SECONDS = 60

MOVED = "moved"  # The owner of a key store whose platform was moved to other stores.
SET_KEY_URL = "Set PRIVATESHARE_KEY_URL to"

T = TypeVar("T")


class ErasureKeys:
    """Creates, reads and destroys keys. Keys are cached in memory, since every request of an app needs one.

    A store that does not belong to this database, such as the empty folder of a disk that is not mounted, counts as
    unavailable: it never makes a key count as missing or as destroyed.
    """

    def __init__(self, store: KeyStore, owner: str) -> None:
        self.store = store
        self._owner = owner
        # Keys have their own threads, so that a store that hangs does not block work that needs no key.
        self._threads = ThreadPoolExecutor(THREADS, "keys")
        self._cache: TTLCache[UUID, bytes] = TTLCache(CACHED_KEYS, CACHED_SECONDS)

    async def create(self, name: UUID) -> bytes:
        """Create a key, which is durable when this returns. Raises KeyStoreUnavailable."""
        key = os.urandom(KEY_BYTES)
        await self._in_thread(self._create, name, key)
        return key

    async def read(self, name: UUID) -> bytes:
        """Return a key. Raises KeyMissing, KeyStoreUnavailable."""
        key: bytes | None = self._cache.get(name)
        if key is None:
            key = self._cache[name] = await self._in_thread(self._read, name)
        return key

    async def read_all(self, names: Iterable[UUID]) -> dict[UUID, bytes]:
        """Return those of the keys that exist. Raises KeyStoreUnavailable."""
        found = {name: self._cache.get(name) for name in names}
        missing = [name for name, key in found.items() if key is None]
        if missing:
            found |= dict(await asyncio.gather(*(self._read_if_there(name) for name in missing)))
        return {name: key for name, key in found.items() if key is not None}

    def forget(self, name: UUID) -> None:
        """Read a key from the store the next time, since the one in memory does not fit what it is for."""
        self._cache.pop(name, None)

    async def destroy(self, names: Iterable[UUID]) -> None:
        """Destroy keys. When this returns they cannot be read any more; keys that do not exist are ignored.

        Raises KeyStoreUnavailable.
        """
        for name in names:
            self._cache.pop(name, None)
            await self._in_thread(self._destroy, name)

    async def require_store(self) -> None:
        """Check that the store is available. Raises KeyStoreUnavailable."""
        await self._in_thread(self.require_store_now)

    def require_store_now(self) -> None:
        """Check that the store is available. Blocks. Raises KeyStoreUnavailable."""
        if self.store.owner() != self._owner:
            raise KeyStoreUnavailable("the store of the erasure keys is missing, or belongs to another database")

    async def _read_if_there(self, name: UUID) -> tuple[UUID, bytes | None]:
        try:
            return name, await self.read(name)
        except KeyMissing:
            return name, None

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        try:
            return await asyncio.wait_for(running, STORE_TIMEOUT_SECONDS)
        except TimeoutError as error:
            raise KeyStoreUnavailable("the store of the erasure keys does not respond") from error

    def _create(self, name: UUID, key: bytes) -> None:
        self.require_store_now()
        self.store.create(name, key)
        self.require_store_now()  # A disk that was unmounted meanwhile does not have the key.

    def _read(self, name: UUID) -> bytes:
        try:
            return self.store.read(name)
        except KeyMissing:
            self.require_store_now()
            raise

    def _destroy(self, name: UUID) -> None:
        self.require_store_now()
        self.store.destroy(name)
        self.require_store_now()  # A disk that was unmounted meanwhile still has the key.


def claim_store(store: KeyStore, owner: str, *, is_new: bool) -> None:
    """Claim the store for a new database, or check that it belongs to this database. Blocks.

    Raises ConfigurationError if the store belongs to another database, or to none although this database holds data.
    """
    try:
        found = store.owner()
        if found is None and is_new:
            store.claim(owner)
    except KeyStoreUnavailable as error:
        raise ConfigurationError(error.message, hint=error.hint) from error
    if found is None and not is_new:
        raise ConfigurationError(
            "the key store does not hold the erasure keys of this database, whose data cannot be read without them; "
            "nothing was changed",
            hint=f"Mount or restore the key store. {SET_KEY_URL} its address, if it is not beside the blobs",
        )
    if found == MOVED:
        raise ConfigurationError(
            "this platform was moved to other stores, and must not run here too",
            hint="Start it with the settings that it was moved to, and delete the data here",
        )
    if found not in (None, owner):
        raise ConfigurationError(
            "the key store belongs to another database",
            hint=f"{SET_KEY_URL} a folder or bucket that no other database uses",
        )


def check_keys_can_be_destroyed(store: KeyStore) -> None:
    """Check that keys can be destroyed in this store, by creating and destroying one. Blocks.

    Raises ConfigurationError if the store keeps copies or is not available.
    """
    probe = uuid4()
    try:
        store.create(probe, os.urandom(KEY_BYTES))
        store.destroy(probe)
    except CopiesRemain as error:
        raise ConfigurationError(
            f"{error.message}, so an erasure could be undone",
            hint=f"{SET_KEY_URL} a bucket without versioning and soft delete; the blobs may stay where they are",
        ) from error
    except KeyStoreUnavailable as error:
        raise ConfigurationError(error.message, hint=error.hint) from error
