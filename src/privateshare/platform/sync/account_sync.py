"""One sync: it fetches the data of one account from its source and merges it into the library's files.

A sync may be interrupted at any point. Merging the same data again changes nothing, and the cursors are stored only at
the end, so the next try fetches again what is missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from datetime import UTC, datetime
from typing import BinaryIO, cast
from uuid import UUID

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.db.tables import (
    AccountRow,
    SyncRow,
)
from privateshare.platform.jobs.queue import defer_sync
from privateshare.platform.library.account_identities import account_identity
from privateshare.platform.library.archives import archives_to_import, finish_archive
from privateshare.platform.library.credentials import fresh_token
from privateshare.platform.library.libraries import KeyLost, LibraryGone, open_library
from privateshare.platform.library.lost_files import (
    can_be_fetched,
    mark_asked,
    mark_lost,
    missing_file_blobs,
    stored_file_blobs,
    types_to_fetch,
)
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.library.remembered_imports import import_terms, load_imports, save_imports
from privateshare.platform.reports.medmij import DataServiceRequest, record_medmij_requests
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.archive_fetch import fetch_archives
from privateshare.platform.sync.archive_import import import_archives
from privateshare.platform.sync.object_writing import write_objects
from privateshare.platform.sync.outcomes import (
    FAILED,
    PLATFORM_FAILURE,
    STOPPED,
    StoredDataUnreadable,
    TookTooLong,
    outcome_of,
)
from privateshare.platform.sync.positions import CURSORS, keep_positions, seal_cursors
from privateshare.platform.sync.retries import (
    MAX_TRIES,
    TEMPORARY_ERRORS,
    RetryLater,
    describe_error,
    pause_before_retry,
)
from privateshare.platform.sync.source_limits import SourceLimits
from privateshare.platform.sync.sync_run import (
    AccountSync,
    SyncCancelled,
    check_may_fetch,
    is_waited_for,
    require_waiting_session,
)
from privateshare.platform.webhooks.messages import announce_data, announce_login
from privateshare.sources.archive_fetching import ArchiveFetchingSource
from privateshare.sources.contract import (
    Broken,
    Connection,
    NeedsLogin,
    Page,
    Skipped,
    SourceFailure,
    TryLater,
)
from privateshare.sources.entries import page_entries
from privateshare.sources.failures import LeftOut

SECONDS_BETWEEN_PARTS = 60
OBJECTS_OF_PART = 50_000

log = structlog.get_logger()


class SourceRemoved(Exception):
    """The operator removed the account's source from the settings."""


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
            await _attempt(run, tries)
    except SyncCancelled:
        log.info("sync stopped: no session waits for it", sync=str(sync_id))
        await _end(platform, library_id, sync_id, STOPPED)
    except SourceRemoved as removed:
        log.error("sync ended: its source was removed from the settings", sync=str(sync_id), source=removed.args[0])
        await _end(platform, library_id, sync_id, FAILED)
    except (LibraryGone, KeyLost):
        log.info("sync ended: its library cannot be opened", sync=str(sync_id))
        await _end(platform, library_id, sync_id, FAILED)
    except TEMPORARY_ERRORS as error:
        pause = pause_before_retry(tries)
        log.warning(
            "sync failed temporarily",
            sync=str(sync_id),
            error=describe_error(error),
            again_in=pause,
            **await _account_of(platform, library_id, sync_id),
        )
        if pause is not None:
            raise RetryLater(pause) from error
        await _end(platform, library_id, sync_id, FAILED)
        raise
    except RetryLater:
        raise
    except Exception:  # End the sync after an unexpected error too, so that sessions do not wait for it forever.
        await _end(platform, library_id, sync_id, FAILED)
        raise


async def _account_of(platform: Platform, library_id: UUID, sync_id: UUID) -> dict[str, object]:
    """Return the public id and the source of a sync's account, for the log; nothing if the database is unavailable."""
    query = select(AccountRow.public_id, AccountRow.source_id).join(SyncRow, SyncRow.account_id == AccountRow.id)
    try:
        async with platform.database.transaction() as db:
            found = (await db.execute(query.where(SyncRow.library_id == library_id, SyncRow.id == sync_id))).first()
    except SQLAlchemyError:
        return {}
    return {"account": found.public_id, "source": found.source_id} if found is not None else {}


async def _attempt(run: AccountSync, tries: int) -> None:
    failure = await _fetch(run)
    if isinstance(failure, TryLater):
        pause = pause_before_retry(tries, failure.retry_after)
        log.info("sync: the source is not available", sync=str(run.sync_id), again_in=pause)
        if pause is not None:
            async with run.platform.database.transaction() as db:
                await require_waiting_session(db, run)
            raise RetryLater(pause)
    await _finish(run, failure)


