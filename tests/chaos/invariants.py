"""What must be true of a platform once nothing fails any more."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text

from privateshare.platform.audit.verification import verify_log
from privateshare.platform.backups.making import all_names
from privateshare.platform.backups.verifying import missing_names
from privateshare.platform.db.tables import AccountRow, LibraryRow, SyncRow
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.blob_check import check_blobs
from privateshare.platform.sync.orphans import sweep_orphan_keys, sweep_orphans
from privateshare.platform.sync.sweep import delete_listed

QUIET_SECONDS = 240
_WAITING = text(
    "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND (scheduled_at IS NULL OR "
    "scheduled_at < now() + interval '2 minutes')"
)
_UNFINISHED = select(func.count()).select_from(SyncRow).where(SyncRow.finished_at.is_(None))


async def wait_until_quiet(platform: Platform) -> list[str]:
    """Wait until no job waits and no sync runs. Return what is still there when it should long be over."""
    give_up = time.monotonic() + QUIET_SECONDS
    while True:
        async with platform.database.transaction() as db:
            jobs, syncs = await db.scalar(_WAITING) or 0, await db.scalar(_UNFINISHED) or 0
        if not jobs and not syncs:
            return []
        if time.monotonic() > give_up:
            return [f"{jobs} jobs are stuck", f"{syncs} syncs have not ended"]
        await asyncio.sleep(1)


async def check_stores(platform: Platform) -> tuple[list[str], int]:
    """Check blobs, keys and the audit log. Return what is wrong, and how many orphans the sweep had to delete."""
    problems = []
    await delete_listed(platform)
    orphans = await sweep_orphans(platform, timedelta(0)) + await sweep_orphan_keys(platform, timedelta(0))
    checked = await check_blobs(platform, lambda _: None, read=True)
    problems += [f"a {loss.what} is lost: {loss.blobs}" for loss in checked.losses]
    problems += [f"{checked.orphans} orphan blobs are left"] if checked.orphans else []
    problems += [f"a library cannot be opened: {one}" for one in checked.unopened]
    there = await asyncio.to_thread(lambda: set(all_names(platform.erasure_keys.store)))
    async with platform.database.transaction() as db:
        needed = {*await db.scalars(select(LibraryRow.id)), *await db.scalars(select(AccountRow.id))}
        problems += [f"the key {name} is lost" for name in await missing_names(db, there)]
        problems += [f"the key of somebody who was erased is still there: {name}" for name in there - needed]
    end = datetime.now(UTC) + timedelta(seconds=60)
    while datetime.now(UTC) < end:  # Entries get their numbers about every five seconds.
        async with platform.database.snapshot() as db:
            log = await verify_log(db, platform.master_key)
        if not log.waiting:
            break
        await asyncio.sleep(1)
    problems += [f"the audit log: {problem}" for problem in log.problems]
    problems += [f"{log.waiting} entries of the audit log have no number"] if log.waiting else []
    return problems, orphans
