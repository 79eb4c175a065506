"""One sync: it fetches the data of one account from its source and merges it into the library's files.

A sync may be interrupted at any point. Merging the same data again changes nothing, and the cursors are stored only at
the end, so the next try fetches again what is missing.
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
from sqlalchemy import Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealed import SealedReader, UnreadableBlob
from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    ConsentRow,
    FileRow,
    JourneyRow,
    PreviewRow,
    SessionRow,
    SessionSyncRow,
    SyncRow,
)
from privateshare.platform.jobs.queue import defer_sync
from privateshare.platform.library.accounts import account_identity
from privateshare.platform.library.archives import archive_key, archives_to_import, finish_archive
from privateshare.platform.library.credentials import fresh_token
from privateshare.platform.library.libraries import KeyLost, LibraryGone, OpenLibrary, lock_library, open_library
from privateshare.platform.library.mapped_files import MappedFiles, files_of_type, record_files, slot_files
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer, Slot
from privateshare.platform.library.unreadable import report_unreadable
from privateshare.platform.reports.medmij import DataServiceRequest, record_medmij_requests
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.outcomes import FAILED, PLATFORM_FAILURE, STOPPED, StoredDataUnreadable, outcome_of
from privateshare.platform.sync.retries import (
    MAX_TRIES,
    RETRY_PAUSES_SECONDS,
    TEMPORARY_ERRORS,
    RetryLater,
    pause_before_retry,
)
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
SECONDS_BETWEEN_ACCESS_CHECKS = 0.5
UNWRITTEN_TYPE = ("DataUnreadable", "Its stored data is damaged or missing. The operator was informed", 410)

log = structlog.get_logger()


class SyncCancelled(Exception):
    """No session waits for this sync any more: the account was deleted, or every consent to it was withdrawn."""


class SourceRemoved(Exception):
    """The operator removed the account's source from the settings."""


@dataclass
class AccountSync:
    """The state of one sync.

    Attributes:
        platform: The platform.
        library: The person's library.
        sync_id: The id of the sync.
        account: The account that is synchronised.
        source: The account's source.
        known_cursors: The cursor that the last complete sync left for each object type; None to fetch everything.
        token: The access token, if the person signed in to the source.
        skipped: The object types that the source could not provide.
        cursors: The new cursors.
        medmij_requests: The requests to a MedMij data service.
        archives: The archives to import.
        imported: The archives that were imported completely.
        left_out: What in the archives could not be read.
        is_complete: Whether everything could be read and written so far.
        unwritten_types: The object types of which not everything could be written.
    """

    platform: Platform
    library: OpenLibrary
    sync_id: UUID
    account: AccountRow
    source: Source
    known_cursors: dict[int, str | None] = field(default_factory=dict)
    token: JsonObject | None = field(default=None, repr=False)
    skipped: list[Skipped] = field(default_factory=list)
    cursors: dict[int, str | None] = field(default_factory=dict)
    medmij_requests: list[DataServiceRequest] = field(default_factory=list)
    archives: Sequence[ArchiveRow] = ()
    imported: list[ArchiveRow] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    is_complete: bool = True
    unwritten_types: set[int] = field(default_factory=set)


async def sync_account(platform: Platform, library_id: UUID, sync_id: UUID, tries: int) -> None:
    """Run a sync and record its outcome. A sync that has ended already is left as it is.

    Args:
        platform: The platform.
        library_id: The person's library.
        sync_id: The sync.
        tries: The number of this try, from 1.

    Raises:
        RetryLater: The sync failed temporarily, and tries are left.
    """
    try:
        if tries > MAX_TRIES:  # Its worker died in every try.
            log.error("sync given up after too many tries", sync=str(sync_id))
            return await _end(platform, library_id, sync_id, FAILED)
        # Repeat as long as archives arrive during the sync, so that they are imported before it ends.
        left_out = LeftOut()
        while (run := await _begin(platform, library_id, sync_id, left_out)) is not None:
            await _try(run, tries)
    except SyncCancelled:
        log.info("sync stopped: no session waits for it", sync=str(sync_id))
        await _end(platform, library_id, sync_id, STOPPED)
    except SourceRemoved as removed:
        log.error("sync ended: its source was removed from the settings", source=removed.args[0])
        await _end(platform, library_id, sync_id, FAILED)
    except (LibraryGone, KeyLost):
        log.info("sync ended: its library cannot be opened", sync=str(sync_id))
        await _end(platform, library_id, sync_id, FAILED)
    except TEMPORARY_ERRORS as error:
        pause = pause_before_retry(tries)
        log.warning("sync failed temporarily", sync=str(sync_id), error=type(error).__name__, again_in=pause)
        if pause is not None:
            raise RetryLater(pause) from error
        await _end(platform, library_id, sync_id, FAILED)
        raise
    except RetryLater:
        raise
    except Exception:  # End the sync after an unexpected error too, so that sessions do not wait for it forever.
        await _end(platform, library_id, sync_id, FAILED)
        raise


