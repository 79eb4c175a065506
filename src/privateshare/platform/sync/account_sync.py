"""One sync: one account's data, from its source into the library's files.

It may die at any point: what it wrote is merged again by the next run, and the cursors move only with the last rows.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealed import SealedReader, UnreadableBlob
from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    ConsentRow,
    FileRow,
    SessionRow,
    SessionSyncRow,
    SyncRow,
)
from privateshare.platform.jobs.queue import defer_sync
from privateshare.platform.library.accounts import account_identity
from privateshare.platform.library.archives import archive_key, archives_to_import, discard_archive
from privateshare.platform.library.credentials import fresh_token
from privateshare.platform.library.libraries import KeyLost, LibraryGone, OpenLibrary, lock_library, open_library
from privateshare.platform.library.mapped_files import MappedFiles, files_of_type, record_files, slot_files
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer, Slot
from privateshare.platform.library.unreadable import report_unreadable
from privateshare.platform.reports.medmij import DataServiceRequest, record_medmij_requests
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.outcomes import FAILED, FAILURE, STOPPED, Unreadable, outcome_of
from privateshare.platform.sync.retries import MAX_TRIES, PASSING, PAUSES, TryAgain, pause_after
from privateshare.sources.contract import (
    Broken,
    Connection,
    JsonObject,
    NeedsLogin,
    ObjectSchema,
    Page,
    Skipped,
    Source,
    SourceFailure,
    TryLater,
)
from privateshare.sources.entries import Entry, page_entries
from privateshare.sources.failures import LeftOut
from privateshare.sources.frames import EntryPage

CURSORS = "cursors"
ARCHIVE_BUFFER_BYTES = 1024 * 1024
SECONDS_BETWEEN_CHECKS = 0.5  # of whether anybody still waits for an archive
UNWRITTEN = ("DataUnreadable", "What was stored of it before cannot be read; the operator was told", 410)

log = structlog.get_logger()


class Stopped(Exception):
    """Nobody waits for this sync any more: the account is gone, or every consent to it was withdrawn."""


class SourceGone(Exception):
    """The operator took a source out of the settings that people have accounts of."""


@dataclass
class AccountSync:
    """What one sync works on."""

    platform: Platform
    library: OpenLibrary
    sync_id: UUID
    account: AccountRow
    source: Source
    known_cursors: dict[int, str | None] = field(default_factory=dict)
    token: JsonObject | None = field(default=None, repr=False)
    skipped: list[Skipped] = field(default_factory=list)
    cursors: dict[int, str | None] = field(default_factory=dict)
    asked: list[DataServiceRequest] = field(default_factory=list)
    archives: Sequence[ArchiveRow] = ()
    imported: list[ArchiveRow] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    is_whole: bool = True  # whether all that there was could be read and written
    unwritten: set[int] = field(default_factory=set)  # object types of which not all could be written


async def sync_account(platform: Platform, library_id: UUID, sync_id: UUID, tries: int) -> None:
    """The `tries`th try of a sync, to its outcome, which is recorded; nothing if it has one or nobody waits for it.

    Raises TryAgain if it failed in passing and tries are left.
    """
    try:
        if tries > MAX_TRIES:  # its worker died each time
            log.error("sync given up: it never came to an end", sync=str(sync_id))
            return await _end(platform, library_id, sync_id, FAILED)
        # Archives that came meanwhile are imported too, before the sync ends.
        left_out = LeftOut()
        while (run := await _begin(platform, library_id, sync_id, left_out)) is not None:
            await _try(run, tries)
    except Stopped:
        log.info("sync stopped: nobody waits for it", sync=str(sync_id))
        await _end(platform, library_id, sync_id, STOPPED)
    except SourceGone as gone:
        log.error("sync ended: the settings name its source no more", source=gone.args[0])
        await _end(platform, library_id, sync_id, FAILED)
    except (LibraryGone, KeyLost):
        log.info("sync ended: its library cannot be opened", sync=str(sync_id))
        await _end(platform, library_id, sync_id, FAILED)
    except PASSING as error:
        pause = pause_after(tries)
        log.warning("sync failed in passing", sync=str(sync_id), error=type(error).__name__, again_in=pause)
        if pause is not None:
            raise TryAgain(pause) from error
        await _end(platform, library_id, sync_id, FAILED)
        raise
    except TryAgain:
        raise
    except Exception:  # a defect: who waits must not wait for ever
        await _end(platform, library_id, sync_id, FAILED)
        raise


async def _try(run: AccountSync, tries: int) -> None:
    failure = await _fetch(run)
    if isinstance(failure, TryLater):
        pause = pause_after(tries, failure.retry_after)
        log.info("sync: the source is not available", sync=str(run.sync_id), again_in=pause)
        if pause is not None:
            async with run.platform.database.transaction() as db:
                await _require_wanted(db, run)
            raise TryAgain(pause)
    await _finish(run, failure)


async def _end(platform: Platform, library_id: UUID, sync_id: UUID, outcome: str) -> None:
    """Ends a sync that came to nothing, so that the next session starts a new one."""
    async with platform.database.transaction() as db:
        sync = await db.get(SyncRow, (library_id, sync_id), with_for_update=True)
        if sync is None or sync.finished_at is not None:
            return
        if outcome == STOPPED and await db.scalar(_waiting(library_id, sync_id)) is not None:
            # a session joined it after it stopped
            await defer_sync(db, platform.queue, library_id, sync_id, sync.account_id)
            return
        sync.outcome, sync.error = outcome, FAILURE if outcome == FAILED else None
        sync.finished_at = datetime.now(UTC)
        account = await db.get_one(AccountRow, (library_id, sync.account_id))
    platform.metrics.count_sync(account.source_id, outcome)


async def _begin(platform: Platform, library_id: UUID, sync_id: UUID, left_out: LeftOut) -> AccountSync | None:
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, library_id)
        sync = await db.get(SyncRow, (library_id, sync_id))
        if sync is None or sync.finished_at is not None:
            return None
        account = await db.get(AccountRow, (library_id, sync.account_id))
        if account is None:
            return None
        sync.started_at = datetime.now(UTC)
        source = platform.sources.connectable.get(account.source_id)
        if source is None:
            raise SourceGone(account.source_id)
        run = AccountSync(platform, library, sync_id, account, source, left_out=left_out)
        run.known_cursors = dict.fromkeys(source.info.object_types)
        if account.sealed_cursors is not None:
            known: dict[str, str] = orjson.loads(
                library.account(account.id).open(CURSORS, account.id, account.sealed_cursors)
            )
            run.known_cursors |= {
                int(type_): cursor for type_, cursor in known.items() if int(type_) in run.known_cursors
            }
        run.archives = await archives_to_import(db, account)
        return run


async def _fetch(run: AccountSync) -> SourceFailure | None:
    """Fetches and writes everything, or nothing if the source fails, and then gives its failure."""
    if run.account.needs_login:
        return NeedsLogin("the person must connect this source again")
    try:
        await _import_archives(run)
        if run.account.sealed_credentials is not None:
            run.token = await fresh_token(run.platform, run.library, run.account.id)
        try:
            await _fetch_all(run)
        except NeedsLogin:
            if run.token is None:
                raise
            # the access token may have ended on the way, or before its time
            run.token = await fresh_token(run.platform, run.library, run.account.id, refused=run.token)
            await _fetch_all(run)
    except (TryLater, NeedsLogin, Broken) as failure:
        return failure
    return None if run.is_whole else Unreadable("not all could be read or written")


async def _fetch_all(run: AccountSync) -> None:
    """Fetches and writes what the source has; of an account that only has archives, there is nothing."""
    run.skipped, run.cursors, run.asked = [], dict(run.known_cursors), []
    if run.account.sample is not None or run.token is not None:
        identity = account_identity(run.account, run.library)
        await _fetch_from(run, Connection(run.account.sample, None, run.token, identity.provider_account_id))


async def _import_archives(run: AccountSync) -> None:
    """Imports archives, each by itself: what is in the others stays if one fails. Raises Broken, after all."""
    failure = None
    for archive in run.archives:
        try:
            await _import_archive(run, archive)
        except Broken as error:
            log.warning("an archive that was checked cannot be imported", sync=str(run.sync_id))
            failure = error
        except UnreadableBlob as error:
            await _report(run, error)
            run.is_whole = False
    if failure is not None:
        raise failure


async def _import_archive(run: AccountSync, archive: ArchiveRow) -> None:
    identity, context = account_identity(run.account, run.library), run.library.blob_context(archive.blob)
    key = archive_key(archive, run.library)
    reader = await asyncio.to_thread(SealedReader, run.platform.blobs, archive.blob, key.value, context)
    types, checked_at = run.known_cursors.keys(), 0.0
    with BufferedReader(reader, ARCHIVE_BUFFER_BYTES) as opened, ObjectBuffer(run.source.info.schema) as spool:
        found = run.platform.archive_readers.objects(run.source, opened, identity.provider_account_id, types)
        async with aclosing(found) as pages:
            async for page in pages:
                if isinstance(page, LeftOut):
                    run.left_out.add(page)
                    continue
                if time.monotonic() > checked_at + SECONDS_BETWEEN_CHECKS:
                    await _check_may_fetch(run)
                    checked_at = time.monotonic()
                await asyncio.to_thread(_spool_entries, spool, page)
        if await _write_files(run, spool):
            run.imported.append(archive)


async def _fetch_from(run: AccountSync, connection: Connection) -> None:
    with ObjectBuffer(run.source.info.schema) as spool:
        async for page in _pages(run.source.fetch(connection, run.known_cursors)):
            await _check_may_fetch(run)
            await asyncio.to_thread(_spool_page, run, spool, page)
        await _write_files(run, spool)


def _spool_entries(spool: ObjectBuffer, page: EntryPage) -> None:
    for object_type, entry in page.entries:
        spool.add_entry(object_type, entry)


async def _pages(pages: Iterator[Page | Skipped]) -> AsyncIterator[Page | Skipped]:
    """The source's pages; it works on a thread, one page at a time and only when asked."""
    while (page := await asyncio.to_thread(next, pages, None)) is not None:
        yield page


