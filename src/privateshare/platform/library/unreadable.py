"""Files that are listed and cannot be read: an alarm for the operator, and one final answer for the app.

What cannot be read may also have been replaced or erased a moment ago, so it is looked up again before anybody is told.
"""

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ApiError, DataUnreadable, Unavailable
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import AccountRow, ArchiveRow, FileRow, PushedFileRow, StoredFileRow
from privateshare.platform.runtime import Platform

RETRY_SECONDS = 1
TOLD = "What is stored here cannot be read; the operator of the platform was told"

log = structlog.get_logger()


def check_readable(platform: Platform, blob: str) -> None:
    """Raise DataUnreadable for a blob whose damage broke a stream off a while ago: who tries again is told plainly."""
    if platform.unreadable.knows(blob):
        platform.metrics.count_unreadable()
        raise DataUnreadable(TOLD)


async def report_unreadable(platform: Platform, error: UnreadableBlob) -> bool:
    """Log and count a blob that cannot be read, if it still should be there; return whether it should."""
    async with platform.database.transaction() as db:
        whose = await _whose(db, error.blob)
    if whose is None:
        return False
    log.error("a file cannot be read", blob=error.blob, reason=error.reason, **whose)
    platform.metrics.count_unreadable()
    return True


async def refusal_of(platform: Platform, error: UnreadableBlob) -> ApiError:
    """Report a blob that cannot be read, and return what its reader is told.

    DataUnreadable is final. Unavailable means that the file was replaced or erased meanwhile.
    """
    if await report_unreadable(platform, error):
        return DataUnreadable(TOLD)
    return Unavailable("This was replaced while it was read", retry_after=RETRY_SECONDS)


async def _whose(db: AsyncSession, blob: str) -> dict[str, str] | None:
    """Return whose blob it is, in ids that an operator can look for; None if nothing names it."""
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
