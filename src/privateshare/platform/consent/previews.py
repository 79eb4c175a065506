"""The first sync of an account that a person connects, so that they see what is in it before they agree.

It runs as soon as the account is connected on a journey. It imports a file that they uploaded only into an account that
the journey created itself, because then declining can remove it again.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.consent.visit import REVIEWED, Visit
from privateshare.platform.db.statements import Statement
from privateshare.platform.db.tables import AccountRow, ArchiveRow, JourneyRow, PreviewRow, SyncRow
from privateshare.platform.library.undecided_accounts import is_connected_elsewhere
from privateshare.platform.sync.outcomes import DONE
from privateshare.platform.sync.sessions import join_or_start_sync

# A person waits for a preview no longer than this. Then they see the kinds of data by name.
MAX_WAIT = timedelta(seconds=60)


class _PreviewSync(NamedTuple):
    sync_id: UUID


RUNNING_PREVIEW = Statement("running_preview", _PreviewSync)


async def start_preview(visit: Visit, account: AccountRow) -> None:
    """Start the first sync of an account that was connected on this journey, if a page will show its result."""
    reads = visit.journey.kind in REVIEWED and visit.contract.kind == "read"
    if not reads or not visit.parameters.trigger_query:
        return
    files = await _has_files_of_journey(visit.db, visit.journey, account)
    if (files or account.undecided) and not await is_of_journey(visit.db, visit.journey, account):
        return
    if not files and account.sealed_cursors is not None:
        return  # What is in it is known from an earlier sync.
    await restart_preview(visit, account)


async def restart_preview(visit: Visit, account: AccountRow) -> None:
    """Import all files of an account again that were uploaded on this journey, or fetch its data from its source."""
    again = update(ArchiveRow).where(
        ArchiveRow.library_id == account.library_id,
        ArchiveRow.account_id == account.id,
        ArchiveRow.journey_id == visit.journey.id,
    )
    await visit.db.execute(again.values(imported=False))
    sync_id = await join_or_start_sync(visit.db, visit.platform, account)
    new = insert(PreviewRow).values(
        journey_id=visit.journey.id, account_id=account.id, library_id=account.library_id, sync_id=sync_id
    )
    await visit.db.execute(
        new.on_conflict_do_update(index_elements=["journey_id", "account_id", "library_id"], set_={"sync_id": sync_id})
    )


async def is_of_journey(db: AsyncSession, journey: JourneyRow, account: AccountRow) -> bool:
    """Return whether an account is undecided, and no other unfinished journey has connected it."""
    return account.undecided and not await is_connected_elsewhere(db, account, journey.id)


async def _has_files_of_journey(db: AsyncSession, journey: JourneyRow, account: AccountRow) -> bool:
    files = exists().where(
        ArchiveRow.library_id == account.library_id,
        ArchiveRow.account_id == account.id,
        ArchiveRow.journey_id == journey.id,
    )
    return bool(await db.scalar(select(files)))


async def is_preview_running(visit: Visit) -> bool:
    """Return whether a sync is running whose result the consent page will show, and that began within MAX_WAIT."""
    running = (
        select(PreviewRow.sync_id)
        .join(SyncRow, (SyncRow.library_id == PreviewRow.library_id) & (SyncRow.id == PreviewRow.sync_id))
        .where(
            PreviewRow.journey_id == visit.journey.id,
            SyncRow.finished_at.is_(None),
            SyncRow.created_at > visit.now - MAX_WAIT,
        )
    )
    return await visit.db.scalar(running.limit(1)) is not None


async def may_preview_be_running(visit: Visit) -> bool:
    """Return whether `is_preview_running` may still hold, by a query that is cheap enough to repeat often.

    The visit's transaction may have ended. Whether the journey is still usable is not checked.
    """
    parameters = {
        "library_id": visit.journey.library_id,
        "journey_id": visit.journey.id,
        "after": visit.now - MAX_WAIT,
    }
    return bool(await visit.platform.database.rows(RUNNING_PREVIEW, parameters))


async def finished_previews(db: AsyncSession, journey_id: UUID) -> Mapping[UUID, UUID]:
    """Return the syncs of a journey's accounts that succeeded, by account: a session need not fetch the same again."""
    done = (
        select(PreviewRow.account_id, PreviewRow.sync_id)
        .join(SyncRow, (SyncRow.library_id == PreviewRow.library_id) & (SyncRow.id == PreviewRow.sync_id))
        .where(PreviewRow.journey_id == journey_id, SyncRow.outcome == DONE)
    )
    return dict((await db.execute(done)).all())