def _spool_page(run: AccountSync, spool: ObjectBuffer, page: Page | Skipped) -> None:
    if isinstance(page, Skipped):
        run.skipped.append(page)
        return
    for object_type, entry in page_entries(run.source.info.schema, page):
        spool.add_entry(object_type, entry)
    run.cursors[page.object_type] = page.cursor or run.cursors.get(page.object_type)
    if page.asked is not None:
        whole = run.known_cursors[page.object_type] is None
        run.asked.append(DataServiceRequest(page.object_type, page.asked, datetime.now(UTC), whole))


async def _check_may_fetch(run: AccountSync) -> None:
    async with run.platform.database.transaction() as db:
        await _require_wanted(db, run)
        await _require_access(db, run)


async def _require_wanted(db: AsyncSession, run: AccountSync) -> None:
    """Raises Stopped unless a session with a live consent still waits for this sync, LibraryGone if it was erased."""
    await lock_library(db, run.library.id)
    waiting = _waiting(run.library.id, run.sync_id)
    if await db.scalar(waiting.with_for_update(read=True, of=SyncRow)) is None:
        raise Stopped


async def _require_access(db: AsyncSession, run: AccountSync) -> None:
    """Raises NeedsLogin if the person withdrew access to the source since the sync began."""
    account = await db.get_one(AccountRow, (run.library.id, run.account.id))
    if account.needs_login:
        raise NeedsLogin("the person withdrew access")


