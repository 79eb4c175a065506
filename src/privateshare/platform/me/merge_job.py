"""The job that moves a person's other library into the one that they chose.

    compare the accounts -> copy all files under the new keys -> move all rows in one transaction -> destroy the key

Until that transaction is committed, both libraries are as they were, and apps read in both. A job that is interrupted
starts again, and finds its copies. What changed while files were copied is found when both libraries are locked: then
the job compares and copies again.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import update

from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import MergeRow
from privateshare.platform.jobs.queue import MERGE
from privateshare.platform.library.erasure import lock_for_erasure
from privateshare.platform.library.libraries import KeyLost, LibraryGone, open_library
from privateshare.platform.library.unreadable_files import report_unreadable
from privateshare.platform.me.library_move import move_library
from privateshare.platform.me.merge_copies import Copy, MergePlan, copies_to_make, make_copies
from privateshare.platform.me.same_accounts import comparable_accounts, find_same
from privateshare.platform.operating.tracing import traced
from privateshare.platform.runtime import Platform

PROGRESS_SECONDS = 1.0
MAX_ROUNDS = 20
GONE, UNREADABLE = "gone", "unreadable"

log = structlog.get_logger()


class KeepsChanging(Exception):
    """The libraries changed in every round. The job is started again later."""


def add_merge_task(platform: Platform) -> None:
    """Register the job at the platform's queue."""

    @platform.queue.task(name=MERGE)
    async def _merge(library_id: str, merge_id: str, trace: str | None = None) -> None:
        with traced(MERGE, "consumer", parent=trace):
            await merge_libraries(platform, UUID(library_id), UUID(merge_id))


async def merge_libraries(platform: Platform, library_id: UUID, merge_id: UUID) -> None:
    """Move a library into another one, as the person asked. A move that ended already is left as it is.

    Raises KeyStoreUnavailable and errors of the database and of the blob store: the job is started again later.
    """
    try:
        for _ in range(MAX_ROUNDS):
            plan = await _plan(platform, library_id, merge_id)
            if plan is None:
                return
            copied = await _copy_files(platform, plan)
            if await _move(platform, plan, copied):
                log.info("two libraries were merged", library=str(library_id), moved=str(plan.ending.id))
                return
        raise KeepsChanging
    except LibraryGone:
        await _end(platform, library_id, merge_id, GONE)
    except UnreadableBlob as error:
        await report_unreadable(platform, error)
        await _end(platform, library_id, merge_id, UNREADABLE)
    except (KeyLost, SealBroken) as error:
        log.error("two libraries cannot be merged: a key is lost or wrong", library=str(library_id), exc_info=error)
        await _end(platform, library_id, merge_id, UNREADABLE)


async def _plan(platform: Platform, library_id: UUID, merge_id: UUID) -> MergePlan | None:
    async with platform.database.transaction() as db:
        merge = await db.get(MergeRow, (library_id, merge_id))
        if merge is None or merge.finished_at is not None:
            return None
        staying = await open_library(db, platform, library_id)
        ending = await open_library(db, platform, merge.other_id)
        pairs = await comparable_accounts(db, platform.sources, ending, staying, datetime.now(UTC))
    same = await asyncio.to_thread(find_same, platform.blobs, platform.sources, pairs)
    return MergePlan(merge_id, ending, staying, same)


async def _copy_files(platform: Platform, plan: MergePlan) -> Sequence[Copy]:
    async with platform.database.transaction() as db:
        copies = await copies_to_make(db, plan)
    done = 0

    def count() -> None:
        nonlocal done
        done += 1

    copying = asyncio.create_task(asyncio.to_thread(make_copies, platform.blobs, plan, copies, count))
    while not copying.done():
        await asyncio.wait([copying], timeout=PROGRESS_SECONDS)
        await _record(platform, plan.staying.id, plan.merge_id, files_done=done, files_total=len(copies))
    await copying
    return copies


async def _move(platform: Platform, plan: MergePlan, copied: Sequence[Copy]) -> bool:
    """Move everything, unless something changed since it was compared and copied; return whether it was moved."""
    async with platform.database.transaction() as db:
        await lock_for_erasure(db, plan.staying.id, plan.ending.id)
        merge = await db.get(MergeRow, (plan.staying.id, plan.merge_id), with_for_update=True)
        if merge is None or merge.finished_at is not None:
            return True
        now = datetime.now(UTC)
        staying = await open_library(db, platform, plan.staying.id)
        ending = await open_library(db, platform, plan.ending.id)
        pairs = await comparable_accounts(db, platform.sources, ending, staying, now)
        states = {(one.row.id, other.row.id): one.state | other.state for one, other in pairs}
        current = MergePlan(plan.merge_id, ending, staying, plan.same)
        if any(states.get((same.ending, same.staying)) != same.state for same in plan.same):
            return False
        if not {copy.new_blob for copy in await copies_to_make(db, current)} <= {copy.new_blob for copy in copied}:
            return False
        merge.finished_at = now
        other_browser_id = merge.other_browser_id
        await db.flush()
        await move_library(db, platform, current, other_browser_id, now)
        return True


async def _end(platform: Platform, library_id: UUID, merge_id: UUID, problem: str) -> None:
    await _record(platform, library_id, merge_id, problem=problem, finished_at=datetime.now(UTC))


async def _record(platform: Platform, library_id: UUID, merge_id: UUID, **values: object) -> None:
    this = update(MergeRow).where(MergeRow.library_id == library_id, MergeRow.id == merge_id)
    async with platform.database.transaction() as db:
        await db.execute(this.where(MergeRow.finished_at.is_(None)).values(**values))
