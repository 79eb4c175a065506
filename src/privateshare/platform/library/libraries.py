"""A person's library and its key."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import Library
from privateshare.platform.library.keys import DataKey, MasterKey, new_data_key, open_value, seal_context, seal_value


class LibraryGone(Exception):
    """The library was erased."""


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


async def create_library(db: AsyncSession, master_key: MasterKey) -> OpenLibrary:
    """A new, empty library with a fresh data key."""
    key = new_data_key()
    library = Library(wrapped_key=b"")
    db.add(library)
    await db.flush()
    library.wrapped_key = master_key.wrap(key, library.id)
    await db.flush()
    return OpenLibrary(library.id, key)


async def open_library(db: AsyncSession, master_key: MasterKey, library_id: UUID) -> OpenLibrary:
    """A library with its key. Raises LibraryGone if it was erased."""
    library = await db.get(Library, library_id)
    if library is None:
        raise LibraryGone
    try:
        return OpenLibrary(library_id, master_key.unwrap(library.wrapped_key, library_id))
    except SealBroken as error:
        raise LibraryGone from error


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