async def _try(run: AccountSync, tries: int) -> None:
    failure = await _fetch(run)
    if isinstance(failure, TryLater):
        pause = pause_before_retry(tries, failure.retry_after)
        log.info("sync: the source is not available", sync=str(run.sync_id), again_in=pause)
        if pause is not None:
            async with run.platform.database.transaction() as db:
                await _require_waiting_session(db, run)
            raise RetryLater(pause)
    await _finish(run, failure)


async def _end(platform: Platform, library_id: UUID, sync_id: UUID, outcome: str) -> None:
    """End a sync without success, so that the next session starts a new one."""
    async with platform.database.transaction() as db:
        sync = await db.get(SyncRow, (library_id, sync_id), with_for_update=True)
        if sync is None or sync.finished_at is not None:
            return
        if outcome == STOPPED and await db.scalar(_waiting(library_id, sync_id)) is not None:
            # A session joined the sync after it was cancelled, so it needs a new job.
            await defer_sync(db, platform.queue, library_id, sync_id, sync.account_id)
            return
        sync.outcome, sync.error = outcome, PLATFORM_FAILURE if outcome == FAILED else None
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
            raise SourceRemoved(account.source_id)
        run = AccountSync(platform, library, sync_id, account, source, left_out=left_out)
        run.known_cursors = dict.fromkeys(source.info.object_types)
        if account.sealed_cursors is not None:
            known: dict[str, str] = orjson.loads(
                library.account(account.id).open(CURSORS, account.id, account.sealed_cursors)
            )
            run.known_cursors |= {
                int(type_): cursor for type_, cursor in known.items() if int(type_) in run.known_cursors
            }
        run.archives = await archives_to_import(db, account, sync_id)
        return run


async def _fetch(run: AccountSync) -> SourceFailure | None:
    """Fetch and write everything, and return the failure if there was one."""
    if run.account.needs_login:
        return NeedsLogin("The person must connect this source again")
    try:
        await _import_archives(run)
        if run.account.sealed_credentials is not None:
            run.token = await fresh_token(run.platform, run.library, run.account.id)
        try:
            await _fetch_all(run)
        except NeedsLogin:
            if run.token is None:
                raise
            # The access token may have expired during the sync, or earlier than the source had announced.
            run.token = await fresh_token(run.platform, run.library, run.account.id, refused=run.token)
            await _fetch_all(run)
    except (TryLater, NeedsLogin, Broken) as failure:
        return failure
    return None if run.is_complete else StoredDataUnreadable("Not everything could be read or written")


async def _fetch_all(run: AccountSync) -> None:
    """Fetch and write the source's data. An account that has only archives has no source to ask."""
    run.skipped, run.cursors, run.medmij_requests = [], dict(run.known_cursors), []
    if run.account.sample is not None or run.token is not None:
        identity = account_identity(run.account, run.library)
        await _fetch_from(run, Connection(run.account.sample, None, run.token, identity.provider_account_id))


async def _import_archives(run: AccountSync) -> None:
    """Import the archives one by one, so that one that fails does not affect the others. Raises Broken at the end."""
    failure = None
    for archive in run.archives:
        try:
            await _import_archive(run, archive)
        except Broken as error:
            log.warning("an archive cannot be imported although its check succeeded", sync=str(run.sync_id))
            failure = error
        except UnreadableBlob as error:
            await _report_unreadable(run, error)
            run.is_complete = False
    if failure is not None:
        raise failure