async def _end(platform: Platform, library_id: UUID, sync_id: UUID, outcome: str) -> None:
    """End a sync without success, so that the next session starts a new one."""
    async with platform.database.transaction() as db:
        sync = await db.get(SyncRow, (library_id, sync_id), with_for_update=True)
        if sync is None or sync.finished_at is not None:
            return
        if outcome == STOPPED and await is_waited_for(db, library_id, sync_id):
            # A session joined the sync after it was cancelled, so it needs a new job.
            await defer_sync(db, platform.queue, library_id, sync_id, sync.account_id)
            return
        sync.outcome, sync.error = outcome, PLATFORM_FAILURE if outcome == FAILED else None
        sync.finished_at = datetime.now(UTC)
        account = await db.get_one(AccountRow, (library_id, sync.account_id))
    platform.metrics.count_sync(account.source_id, outcome)


async def _begin(platform: Platform, library_id: UUID, sync_id: UUID, left_out: LeftOut) -> AccountSync | None:
    await asyncio.to_thread(platform.blob_ownership.require)
    stored = await asyncio.to_thread(stored_file_blobs, platform.blobs, library_id)
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, library_id)
        sync = await db.get(SyncRow, (library_id, sync_id))
        if sync is None or sync.finished_at is not None:
            return None
        account = await db.get(AccountRow, (library_id, sync.account_id))
        if account is None:
            return None
        sync.started_at = sync.started_at or datetime.now(UTC)  # All tries together have one limit of time.
        deadline = sync.started_at + platform.settings.max_sync_duration
        source = platform.sources.connectable.get(account.source_id)
        if source is None:
            raise SourceRemoved(account.source_id)
        run = AccountSync(platform, library, sync_id, account, source, deadline, left_out=left_out)
        run.known_cursors = dict.fromkeys(source.info.object_types)
        if account.sealed_cursors is not None:
            known: dict[str, str] = orjson.loads(
                library.account(account.id).open(CURSORS, account.id, account.sealed_cursors)
            )
            run.known_cursors |= {
                int(type_): cursor for type_, cursor in known.items() if int(type_) in run.known_cursors
            }
        run.archives = await archives_to_import(db, account, sync_id)
        await _find_missing_files(db, run, stored)
        if run.archives:
            owner = account_identity(account, library).objects_owner
            terms = await asyncio.to_thread(import_terms, source.info, owner)
            run.imports = await load_imports(db, library, account, terms)
        return run


async def _find_missing_files(db: AsyncSession, run: AccountSync, stored: Collection[str]) -> None:
    """Mark the files whose blobs are not in the store, so that everything of their types is fetched again."""
    missing = await missing_file_blobs(db, run.account, stored)
    if missing:
        log.error("files are missing from the blob store", account=run.account.public_id, count=len(missing))
        await mark_lost(db, missing)
    if can_be_fetched(run.account):
        run.fetch_completely(await types_to_fetch(db, run.account))


async def _fetch(run: AccountSync) -> SourceFailure | None:
    """Fetch and write everything, and return the failure if there was one."""
    try:
        await import_archives(run)
        if run.account.needs_login:
            return NeedsLogin("The person must connect this source again")
        run.fetch_completely(run.types_to_refetch)
        if run.account.sealed_credentials is not None:
            run.token = await fresh_token(run.platform, run.library, run.account.id)
        await _fetch_renewing_token(run)
        if not run.types_to_refetch <= run.fully_fetched_types():  # Writing found more lost files.
            run.fetch_completely(run.types_to_refetch)
            await _fetch_renewing_token(run)
    except (TryLater, NeedsLogin, Broken) as failure:
        return failure
    except TookTooLong as failure:
        log.warning("a sync was ended because it took too long", sync=str(run.sync_id), source=run.source.info.id)
        return failure
    return None


async def _fetch_renewing_token(run: AccountSync) -> None:
    try:
        await _fetch_all(run)
    except NeedsLogin:
        if run.token is None:
            raise
        # The access token may have expired during the sync, or earlier than the source had announced.
        run.token = await fresh_token(run.platform, run.library, run.account.id, refused=run.token)
        await _fetch_all(run)


async def _fetch_all(run: AccountSync) -> None:
    """Fetch and write the source's data. An account with uploads only has nothing to fetch."""
    run.skipped, run.cursors = [], run.start_cursors
    if run.account.sample is not None:
        identity = account_identity(run.account, run.library)
        await _fetch_from(run, Connection(run.account.sample, None, None, identity.objects_owner))
    elif run.token is not None:
        identity = account_identity(run.account, run.library)
        limits = SourceLimits(run.platform.database, run.source.info, run.account)
        await limits.check_pause()
        take = limits.taker()

        def admit() -> None:
            run.require_time()
            take()

        folder = run.platform.settings.data
        connection = Connection(
            token=run.token,
            provider_account_id=identity.objects_owner,
            admit=admit,
            open_temporary=lambda: cast(BinaryIO, SealedTemporary(folder)),
        )
        try:
            if isinstance(run.source, ArchiveFetchingSource):
                await fetch_archives(run, run.source, connection)
            else:
                await _fetch_from(run, connection)
        except TryLater as failure:
            if failure.limited:
                await limits.pause(failure.retry_after)
            raise


