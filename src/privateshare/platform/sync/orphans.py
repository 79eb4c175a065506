"""Blobs and keys that nothing names: what should have recorded them failed, or was killed before it could."""

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
    FileRow,
    KeyToDestroyRow,
    LibraryRow,
    PushedFileRow,
    SigningKeyRow,
    StoredFileRow,
)
from privateshare.platform.library.erasure import destroy_listed_keys
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.clock import is_doubted

PAGE = 1000
LOCK_MILLISECONDS = 5000
AGE = MAX_UPLOAD_DURATION + timedelta(days=1)  # whoever writes a blob has recorded it by then, or never will
PREFIXES = ("library/", "storage/")
BLOBS = (FileRow.blob, PushedFileRow.blob, StoredFileRow.blob, ArchiveRow.blob)

log = structlog.get_logger()


@asynccontextmanager
async def kept_if_recorded(platform: Platform, blob: str) -> AsyncIterator[None]:
    """Deletes a blob if what records it fails, so that none stays that nothing names. Around the transaction.

    A commit whose answer was lost may have gone through, and the client that asks again is told so: then the blob
    stays. If the database cannot tell it stays too, and the nightly sweep decides.
    """
    try:
        yield
    except BaseException:  # whatever it was, a cancellation too
        await _discard_unnamed(platform, blob)
        raise


async def _discard_unnamed(platform: Platform, blob: str) -> None:
    try:
        orphans = await _unnamed(platform, [blob])
    except SQLAlchemyError:
        log.warning("a blob that may be recorded or not is left to the nightly sweep")
        return
    await asyncio.to_thread(platform.blobs.delete, orphans)


async def sweep_orphans(platform: Platform, age: timedelta = AGE) -> int:
    """Deletes the blobs of this age that no row names; how many.

    Blobs from before the database was made are left alone: an operator who started on the wrong database, or an empty
    one, must not lose what another one names.
    """
    if await _is_clock_doubted(platform):
        return 0
    end = datetime.now(UTC) - age
    start = await _first_moment(platform)
    found = 0
    keys = chain.from_iterable(platform.blobs.keys_between(prefix, start, end) for prefix in PREFIXES)
    while page := await asyncio.to_thread(lambda: list(islice(keys, PAGE))):
        orphans = await _unnamed(platform, page)
        await asyncio.to_thread(platform.blobs.delete, orphans)
        found += len(orphans)
    await asyncio.to_thread(platform.blobs.discard_unfinished, end)
    if found:
        log.warning("blobs that nothing names were removed", count=found)
    return found


async def sweep_orphan_keys(platform: Platform, age: timedelta = AGE) -> int:
    """Destroy the erasure keys of this age that no library and no account has; how many. Raises KeyStoreUnavailable.

    The transaction that created them was rolled back. As with blobs, keys from before the database are left alone.
    """
    if await _is_clock_doubted(platform):
        return 0
    found, end = 0, datetime.now(UTC) - age
    names = platform.erasure_keys.store.names_between(await _first_moment(platform), end)
    while page := await asyncio.to_thread(lambda: list(islice(names, PAGE))):
        found += await _list_orphan_keys(platform, page)
    if found:
        log.warning("erasure keys that belong to nothing are destroyed", count=found)
        await destroy_listed_keys(platform)
    return found


async def _list_orphan_keys(platform: Platform, names: Sequence[UUID]) -> int:
    """Note for destruction those of these keys that no library and no account has, nor will have."""
    async with platform.database.transaction() as db:
        orphans = await _without_row(db, names)
        if not orphans:
            return 0
        # Wait for those that are being created, whatever any clock says: their rows come before their keys.
        await db.execute(text(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}"))
        await db.execute(text("LOCK TABLE libraries, accounts IN SHARE MODE"))
        orphans = await _without_row(db, orphans)
        if orphans:
            await db.execute(insert(KeyToDestroyRow).on_conflict_do_nothing(), [{"name": name} for name in orphans])
    return len(orphans)


async def _without_row(db: AsyncSession, names: Sequence[UUID]) -> list[UUID]:
    named = union_all(*(select(table.id).where(table.id.in_(names)) for table in (LibraryRow, AccountRow)))
    known = set(await db.scalars(named))
    return [name for name in names if name not in known]


async def _is_clock_doubted(platform: Platform) -> bool:
    """Return whether what is young may look old: a blob that is being written has no row yet."""
    async with platform.database.transaction() as db:
        return await is_doubted(db, datetime.now(UTC))


async def _first_moment(platform: Platform) -> datetime:
    """When the database was made."""
    async with platform.database.transaction() as db:
        return (await db.scalars(select(func.min(SigningKeyRow.created_at)))).one()


async def _unnamed(platform: Platform, keys: Sequence[str]) -> list[str]:
    named = union_all(*(select(blob).where(blob.in_(keys)) for blob in BLOBS))
    async with platform.database.transaction() as db:
        return sorted(set(keys) - set(await db.scalars(named)))
