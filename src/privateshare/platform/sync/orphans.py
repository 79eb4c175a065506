"""Deletion of orphans: blobs and keys without a database row, because their transaction failed or was interrupted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from uuid import UUID

import structlog
from sqlalchemy import func, select, text, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.incoming import MAX_UPLOAD_DURATION
from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    ExportRow,
    FileRow,
    KeyToDestroyRow,
    LibraryRow,
    PushedFileRow,
    SigningKeyRow,
    StoredFileRow,
)
from privateshare.platform.library.erasure import destroy_listed_keys
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.blob_deletion import may_delete_blobs
from privateshare.platform.sync.clock import is_clock_suspect

KEYS_PER_PAGE = 1000
LOCK_TIMEOUT_MILLISECONDS = 5000
# After this time the process that wrote a blob has recorded it, or has failed.
MIN_ORPHAN_AGE = MAX_UPLOAD_DURATION + timedelta(days=1)
BLOB_PREFIXES = ("library/", "storage/")
BLOB_COLUMNS = (FileRow.blob, PushedFileRow.blob, StoredFileRow.blob, ArchiveRow.blob, ExportRow.blob)

log = structlog.get_logger()


@asynccontextmanager
async def delete_blob_on_failure(platform: Platform, blob: str) -> AsyncIterator[None]:
    """Delete a blob if the transaction in this context, which records it, fails.

    A commit whose response was lost may have succeeded. So the blob is kept if a row refers to it, and also if the
    database does not answer: then the nightly sweep decides.
    """
    try:
        yield
    except BaseException:  # A cancellation must not leave an orphan either.
        await _delete_unless_referenced(platform, blob)
        raise


async def _delete_unless_referenced(platform: Platform, blob: str) -> None:
    try:
        orphans = await without_reference(platform, [blob])
    except SQLAlchemyError:
        log.warning("a blob may be an orphan and the database does not answer: the nightly sweep decides")
        return
    await asyncio.to_thread(platform.blobs.delete, orphans)


async def sweep_orphans(platform: Platform, age: timedelta = MIN_ORPHAN_AGE) -> int:
    """Delete the blobs of at least this age that no row refers to, and return their number.

    Blobs that are older than the database are kept, so that an operator who starts on a wrong or empty database does
    not lose the blobs that the right one refers to.
    """
    if await _is_clock_suspect(platform):
        return 0
    end = datetime.now(UTC) - age
    start = await _database_created_at(platform)
    found = 0
    keys = chain.from_iterable(platform.blobs.keys_between(prefix, start, end) for prefix in BLOB_PREFIXES)
    while page := await asyncio.to_thread(lambda: list(islice(keys, KEYS_PER_PAGE))):
        async with platform.database.transaction() as db:
            if not await may_delete_blobs(db):  # A backup copies blobs, whose rows may be gone meanwhile.
                break
            orphans = await without_reference(platform, page)
            await asyncio.to_thread(platform.blobs.delete, orphans)
        found += len(orphans)
    await asyncio.to_thread(platform.blobs.discard_unfinished, end)
    if found:
        log.warning("blobs that no row refers to were deleted", count=found)
    return found


async def sweep_orphan_keys(platform: Platform, age: timedelta = MIN_ORPHAN_AGE) -> int:
    """Destroy the erasure keys of at least this age without a library or account, and return their number.

    The transaction that created them was rolled back. As with blobs, keys that are older than the database are kept.
    Raises KeyStoreUnavailable.
    """
    if await _is_clock_suspect(platform):
        return 0
    found, end = 0, datetime.now(UTC) - age
    names = platform.erasure_keys.store.names_between(await _database_created_at(platform), end)
    while page := await asyncio.to_thread(lambda: list(islice(names, KEYS_PER_PAGE))):
        found += await _list_orphan_keys(platform, page)
    if found:
        log.warning("erasure keys without a library or account are destroyed", count=found)
        await destroy_listed_keys(platform)
    return found


async def _list_orphan_keys(platform: Platform, names: Sequence[UUID]) -> int:
    """List for destruction the keys that no library or account has, and return their number."""
    async with platform.database.transaction() as db:
        orphans = await _without_row(db, names)
        if not orphans:
            return 0
        # Wait for transactions that are creating keys, even if a wrong clock makes those keys look old. Such
        # transactions insert the row before they create the key.
        await db.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MILLISECONDS}"))
        await db.execute(text("LOCK TABLE libraries, accounts IN SHARE MODE"))
        orphans = await _without_row(db, orphans)
        if orphans:
            await db.execute(insert(KeyToDestroyRow).on_conflict_do_nothing(), [{"name": name} for name in orphans])
    return len(orphans)


async def _without_row(db: AsyncSession, names: Sequence[UUID]) -> list[UUID]:
    named = union_all(*(select(table.id).where(table.id.in_(names)) for table in (LibraryRow, AccountRow)))
    known = set(await db.scalars(named))
    return [name for name in names if name not in known]


async def _is_clock_suspect(platform: Platform) -> bool:
    """Return whether the clock is suspect. Then a blob that is being written and has no row yet could look old."""
    async with platform.database.transaction() as db:
        return await is_clock_suspect(db, datetime.now(UTC))


async def _database_created_at(platform: Platform) -> datetime:
    """Return when the database was created: the time of its first signing key."""
    async with platform.database.transaction() as db:
        return (await db.scalars(select(func.min(SigningKeyRow.created_at)))).one()


async def without_reference(platform: Platform, keys: Sequence[str]) -> list[str]:
    """Return the blobs that no row refers to."""
    named = union_all(*(select(blob).where(blob.in_(keys)) for blob in BLOB_COLUMNS))
    async with platform.database.transaction() as db:
        return sorted(set(keys) - set(await db.scalars(named)))