def _waiting(library_id: UUID, sync_id: UUID) -> Select[UUID]:
    """A live consent of a session that waits for a sync."""
    return (
        select(ConsentRow.id)
        .join(SessionRow, SessionRow.consent_id == ConsentRow.id)
        .join(SessionSyncRow, SessionSyncRow.session_id == SessionRow.id)
        .join(SyncRow, (SyncRow.library_id == SessionSyncRow.library_id) & (SyncRow.id == SessionSyncRow.sync_id))
        .where(SyncRow.library_id == library_id, SyncRow.id == sync_id, ConsentRow.revoked_at.is_(None))
        .limit(1)
    )


async def _write_files(run: AccountSync, spool: ObjectBuffer) -> bool:
    """Writes slot by slot, so that readers see each file as soon as it is whole; whether all could be written.

    An object type of which a file cannot be read is left out and told, and its files stay as they are: the operator
    may put that one back, and the cursors and archives stay for the next sync.
    """
    unwritten = set()
    for object_type in spool.object_types():
        try:
            await _write_type(run, spool, object_type)
        except UnreadableBlob as error:
            unwritten.add(object_type)
            await _report(run, error)
    run.unwritten |= unwritten
    run.is_whole = run.is_whole and not unwritten
    return not unwritten


async def _write_type(run: AccountSync, spool: ObjectBuffer, object_type: int) -> None:
    shelf, schema = MappedFiles(run.platform.blobs, run.library), run.source.info.schema
    async with run.platform.database.transaction() as db:
        files = await files_of_type(db, run.account, object_type)
    merge = await asyncio.to_thread(plan_merge, spool, object_type, partial(_kept, shelf, schema, files))
    for slot in merge.slots:
        async with run.platform.database.transaction() as db:
            await _require_wanted(db, run)
            await _require_access(db, run)
            existing = await slot_files(db, run.account, slot)
            keeps = partial(merge.keeps, slot)
            written = await asyncio.to_thread(
                shelf.write_slot, run.account.id, schema, existing, merge.entries(slot), keeps
            )
            await record_files(db, run.account, slot, schema, written)


