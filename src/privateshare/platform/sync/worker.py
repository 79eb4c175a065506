"""What a worker does: the jobs of the queue, the periodic ones, and those whose worker died.

A sync is one job. It is put back while tries are left (`retries.py`); a job whose worker died is found by the missing
heartbeat and started again; a sync that lost its job, because the database was away when it should have ended, gets
another.
"""

from uuid import UUID

import structlog
from procrastinate import JobContext
from procrastinate.periodic import PeriodicRegistry
from sqlalchemy import text

from privateshare.platform.jobs.queue import SWEEP_BLOBS, SYNC, ClockTolerantDeferrer, defer_sync
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.account_sync import sync_account
from privateshare.platform.sync.orphans import sweep_orphan_keys, sweep_orphans
from privateshare.platform.sync.retries import SyncTries
from privateshare.platform.sync.sweep import delete_listed, sweep

SWEEP = "sweep"
ORPHANS = "sweep_orphans"
RECOVER = "recover_jobs"
DEAD_AFTER_SECONDS = 30  # three missed heartbeats
LONGEST_PAUSE_SECONDS = 300  # No job is put off for longer.

# A job that a clock which was wrong put off for longer than any pause lasts.
_HURRY = text("""
UPDATE procrastinate_jobs SET scheduled_at = now()
 WHERE task_name = :task AND status = 'todo' AND scheduled_at > now() + make_interval(secs => :longest)
""")
_LOST_SYNCS = text("""
SELECT library_id, id, account_id
  FROM syncs
 WHERE finished_at IS NULL
   AND NOT EXISTS (
       SELECT FROM procrastinate_jobs
        WHERE task_name = :task AND status IN ('todo', 'doing') AND args ->> 'sync_id' = syncs.id::text)
   FOR UPDATE SKIP LOCKED
""")

log = structlog.get_logger()


def add_tasks(platform: Platform) -> ClockTolerantDeferrer:
    """Teach the platform's queue what its jobs do, and return what has the periodic ones done: for those who work."""

    queue = platform.queue

    @queue.task(name=SYNC, retry=SyncTries(), pass_context=True)
    async def _sync(context: JobContext, library_id: str, sync_id: str) -> None:
        await sync_account(platform, UUID(library_id), UUID(sync_id), context.job.attempts + 1)

    @queue.task(name=SWEEP)
    async def _sweep(timestamp: int) -> None:
        del timestamp
        await sweep(platform)

    @queue.task(name=SWEEP_BLOBS)
    async def _sweep_blobs() -> None:
        await delete_listed(platform)

    @queue.task(name=ORPHANS, queueing_lock=ORPHANS, lock=ORPHANS)
    async def _orphans(timestamp: int) -> None:
        del timestamp
        await sweep_orphans(platform)
        await sweep_orphan_keys(platform)

    @queue.task(name=RECOVER)
    async def _recover(timestamp: int) -> None:
        del timestamp
        await recover_jobs(platform)

    periodic = PeriodicRegistry()  # type: ignore[no-untyped-call]
    for task, cron in ((_sweep, "*/10 * * * *"), (_orphans, "17 3 * * *"), (_recover, "* * * * * */15")):
        periodic.register_task(task=task, cron=cron, periodic_id="", configure_kwargs={})
    return ClockTolerantDeferrer(periodic)


async def recover_jobs(platform: Platform, silent_seconds: float = DEAD_AFTER_SECONDS) -> None:
    """Starts again the jobs whose worker died, silent for so long, and gives a job to the syncs that lost theirs."""
    queue = platform.queue
    for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_seconds):
        log.warning("a job's worker died; it starts again", task=job.task_name)
        await queue.job_manager.retry_job(job)
    await queue.job_manager.prune_stalled_workers(silent_seconds)
    async with platform.database.transaction() as db:
        await db.execute(_HURRY, {"task": SYNC, "longest": LONGEST_PAUSE_SECONDS})
        for library_id, sync_id, account_id in await db.execute(_LOST_SYNCS, {"task": SYNC}):
            log.warning("a sync lost its job; it gets another", sync=str(sync_id))
            await defer_sync(db, queue, library_id, sync_id, account_id)
