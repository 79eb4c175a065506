"""Mapped files whose blob is lost, and the way back: the next sync asks the source for everything of their type again.

    found:  the blob is missing or damaged. The next sync of the account fetches all objects of the file's type.
    asked:  that was done, and the source did not have this file's objects any more.

Either mark ends when the file is written again, or when a check finds that its blob can be read after all.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.tables import AccountRow, FileRow
from privateshare.platform.library.libraries import FILES, library_blob_prefix

FOUND, ASKED = "found", "asked"


def can_be_fetched(account: AccountRow) -> bool:
    """Return whether an account has a source that can be asked again. An uploaded archive can not."""
    return account.sample is not None or account.sealed_credentials is not None


async def mark_lost(db: AsyncSession, blobs: Collection[str]) -> None:
    """Mark the files of these blobs as lost, except those whose source was asked already."""
    await db.execute(update(FileRow).where(FileRow.blob.in_(blobs), FileRow.lost.is_(None)).values(lost=FOUND))


async def unmark_lost(db: AsyncSession, blobs: Collection[str]) -> None:
    """Remove the marks of the files of these blobs: they can be read after all."""
    if blobs:
        await db.execute(update(FileRow).where(FileRow.blob.in_(blobs)).values(lost=None))


def stored_file_blobs(store: BlobStore, library_id: UUID) -> set[str]:
    """Return the blobs of mapped files that the store has for a library. Blocks."""
    return set(store.keys(f"{library_blob_prefix(library_id)}{FILES}/"))


async def missing_file_blobs(db: AsyncSession, account: AccountRow, stored: Collection[str]) -> list[str]:
    """Return the blobs of an account's files that are not among those in the store, and not known to be lost."""
    of_account = (FileRow.library_id == account.library_id, FileRow.account_id == account.id)
    blobs = await db.scalars(select(FileRow.blob).where(*of_account, FileRow.lost.is_(None)))
    return [blob for blob in blobs if blob not in stored]


async def types_to_fetch(db: AsyncSession, account: AccountRow) -> set[int]:
    """Return the object types of an account's lost files whose source was not asked again yet."""
    of_account = (FileRow.library_id == account.library_id, FileRow.account_id == account.id)
    return set(await db.scalars(select(FileRow.object_type).where(*of_account, FileRow.lost == FOUND).distinct()))


async def mark_asked(db: AsyncSession, library_id: UUID, account_id: UUID, object_types: Collection[int]) -> None:
    """Mark the lost files of these types that a complete fetch has not brought back."""
    of_account = (FileRow.library_id == library_id, FileRow.account_id == account_id)
    of_types = (FileRow.lost == FOUND, FileRow.object_type.in_(object_types))
    await db.execute(update(FileRow).where(*of_account, *of_types).values(lost=ASKED))