async def _report(run: AccountSync, error: UnreadableBlob) -> None:
    """Tells the operator of a blob that cannot be read. Raises Stopped or TryAgain if it was erased or replaced."""
    if await report_unreadable(run.platform, error):
        return
    async with run.platform.database.transaction() as db:
        await _require_wanted(db, run)
    raise TryAgain(PAUSES[0]) from error


def _kept(shelf: MappedFiles, schema: ObjectSchema, files: Sequence[FileRow]) -> Iterator[tuple[Slot, Entry]]:
    for file in files:
        slot = Slot(file.object_type, file.month or 0)
        yield from ((slot, entry) for entry in shelf.entries(schema, file))


async def _finish(run: AccountSync, failure: SourceFailure | None) -> None:
    async with run.platform.database.transaction() as db:
        await _require_wanted(db, run)
        sync = await db.get_one(SyncRow, (run.library.id, run.sync_id))
        account = await db.get_one(AccountRow, (run.library.id, run.account.id), with_for_update=True)
        if run.account.needs_login and not account.needs_login:  # connected again while this was under way
            raise TryAgain(0)
        if account.needs_login:  # perhaps the person withdrew access meanwhile: then it stays withdrawn
            failure = NeedsLogin("the person must connect this source again")
        account.needs_login = isinstance(failure, NeedsLogin)
        for archive in run.imported:  # All of it is in the library now.
            await discard_archive(db, run.library.id, archive.id)
        if failure is None and await archives_to_import(db, account):
            return
        skipped = [*run.skipped, *(Skipped(object_type, *UNWRITTEN) for object_type in sorted(run.unwritten))]
        sync.outcome, sync.error = outcome_of(failure, skipped, run.left_out)
        sync.finished_at = account.updated_at = datetime.now(UTC)
        if failure is None:
            cursors: dict[str, Any] = {str(type_): cursor for type_, cursor in run.cursors.items() if cursor}
            account.sealed_cursors = run.library.account(account.id).seal(CURSORS, account.id, orjson.dumps(cursors))
        if failure is None and run.source.info.medmij is not None:
            record_medmij_requests(account, run.library, run.source.info.medmij, run.asked)
        outcome = sync.outcome
    run.platform.metrics.count_sync(run.account.source_id, outcome)
