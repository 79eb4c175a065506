"""The tasks of a worker: jobs from the queue, periodic jobs, and the recovery of jobs whose worker died.

A sync is one job. It is retried while tries are left (`retries.py`). A job whose worker died is recognised by its
missing heartbeat and started again. A sync or merge without a job, because the database was not available when its job
ended, gets a new job.
"""

from uuid import UUID

import structlog
from procrastinate import JobContext
from procrastinate.periodic import PeriodicRegistry
from sqlalchemy import text

from privateshare.platform.jobs.queue import (
    DELIVER,
    MERGE,
    SWEEP_BLOBS,
    SYNC,
    WEBHOOKS,
    ClockTolerantDeferrer,
    defer_merge,
    defer_sync,
)
from privateshare.platform.operating.tracing import traced
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.account_sync import sync_account
from privateshare.platform.sync.orphans import sweep_orphan_keys, sweep_orphans
from privateshare.platform.sync.retries import SyncRetryStrategy
from privateshare.platform.sync.sweep import delete_listed, sweep
from privateshare.platform.webhooks.delivery import WebhookRetryStrategy, deliver
from privateshare.platform.webhooks.messages import send_held_messages

SWEEP = "sweep"
ORPHANS = "sweep_orphans"
RECOVER = "recover_jobs"
WORKER_DEAD_AFTER_SECONDS = 30  # This is the time of three heartbeats.
MAX_JOB_DELAY_SECONDS = 300  # No retry of a sync is scheduled later than this.
MAX_OTHER_DELAY_SECONDS = 2 * 24 * 3600  # Nor of a message to an app later than this.

# Jobs that are scheduled later than any retry were scheduled by a wrong clock, and run now.
_RESCHEDULE_LATE_JOBS = text("""
UPDATE procrastinate_jobs SET scheduled_at = now()
 WHERE status = 'todo'
   AND scheduled_at > now() + make_interval(secs => CASE task_name WHEN :task THEN :longest ELSE :longest_other END)
""")
_SYNCS_WITHOUT_JOB = text("""
SELECT library_id, id, account_id
  FROM syncs
 WHERE finished_at IS NULL
   AND NOT EXISTS (
       SELECT FROM procrastinate_jobs
        WHERE task_name = :task AND status IN ('todo', 'doing') AND args ->> 'sync_id' = syncs.id::text)
   FOR UPDATE SKIP LOCKED
""")

_MERGES_WITHOUT_JOB = text("""
SELECT library_id, id
  FROM merges
 WHERE finished_at IS NULL
   AND NOT EXISTS (
       SELECT FROM procrastinate_jobs
        WHERE task_name = :task AND status IN ('todo', 'doing') AND args ->> 'merge_id' = merges.id::text)
   FOR UPDATE SKIP LOCKED
""")

log = structlog.get_logger()


def add_tasks(platform: Platform) -> ClockTolerantDeferrer:
    """Register the tasks of a worker at the platform's queue, and return the scheduler of the periodic tasks."""

    queue = platform.queue

    @queue.task(name=SYNC, retry=SyncRetryStrategy(), pass_context=True)
    async def _sync(context: JobContext, library_id: str, sync_id: str, trace: str | None = None) -> None:
        attempt = context.job.attempts + 1
        with traced(SYNC, "consumer", {"privateshare.attempt": attempt}, trace):
            await sync_account(platform, UUID(library_id), UUID(sync_id), attempt)

    @queue.task(name=DELIVER, queue=WEBHOOKS, retry=WebhookRetryStrategy())
    async def _deliver(message_id: str, trace: str | None = None) -> None:
        with traced(DELIVER, "consumer", parent=trace):
            await deliver(platform, message_id)

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


async def recover_jobs(platform: Platform, silent_seconds: float = WORKER_DEAD_AFTER_SECONDS) -> None:
    """Restart the jobs of dead workers, and add jobs for syncs and merges that have none, and for held messages.

    Args:
        platform: The platform.
        silent_seconds: A worker without a heartbeat for this long counts as dead.
    """
    queue = platform.queue
    for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_seconds):
        log.warning("the worker of a job died; the job is restarted", task=job.task_name)
        await queue.job_manager.retry_job(job)
    await queue.job_manager.prune_stalled_workers(silent_seconds)
    async with platform.database.transaction() as db:
        await db.execute(
            _RESCHEDULE_LATE_JOBS,
            {"task": SYNC, "longest": MAX_JOB_DELAY_SECONDS, "longest_other": MAX_OTHER_DELAY_SECONDS},
        )
        for library_id, sync_id, account_id in await db.execute(_SYNCS_WITHOUT_JOB, {"task": SYNC}):
            log.warning("a sync had no job; a new one was added", sync=str(sync_id))
            await defer_sync(db, queue, library_id, sync_id, account_id)
        for library_id, merge_id in await db.execute(_MERGES_WITHOUT_JOB, {"task": MERGE}):
            log.warning("the merge of two libraries had no job; a new one was added", merge=str(merge_id))
            await defer_merge(db, queue, library_id, merge_id)
        await send_held_messages(db, queue)
