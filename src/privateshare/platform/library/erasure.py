"""Erasing: the key first, which reaches every copy; rows with it; blobs by a job that a crash does not lose."""

from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import Account, DoomedBlob, File, Library
from privateshare.platform.library.libraries import blob_prefix
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.queue import defer_sweep


async def erase_library(db: AsyncSession, platform: Platform, library_id: UUID) -> None:
    """Removes a person's library: when the transaction commits its key is gone and with it everything sealed."""
    await db.execute(delete(Library).where(Library.id == library_id))
    await _doom(db, platform, [blob_prefix(library_id)])


async def erase_account(db: AsyncSession, platform: Platform, account: Account) -> None:
    """Removes an account, its credentials, and every file that came from it. Protocol 7.2."""
    files = delete(File).where(File.library_id == account.library_id, File.account_id == account.id)
    blobs = list(await db.scalars(files.returning(File.blob)))
    if account.archive_blob is not None:
        blobs.append(account.archive_blob)
    await db.delete(account)
    await _doom(db, platform, blobs)


async def _doom(db: AsyncSession, platform: Platform, blobs: list[str]) -> None:
    if blobs:
        await db.execute(insert(DoomedBlob).values([{"key": key} for key in blobs]).on_conflict_do_nothing())
        await db.flush()
        await defer_sweep(db, platform.queue)
