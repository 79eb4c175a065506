"""The state of one sync, and the checks that it may still fetch and write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Select, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    ConsentRow,
    JourneyRow,
    PreviewRow,
    SessionRow,
    SessionSyncRow,
    SyncRow,
)
from privateshare.platform.library.libraries import OpenLibrary, lock_library
from privateshare.platform.library.remembered_imports import RememberedImports
from privateshare.platform.reports.medmij import DataServiceRequest
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.outcomes import TookTooLong
from privateshare.platform.sync.retries import RetryLater
from privateshare.sources.contract import JsonObject, NeedsLogin, Skipped, Source
from privateshare.sources.failures import LeftOut


class SyncCancelled(Exception):
    """No session waits for this sync any more: the account was deleted, or every consent to it was withdrawn."""


@dataclass
class AccountSync:
    """The state of one sync.

    Attributes:
        platform: The platform.
        library: The person's library.
        sync_id: The id of the sync.
        account: The account that is synchronised.
        deadline: When the sync is ended, however much the source still has.
        source: The account's source.
        known_cursors: The cursor that the last complete sync left for each object type; None to fetch everything.
        positions: Where the fetch continues after a part of it was written, for sources that can resume.
        token: The access token, if the person signed in to the source.
        skipped: The object types that the source could not provide.
        cursors: The new cursors.
        medmij_requests: The requests to a MedMij data service.
        archives: The archives to import.
        imported: The archives that were imported completely.
        imports: Which exports are in the account already, if there are archives to import.
        left_out: What in the archives could not be read.
        lost_archives: How many archives cannot be read from the blob store.
        lost_blobs: The blobs of stored files that cannot be read.
        types_to_refetch: The object types with a lost file that the source must be asked for completely.
    """

    platform: Platform
    library: OpenLibrary
    sync_id: UUID
    account: AccountRow
    source: Source
    deadline: datetime
    known_cursors: dict[int, str | None] = field(default_factory=dict)
    positions: dict[int, str | None] = field(default_factory=dict)
    token: JsonObject | None = field(default=None, repr=False)
    skipped: list[Skipped] = field(default_factory=list)
    cursors: dict[int, str | None] = field(default_factory=dict)
    medmij_requests: list[DataServiceRequest] = field(default_factory=list)
    archives: Sequence[ArchiveRow] = ()
    imported: list[ArchiveRow] = field(default_factory=list)
    imports: RememberedImports = field(default_factory=RememberedImports)
    left_out: LeftOut = field(default_factory=LeftOut)
    lost_archives: int = 0
    lost_blobs: set[str] = field(default_factory=set)
    types_to_refetch: set[int] = field(default_factory=set)

    def note_lost(self, blob: str) -> None:
        """Note that a stored file cannot be read. Nothing is certain to be in the account any more."""
        self.lost_blobs.add(blob)
        self.imports.forget()

    def fully_fetched_types(self) -> set[int]:
        """Return the object types that the source is asked for completely."""
        return {object_type for object_type, cursor in self.known_cursors.items() if cursor is None}

    def fetch_completely(self, object_types: Iterable[int]) -> None:
        """Ask the source for everything of these types, not only for what is new."""
        complete = dict.fromkeys(set(object_types) & self.known_cursors.keys())
        self.known_cursors |= complete
        self.positions |= complete

    def require_time(self) -> None:
        """Raise TookTooLong if the sync has taken too long. It is called before each request to a source that counts
        its requests, and after each page of all sources; each request has a limit of its own.
        """
        if datetime.now(UTC) >= self.deadline:
            raise TookTooLong("the sync takes too long")

    @property
    def start_cursors(self) -> dict[int, str | None]:
        """Where a fetch begins: at the positions of this sync, or else at the cursors of the one before."""
        return self.known_cursors | self.positions


async def check_may_fetch(run: AccountSync) -> None:
    """Check that a session waits for the sync and that the person did not withdraw access.

    Raises SyncCancelled, NeedsLogin, LibraryGone.
    """
    async with run.platform.database.transaction() as db:
        await require_waiting_session(db, run)
        await require_access(db, run)


async def require_waiting_session(db: AsyncSession, run: AccountSync) -> None:
    """Check that somebody still waits for all of this sync.

    Raises:
        SyncCancelled: Neither a session with a live consent waits for it, nor a person who is about to agree, and no
            person asked for it.
        RetryLater: A file that it imports was removed meanwhile.
        LibraryGone: The library was erased.
    """
    await lock_library(db, run.library.id)
    if await db.scalar(_WAITING_SYNC_LOCKED, {"library_id": run.library.id, "sync_id": run.sync_id}) is None:
        raise SyncCancelled
    ids = [archive.id for archive in run.archives]
    present = select(func.count()).where(ArchiveRow.library_id == run.library.id, ArchiveRow.id.in_(ids))
    if ids and await db.scalar(present) != len(ids):
        raise RetryLater(0)


async def require_access(db: AsyncSession, run: AccountSync) -> None:
    """Check that the account still is as it was when the sync began. It is locked against being emptied.

    Raises:
        NeedsLogin: The person withdrew access to the source.
        RetryLater: All data of the account was removed.
    """
    this = (AccountRow.library_id == run.library.id, AccountRow.id == run.account.id)
    now = select(AccountRow.needs_login, AccountRow.emptied_at).where(*this)
    needs_login, emptied_at = (await db.execute(now.with_for_update(read=True, key_share=True))).one()
    if needs_login:
        raise NeedsLogin("The person withdrew access to this source")
    if emptied_at != run.account.emptied_at:
        raise RetryLater(0)


async def is_waited_for(db: AsyncSession, library_id: UUID, sync_id: UUID) -> bool:
    """Return whether a person asked for a sync, or a session with a live consent or a journey waits for it."""
    return await db.scalar(_WAITING_SYNC, {"library_id": library_id, "sync_id": sync_id}) is not None


def _waiting_sync() -> Select[UUID]:
    session = exists().where(
        SessionSyncRow.library_id == SyncRow.library_id,
        SessionSyncRow.sync_id == SyncRow.id,
        SessionRow.library_id == SessionSyncRow.library_id,
        SessionRow.id == SessionSyncRow.session_id,
        ConsentRow.library_id == SessionRow.library_id,
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
    this = (SyncRow.library_id == bindparam("library_id"), SyncRow.id == bindparam("sync_id"))
    return select(SyncRow.id).where(*this, session | person | SyncRow.by_person.is_(True))


# Building such a statement takes longer than PostgreSQL takes to answer it, and it is needed for each transaction.
_WAITING_SYNC = _waiting_sync()
_WAITING_SYNC_LOCKED = _WAITING_SYNC.with_for_update(read=True, of=SyncRow)
