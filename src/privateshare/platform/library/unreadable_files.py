"""Files that are recorded and cannot be read: an alarm for the operator, and a final error for the app.

A blob may also be missing because its file was replaced or erased a moment ago. So the database is asked again before
an error is reported.
"""

import asyncio

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ApiError, DataUnreadable, Unavailable
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import AccountRow, ArchiveRow, FileRow, PushedFileRow, StoredFileRow
from privateshare.platform.library.lost_files import mark_lost
from privateshare.platform.runtime import Platform

RETRY_SECONDS = 1
UNREADABLE = "The stored data is damaged or missing. The operator of the platform was informed; do not retry."

log = structlog.get_logger()


def check_readable(platform: Platform, blob: str) -> None:
    """Raise DataUnreadable for a blob whose damage interrupted a stream before, so that a retry gets a clear error."""
    if platform.unreadable.knows(blob):
        platform.metrics.count_unreadable()
        raise DataUnreadable(UNREADABLE)


async def report_unreadable(platform: Platform, error: UnreadableBlob) -> bool:
    """Log and count a blob that cannot be read, if a row still refers to it.

    Returns:
        Whether a row refers to it. Otherwise its file was replaced or erased.

    Raises:
        BlobStoreUnavailable: The whole store is missing, such as a disk that is not mounted, so the file is not lost.
    """
    await asyncio.to_thread(platform.blob_ownership.require)
    async with platform.database.transaction() as db:
        owner = await _owner_of(db, error.blob)
        await mark_lost(db, [error.blob])
    if owner is None:
        return False
    log.error("a file cannot be read", blob=error.blob, reason=error.reason, **owner)
    platform.metrics.count_unreadable()
    return True


async def unreadable_error(platform: Platform, error: UnreadableBlob) -> ApiError:
    """Report a blob that cannot be read, and build the error for its reader.

    Returns:
        DataUnreadable, which is final, or Unavailable if the file was replaced or erased meanwhile.
    """
    if await report_unreadable(platform, error):
        return DataUnreadable(UNREADABLE)
    return Unavailable("The file was replaced or deleted while it was read. Try again.", retry_after=RETRY_SECONDS)


async def _owner_of(db: AsyncSession, blob: str) -> dict[str, str] | None:
    """Find the owner of a blob, as ids that an operator can search for; None if no row refers to the blob."""
    of_account = select(AccountRow.library_id, AccountRow.public_id)
    queries = (
        (of_account.join(FileRow, _belongs(FileRow)).where(FileRow.blob == blob), ("library", "account")),
        (of_account.join(ArchiveRow, _belongs(ArchiveRow)).where(ArchiveRow.blob == blob), ("library", "account")),
        (
            select(PushedFileRow.library_id, PushedFileRow.name).where(PushedFileRow.blob == blob),
            ("library", "pushed_file"),
        ),
        (
            select(StoredFileRow.storage_id, StoredFileRow.id).where(StoredFileRow.blob == blob),
            ("storage", "stored_file"),
        ),
    )
    for query, names in queries:
        if (row := (await db.execute(query)).first()) is not None:
            return dict(zip(names, map(str, row), strict=True))
    return None


def _belongs(table: type[FileRow] | type[ArchiveRow]) -> ColumnElement[bool]:
    return (table.library_id == AccountRow.library_id) & (table.account_id == AccountRow.id)