async def _fetch_from(run: AccountSync, connection: Connection) -> None:
    """Fetch and write everything. Of a source that can resume, what was fetched is written from time to time.

    It is written before a failure is raised too: what a limit of requests lets through in one sync is not fetched again
    by the next.
    """
    pages = _pages(run.source.fetch(connection, run.start_cursors))
    try:
        while await _fetch_part(run, pages):
            await keep_positions(run)
    finally:
        run.left_out.add(connection.left_out)


async def _fetch_part(run: AccountSync, pages: AsyncIterator[Page | Skipped]) -> bool:
    """Fetch and write objects until a part is large enough. Return whether there may be more."""
    resumes, begun = run.source.info.resumes, time.monotonic()
    with ObjectBuffer(run.source.info.schema) as buffer:
        try:
            async for page in pages:
                if run.token is not None:  # A sample sends no requests, and writing checks it again.
                    await check_may_fetch(run)
                await asyncio.to_thread(_add_page, run, buffer, page)
                run.require_time()
                is_large = time.monotonic() > begun + SECONDS_BETWEEN_PARTS or buffer.count > OBJECTS_OF_PART
                if resumes and is_large and isinstance(page, Page) and page.cursor is not None:
                    await write_objects(run, buffer, from_source=True)
                    return True
        except (TryLater, NeedsLogin, Broken, TookTooLong):
            if resumes:
                await write_objects(run, buffer, from_source=True)
                await keep_positions(run)
            raise
        await write_objects(run, buffer, from_source=True)
        return False


async def _pages(pages: Iterator[Page | Skipped]) -> AsyncIterator[Page | Skipped]:
    """Yield the source's pages. Each page is fetched on a thread when it is requested."""
    while (page := await asyncio.to_thread(next, pages, None)) is not None:
        yield page


def _add_page(run: AccountSync, buffer: ObjectBuffer, page: Page | Skipped) -> None:
    if isinstance(page, Skipped):
        run.skipped.append(page)
        return
    buffer.add_entries(list(page_entries(run.source.info.schema, page)))
    if page.covered is not None:
        buffer.cover(page.object_type, page.covered)
    run.cursors[page.object_type] = page.cursor or run.cursors.get(page.object_type)
    if page.asked is not None:
        is_full = run.known_cursors[page.object_type] is None
        run.medmij_requests.append(DataServiceRequest(page.object_type, page.asked, datetime.now(UTC), is_full))


async def _finish(run: AccountSync, failure: SourceFailure | None) -> None:
    async with run.platform.database.transaction() as db:
        await require_waiting_session(db, run)
        sync = await db.get_one(SyncRow, (run.library.id, run.sync_id))
        account = await db.get_one(AccountRow, (run.library.id, run.account.id), with_for_update=True)
        if run.account.needs_login and not account.needs_login:  # The person connected the source again meanwhile.
            raise RetryLater(0)
        if run.account.emptied_at != account.emptied_at:  # Its cursors would pass over what was removed.
            raise RetryLater(0)
        if account.needs_login:  # If the person withdrew access meanwhile, it stays withdrawn.
            failure = NeedsLogin("The person must connect this source again")
        account.needs_login = isinstance(failure, NeedsLogin)
        for archive in run.imported:
            await finish_archive(db, run.library.id, archive.id)
        if run.imported:
            await save_imports(db, run.library, account, run.imports)
        tried = {archive.blob for archive in run.archives}
        archives = await archives_to_import(db, account, run.sync_id)
        if failure is None and any(archive.blob not in tried for archive in archives):
            return  # New archives arrived meanwhile. The sync stays open, and is run again for them.
        if failure is None and can_be_fetched(account):
            fetched = run.fully_fetched_types() - {skipped.object_type for skipped in run.skipped}
            await mark_asked(db, run.library.id, account.id, fetched)
        unreadable = StoredDataUnreadable("An uploaded archive is lost") if run.lost_archives else None
        sync.outcome, sync.error = outcome_of(failure or unreadable, run.skipped, run.left_out)
        sync.finished_at = account.updated_at = datetime.now(UTC)
        if failure is None:
            account.sealed_cursors = seal_cursors(run, account)
        if failure is None and run.source.info.medmij is not None:
            record_medmij_requests(account, run.library, run.source.info.medmij, run.medmij_requests)
        outcome = sync.outcome
        await db.flush()
        await announce_data(db, run.platform, run.library.id, run.sync_id, sync.finished_at)
        if account.needs_login and not run.account.needs_login:
            await announce_login(db, run.platform, account, sync.finished_at)
    run.platform.metrics.count_sync(run.account.source_id, outcome)
