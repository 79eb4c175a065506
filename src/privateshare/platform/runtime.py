"""The resources that all parts of a running platform share: settings, database, blobs, keys, queue."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
from procrastinate import App
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.archive_readers import ArchiveReaders
from privateshare.platform.audit.reads import ReadLog
from privateshare.platform.blobs.opening import open_blobs
from privateshare.platform.blobs.ownership import BlobOwnership
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.blobs.unreadable import UnreadableBlobs
from privateshare.platform.db.call_counts import CallCounts
from privateshare.platform.db.call_lookup import CallLookup
from privateshare.platform.db.engine import Database
from privateshare.platform.db.replica import ReportDatabase
from privateshare.platform.db.session_watch import SessionWatch
from privateshare.platform.db.tables import ArchiveRow, FileRow, LibraryRow, PushedFileRow, StoredFileRow
from privateshare.platform.db.usage_counts import UsageCounts
from privateshare.platform.jobs.queue import make_queue
from privateshare.platform.keys.hints import LibraryHints, load_library_hints
from privateshare.platform.keys.known_keys import KnownKeys
from privateshare.platform.keys.missing_keys import MissingMasterKeys
from privateshare.platform.keys.signing import (
    Signer,
    database_name,
    load_signer,
    open_master_key,
    update_signer,
)
from privateshare.platform.keys.wrapping import MasterKey, update_master_key
from privateshare.platform.keystore.erasure_keys import ErasureKeys, claim_store
from privateshare.platform.keystore.journal import Journals, saved_keys_url
from privateshare.platform.keystore.opening import open_keys
from privateshare.platform.operating.admission import Admission, create_admission
from privateshare.platform.operating.limits import RateLimits
from privateshare.platform.operating.metrics import Metrics
from privateshare.platform.operating.settings import Settings
from privateshare.sources.registry import Sources

# Each refresh of a source's token holds a database connection while it waits for the source.
MAX_CONCURRENT_REFRESHES = 4
KEY_LOOK_SECONDS = 15.0

log = structlog.get_logger()


def _refresh_limits() -> Mapping[int, asyncio.Semaphore]:
    return defaultdict(partial(asyncio.Semaphore, MAX_CONCURRENT_REFRESHES))


@dataclass(frozen=True, slots=True)
class Platform:
    """The open resources of one process. `read_log` counts the reads of apps for the audit log.

    `database_url` leads to PostgreSQL itself, `database` may use a pooler, and `reports` a replica. `usage` counts what
    apps use, for the operator.
    """

    settings: Settings
    database_url: SecretStr
    database: Database
    reports: ReportDatabase
    call_lookup: CallLookup
    session_watch: SessionWatch
    blobs: BlobStore
    blob_owner: str | None
    master_key: MasterKey
    erasure_keys: ErasureKeys
    signer: Signer
    hints: LibraryHints
    read_log: ReadLog
    usage: UsageCounts
    queue: App
    limits: RateLimits
    metrics: Metrics
    archive_readers: ArchiveReaders
    admission: Admission
    sources: Sources
    journals: Journals
    unreadable: UnreadableBlobs = field(default_factory=UnreadableBlobs)
    missing_keys: MissingMasterKeys = field(default_factory=MissingMasterKeys)
    known_keys: KnownKeys = field(default_factory=KnownKeys)
    token_refreshes: Mapping[int, asyncio.Semaphore] = field(default_factory=_refresh_limits)

    @property
    def blob_ownership(self) -> BlobOwnership:
        """Return the blob store with the name that it must bear."""
        return BlobOwnership(self.blobs, self.blob_owner)


@asynccontextmanager
async def open_platform(settings: Settings, database_url: str, *, to_serve: bool = False) -> AsyncIterator[Platform]:
    """Open the platform on a migrated database. Its connections are closed at the end.

    To serve, the blob store must work and belong to this database; a command may be there to repair that.
    """
    database = _open_database(settings, database_url)
    admission = create_admission(settings.database_pool_size)
    metrics = Metrics(admission)
    replica = settings.database_replica_url
    reports = ReportDatabase(database, replica.get_secret_value() if replica else None, metrics.count_report)
    queue, archive_readers = make_queue(database_url), ArchiveReaders()
    try:
        async with database.transaction() as db:
            master_key = await open_master_key(db, settings)
            signer = await load_signer(db, master_key)
            hints = await load_library_hints(db, master_key)
        async with database.transaction() as db:
            # A store in the data folder needs no name: database and files are there or not together.
            blob_owner = await database_name(db) if settings.blob_url is not None else None
            if to_serve:
                await _check_blob_store(settings, db, blob_owner)
            erasure_keys = await _open_erasure_keys(settings, db)
        async with queue.open_async(), _keeping_keys_current(settings, database, master_key, signer):
            yield Platform(
                settings=settings,
                database_url=SecretStr(database_url),
                database=database,
                reports=reports,
                call_lookup=CallLookup(database),
                session_watch=SessionWatch(database),
                blobs=open_blobs(settings.blob_address()),
                blob_owner=blob_owner,
                master_key=master_key,
                erasure_keys=erasure_keys,
                signer=signer,
                hints=hints,
                read_log=ReadLog(database, signer),
                usage=UsageCounts(database),
                queue=queue,
                limits=RateLimits(settings, CallCounts(database).add, master_key.derive("call counts")),
                metrics=metrics,
                archive_readers=archive_readers,
                admission=admission,
                sources=Sources(settings.fhir_servers, settings.sources),
                journals=_open_journals(settings, erasure_keys),
            )
    finally:
        archive_readers.close()
        await reports.close()
        await database.close()


def _open_database(settings: Settings, database_url: str) -> Database:
    pooler = settings.database_pooler_url
    return Database(
        pooler.get_secret_value() if pooler else database_url,
        settings.database_pool_size,
        has_pooler=pooler is not None,
        slow_statement_ms=settings.slow_statement_ms,
    )


def _open_journals(settings: Settings, erasure_keys: ErasureKeys) -> Journals:
    backups = settings.backup_address()
    if backups is None:
        return Journals([settings.key_address()], erasure_keys.require_store_now)
    saved_keys = open_keys(saved_keys_url(backups))
    return Journals([settings.key_address(), backups], erasure_keys.require_store_now, saved_keys)


@asynccontextmanager
async def _keeping_keys_current(
    settings: Settings, database: Database, master_key: MasterKey, signer: Signer
) -> AsyncIterator[None]:
    """Look for new signing keys and master keys while the platform is open, so that nothing is restarted for them."""

    async def look() -> None:
        while True:
            await asyncio.sleep(KEY_LOOK_SECONDS)
            try:
                if await asyncio.to_thread(update_master_key, master_key, settings):
                    log.info("the master keys changed", keys=len(master_key.ids))
                async with database.transaction() as db:
                    await update_signer(db, master_key, signer)
            except (ConfigurationError, SQLAlchemyError, OSError) as error:
                log.error("the keys cannot be read; those from before are used", error=str(error).partition("\n")[0])

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def _check_blob_store(settings: Settings, db: AsyncSession, owner: str | None) -> None:
    """Try the blob store, and claim it for a new database. Raises ConfigurationError."""
    is_new = True
    for table in (FileRow, PushedFileRow, StoredFileRow, ArchiveRow):
        is_new = is_new and await db.scalar(select(table.blob).limit(1)) is None
    store = open_blobs(settings.blob_address(), to_probe=True)
    await asyncio.to_thread(BlobOwnership(store, owner).check_at_start, is_new=is_new)


async def _open_erasure_keys(settings: Settings, db: AsyncSession) -> ErasureKeys:
    """Open the erasure keys of this database.

    Raises ConfigurationError if the store is missing or belongs to another database.
    """
    owner, store = await database_name(db), open_keys(settings.key_address())
    is_new = await db.scalar(select(LibraryRow.id).limit(1)) is None
    await asyncio.to_thread(claim_store, store, owner, is_new=is_new)
    return ErasureKeys(store, owner)
