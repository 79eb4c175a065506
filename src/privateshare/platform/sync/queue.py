"""The job queue: procrastinate, in the same database as everything else, so that a job and its rows commit together.

A sync is one job. A job whose worker died is found by its missing heartbeat and started again.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from procrastinate import App, PsycopgConnector
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import driver_connection

if TYPE_CHECKING:
    from privateshare.platform.runtime import Platform

SYNC = "sync_account"
SWEEP = "sweep"
RECOVER = "recover_jobs"
DEAD_AFTER_SECONDS = 30  # three missed heartbeats

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
    task = queue.configure_task(SWEEP, connection=await driver_connection(db), allow_unknown=True)
    await task.defer_async(timestamp=int(datetime.now(UTC).timestamp()))


def add_tasks(platform: "Platform") -> None:
    """Teaches the platform's queue what its jobs do: for processes that work."""
    from privateshare.platform.sync.run import sync_account
    from privateshare.platform.sync.sweep import sweep

    queue = platform.queue

    @queue.task(name=SYNC)
    async def _sync(library_id: str, sync_id: str) -> None:
        await sync_account(platform, UUID(library_id), UUID(sync_id))

    @queue.periodic(cron="*/10 * * * *")
    @queue.task(name=SWEEP)
    async def _sweep(timestamp: int) -> None:
        del timestamp
        await sweep(platform)

    @queue.periodic(cron="* * * * * */15")
    @queue.task(name=RECOVER)
    async def _recover(timestamp: int) -> None:
        del timestamp
        await recover_jobs(queue)


async def recover_jobs(queue: App, silent_seconds: float = DEAD_AFTER_SECONDS) -> None:
    """Starts again the jobs whose worker died: it has been silent for so long."""
    for job in await queue.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_seconds):
        log.warning("a job's worker died; it starts again", task=job.task_name)
        await queue.job_manager.retry_job(job)
    await queue.job_manager.prune_stalled_workers(silent_seconds)
