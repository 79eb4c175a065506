"""The job queue: procrastinate, in the same database as everything else, so that a job and its rows commit together.

A sync is one job. It is put back while tries are left (`retries.py`); a job whose worker died is found by the missing
heartbeat and started again; a sync that lost its job, because the database was away when it should have ended, gets
another.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.periodic import PeriodicDeferrer, PeriodicRegistry, PeriodicTask
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import driver_connection

if TYPE_CHECKING:
    from privateshare.platform.runtime import Platform

SYNC = "sync_account"
SWEEP = "sweep"
SWEEP_BLOBS = "sweep_blobs"
ORPHANS = "sweep_orphans"
RECOVER = "recover_jobs"
DEAD_AFTER_SECONDS = 30  # three missed heartbeats
LONGEST_PAUSE_SECONDS = 300  # no job is put off for longer

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


def make_queue(database_url: str) -> App:
    """The queue on this database, without tasks: enough to put jobs in."""
    return App(connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=4))


async def defer_sync(db: AsyncSession, queue: App, library_id: UUID, sync_id: UUID, account_id: UUID) -> None:
    """Puts one account's sync into the queue, if and when the session's transaction commits."""
    task = queue.configure_task(
        SYNC, connection=await driver_connection(db), lock=f"account {account_id}", allow_unknown=True
    )
    await task.defer_async(library_id=str(library_id), sync_id=str(sync_id))


async def defer_sweep(db: AsyncSession, queue: App) -> None:
    """Has doomed blobs deleted soon after the session's transaction commits."""
    task = queue.configure_task(SWEEP_BLOBS, connection=await driver_connection(db), allow_unknown=True)
    await task.defer_async()


class SteadyDeferrer(PeriodicDeferrer):
    """Has periodic tasks done when they are due by the clock, whatever jumps it makes.

    What a clock that jumped forward left out is not made up for: after 400 days that would be two million jobs. Nor is
    a time waited for that a clock which was wrong had already seen.
    """

    def get_previous_tasks(self, at: float) -> Iterable[tuple[PeriodicTask[Any, Any, Any], int]]:
        """Give the tasks that are due, with the times that they are due for."""
        oldest = at - self.max_delay
        self.last_defers = {key: last for key, last in self.last_defers.items() if oldest <= last <= at}
        return super().get_previous_tasks(at)


def add_tasks(platform: "Platform") -> SteadyDeferrer:
    """Teach the platform's queue what its jobs do, and return what has the periodic ones done: for those who work."""
    from privateshare.platform.sync.account_sync import sync_account
    from privateshare.platform.sync.orphans import sweep_orphan_keys, sweep_orphans
    from privateshare.platform.sync.retries import SyncTries
    from privateshare.platform.sync.sweep import sweep, sweep_doomed

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
        await sweep_doomed(platform)

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
    return SteadyDeferrer(periodic)


async def recover_jobs(platform: "Platform", silent_seconds: float = DEAD_AFTER_SECONDS) -> None:
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
