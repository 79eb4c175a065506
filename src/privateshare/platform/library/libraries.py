"""A person's library and its key."""

from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InternalError
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import Library
from privateshare.platform.keystore.store import KeyMissing
from privateshare.platform.library.keys import DataKey, new_data_key, open_value, seal_context, seal_value
from privateshare.platform.runtime import Platform

FILE_HASH = "file hash"  # what the hash of a file is sealed for

log = structlog.get_logger()


class LibraryGone(Exception):
    """The library was erased."""


class KeyLost(InternalError):
    """A library is there, and its key is not, or is another's: nobody erased it, and the operator must look."""


@dataclass(frozen=True, slots=True)
class OpenLibrary:
    """A library with its data key at hand."""

    id: UUID
    key: DataKey

    def seal(self, purpose: str, owner: object, value: bytes) -> bytes:
        """A small value sealed with the library's key, for one purpose and one owner within it."""
        return seal_value(self.key, f"{self.id} {purpose}", owner, value)

    def open(self, purpose: str, owner: object, sealed: bytes) -> bytes:
        """The value that `seal` sealed. Raises SealBroken."""
        return open_value(self.key, f"{self.id} {purpose}", owner, sealed)

    def blob(self, name: object) -> str:
        """The key of a blob of this library; all of them begin with `blob_prefix`."""
        return f"{blob_prefix(self.id)}{name}"

    def blob_context(self, blob: str) -> bytes:
        """What a blob's seal is bound to."""
        return seal_context("blob", blob)


def blob_prefix(library_id: UUID) -> str:
    """What the keys of all of a library's blobs begin with."""
    return f"library/{library_id}/"


async def create_library(db: AsyncSession, platform: Platform) -> OpenLibrary:
    """Create an empty library. Its erasure key is durable before the row is committed, and useless if it never is.

    Raises KeyStoreAway.
    """
    library = Library(id=uuid4(), wrapped_key=b"")
    db.add(library)
    await db.flush()  # the row comes before the key: whoever looks for keys without a row waits for rows like this
    key, erasure_key = new_data_key(), await platform.erasure_keys.create(library.id)
    library.wrapped_key = platform.master_key.wrap(key, library.id, erasure_key)
    await db.flush()
    return OpenLibrary(library.id, key)


async def open_library(db: AsyncSession, platform: Platform, library_id: UUID) -> OpenLibrary:
    """Give a library with its key.

    Raises LibraryGone if it was erased, KeyLost if its key is missing though it was not, KeyStoreAway.
    """
    library = await db.get(Library, library_id)
    if library is None:
        raise LibraryGone
    try:
        erasure_key = await platform.erasure_keys.read(library_id)
        return OpenLibrary(library_id, platform.master_key.unwrap(library.wrapped_key, library_id, erasure_key))
    except (KeyMissing, SealBroken) as error:
        await _require_not_erased(platform, library_id)
        log.error("a library cannot be opened: its key is lost", library=str(library_id), reason=str(error))
        platform.metrics.count_lost_key()
        raise KeyLost("This person's data cannot be read; the operator of the platform was told") from error


async def _require_not_erased(platform: Platform, library_id: UUID) -> None:
    """Raises LibraryGone if the library was erased since the caller's transaction saw it."""
    async with platform.database.transaction() as db:
        if await db.get(Library, library_id) is None:
            raise LibraryGone


async def hold_library(db: AsyncSession, library_id: UUID, *, to_erase: bool = False) -> None:
    """Keeps a library from being erased until the transaction ends, or, to erase in it, from being written to.

    Comes before anything else that a transaction locks in the library, so that writing and erasing wait for each
    other and never both ways. Raises LibraryGone if it was erased.
    """
    found = select(Library.id).where(Library.id == library_id)
    locked = found.with_for_update() if to_erase else found.with_for_update(read=True, key_share=True)
    if await db.scalar(locked) is None:
        raise LibraryGone


async def next_account_number(db: AsyncSession, library_id: UUID) -> int:
    """The number of the next account in the library, from 1; no number is given twice."""
    numbered = (
        update(Library).where(Library.id == library_id).values(last_account_number=Library.last_account_number + 1)
    )
    return (await db.scalars(numbered.returning(Library.last_account_number))).one()