async def _import_archive(run: AccountSync, archive: ArchiveRow) -> None:
    identity, context = account_identity(run.account, run.library), run.library.blob_context(archive.blob)
    key = archive_key(archive, run.library)
    reader = await asyncio.to_thread(SealedReader, run.platform.blobs, archive.blob, key.value, context)
    types, checked_at = run.known_cursors.keys(), 0.0
    with BufferedReader(reader, ARCHIVE_BUFFER_BYTES) as opened, ObjectBuffer(run.source.info.schema) as buffer:
        found = run.platform.archive_readers.objects(run.source, opened, identity.provider_account_id, types)
        async with aclosing(found) as pages:
            async for page in pages:
                if isinstance(page, LeftOut):
                    run.left_out.add(page)
                    continue
                if time.monotonic() > checked_at + SECONDS_BETWEEN_ACCESS_CHECKS:
                    await _check_may_fetch(run)
                    checked_at = time.monotonic()
                await asyncio.to_thread(_add_entries, buffer, page)
        if await _write_objects(run, buffer):
            run.imported.append(archive)


async def _fetch_from(run: AccountSync, connection: Connection) -> None:
    with ObjectBuffer(run.source.info.schema) as buffer:
        async for page in _pages(run.source.fetch(connection, run.known_cursors)):
            await _check_may_fetch(run)
            await asyncio.to_thread(_add_page, run, buffer, page)
        await _write_objects(run, buffer)


def _add_entries(buffer: ObjectBuffer, page: EntryPage) -> None:
    for object_type, entry in page.entries:
        buffer.add_entry(object_type, entry)


async def _pages(pages: Iterator[Page | Skipped]) -> AsyncIterator[Page | Skipped]:
    """Yield the source's pages. Each page is fetched on a thread when it is requested."""
    while (page := await asyncio.to_thread(next, pages, None)) is not None:
        yield page


def _add_page(run: AccountSync, buffer: ObjectBuffer, page: Page | Skipped) -> None:
    if isinstance(page, Skipped):
        run.skipped.append(page)
        return
    for object_type, entry in page_entries(run.source.info.schema, page):
        buffer.add_entry(object_type, entry)
    run.cursors[page.object_type] = page.cursor or run.cursors.get(page.object_type)
    if page.asked is not None:
        is_full = run.known_cursors[page.object_type] is None
        run.medmij_requests.append(DataServiceRequest(page.object_type, page.asked, datetime.now(UTC), is_full))


async def _check_may_fetch(run: AccountSync) -> None:
    async with run.platform.database.transaction() as db:
        await _require_waiting_session(db, run)
        await _require_access(db, run)


async def _require_waiting_session(db: AsyncSession, run: AccountSync) -> None:
    """Check that somebody still waits for all of this sync.

    Raises:
        SyncCancelled: Neither a session with a live consent waits for it, nor a person who is about to agree.
        RetryLater: A file that it imports was removed meanwhile.
        LibraryGone: The library was erased.
    """
    await lock_library(db, run.library.id)
    waiting = _waiting(run.library.id, run.sync_id)
    if await db.scalar(waiting.with_for_update(read=True, of=SyncRow)) is None:
        raise SyncCancelled
    ids = [archive.id for archive in run.archives]
    present = select(func.count()).where(ArchiveRow.library_id == run.library.id, ArchiveRow.id.in_(ids))
    if ids and await db.scalar(present) != len(ids):
        raise RetryLater(0)


async def _require_access(db: AsyncSession, run: AccountSync) -> None:
    """Raise NeedsLogin if the person withdrew access to the source since the sync began."""
    account = await db.get_one(AccountRow, (run.library.id, run.account.id))
    if account.needs_login:
        raise NeedsLogin("The person withdrew access to this source")


def _waiting(library_id: UUID, sync_id: UUID) -> Select[UUID]:
    """Select a sync, if a session with a live consent waits for it, or a person on a journey who is about to agree."""
    session = exists().where(
        SessionSyncRow.library_id == SyncRow.library_id,
        SessionSyncRow.sync_id == SyncRow.id,
        SessionRow.id == SessionSyncRow.session_id,
        ConsentRow.id == SessionRow.consent_id,
        ConsentRow.revoked_at.is_(None),
    )
    person = exists().where(
        PreviewRow.library_id == SyncRow.library_id,
        PreviewRow.sync_id == SyncRow.id,
        JourneyRow.id == PreviewRow.journey_id,
        JourneyRow.finished_at.is_(None),
        JourneyRow.expires_at > func.now(),
    )
    this = (SyncRow.library_id == library_id, SyncRow.id == sync_id)
    return select(SyncRow.id).where(*this, session | person)


async def _write_objects(run: AccountSync, buffer: ObjectBuffer) -> bool:
    """Write the objects slot by slot, so that readers see each file as soon as it is complete.

    An object type with a stored file that cannot be read is skipped and reported, and its files are not changed. The
    operator may restore that file, and the next sync fetches the data again, because cursors and archives are kept.

    Returns:
        Whether all object types could be written.
    """
    unwritten_types = set()
    for object_type in buffer.object_types():
        try:
            await _write_type(run, buffer, object_type)
        except UnreadableBlob as error:
            unwritten_types.add(object_type)
            await _report_unreadable(run, error)
    run.unwritten_types |= unwritten_types
    run.is_complete = run.is_complete and not unwritten_types
    return not unwritten_types


async def _write_type(run: AccountSync, buffer: ObjectBuffer, object_type: int) -> None:
    mapped_files, schema = MappedFiles(run.platform.blobs, run.library), run.source.info.schema
    async with run.platform.database.transaction() as db:
        files = await files_of_type(db, run.account, object_type)
    merge = await asyncio.to_thread(
        plan_merge, buffer, object_type, partial(_stored_objects, mapped_files, schema, files)
    )
    for slot in merge.slots:
        async with run.platform.database.transaction() as db:
            await _require_waiting_session(db, run)
            await _require_access(db, run)
            existing = await slot_files(db, run.account, slot)
            keeps = partial(merge.keeps, slot)
            written = await asyncio.to_thread(
                mapped_files.write_slot, run.account.id, schema, existing, merge.entries(slot), keeps
            )
            await record_files(db, run.account, slot, schema, written)


async def _report_unreadable(run: AccountSync, error: UnreadableBlob) -> None:
    """Report a blob that cannot be read. Raises SyncCancelled or RetryLater if it was erased or replaced meanwhile."""
    if await report_unreadable(run.platform, error):
        return
    async with run.platform.database.transaction() as db:
        await _require_waiting_session(db, run)
    raise RetryLater(RETRY_PAUSES_SECONDS[0]) from error


def _stored_objects(
    mapped_files: MappedFiles, schema: ObjectSchema, files: Sequence[FileRow]
) -> Iterator[tuple[Slot, Entry]]:
    for file in files:
        slot = Slot(file.object_type, file.month or 0)
        yield from ((slot, entry) for entry in mapped_files.entries(schema, file))


async def _finish(run: AccountSync, failure: SourceFailure | None) -> None:
    async with run.platform.database.transaction() as db:
        await _require_waiting_session(db, run)
        sync = await db.get_one(SyncRow, (run.library.id, run.sync_id))
        account = await db.get_one(AccountRow, (run.library.id, run.account.id), with_for_update=True)
        if run.account.needs_login and not account.needs_login:  # The person connected the source again meanwhile.
            raise RetryLater(0)
        if account.needs_login:  # If the person withdrew access meanwhile, it stays withdrawn.
            failure = NeedsLogin("The person must connect this source again")
        account.needs_login = isinstance(failure, NeedsLogin)
        for archive in run.imported:
            await finish_archive(db, run.library.id, archive.id)
        if failure is None and await archives_to_import(db, account, run.sync_id):
            return
        skipped = [
            *run.skipped,
            *(Skipped(object_type, *UNWRITTEN_TYPE) for object_type in sorted(run.unwritten_types)),
        ]
        sync.outcome, sync.error = outcome_of(failure, skipped, run.left_out)
        sync.finished_at = account.updated_at = datetime.now(UTC)
        if failure is None:
            cursors: dict[str, Any] = {str(type_): cursor for type_, cursor in run.cursors.items() if cursor}
            account.sealed_cursors = run.library.account(account.id).seal(CURSORS, account.id, orjson.dumps(cursors))
        if failure is None and run.source.info.medmij is not None:
            record_medmij_requests(account, run.library, run.source.info.medmij, run.medmij_requests)
        outcome = sync.outcome
    run.platform.metrics.count_sync(run.account.source_id, outcome)
