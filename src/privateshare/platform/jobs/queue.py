"""The job queue (procrastinate), in the platform's database, so that a job is committed together with its rows.

This module adds jobs to the queue. `sync/worker.py` defines what each job does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.periodic import PeriodicDeferrer, PeriodicTask
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import AnyTransaction, driver_connection, statements_of
from privateshare.platform.operating.settings import QUEUE_CONNECTIONS
from privateshare.platform.operating.tracing import carried

SYNC = "sync_account"
SWEEP_BLOBS = "sweep_blobs"
DELIVER = "deliver_webhook"
# Messages to apps have workers of their own, so that an app that answers slowly delays no sync.
WEBHOOKS = "webhooks"
DEFAULT = "default"
EXPORT = "export_library"
MERGE = "merge_libraries"
# Together they are shorter than the time after which a worker without heartbeats counts as dead.
RECORDING_PAUSES_SECONDS = (0.1, 0.5, 1, 2, 4, 8)


def make_queue(database_url: str) -> App:
    """Open the queue of a database. It has no tasks, which is enough to add jobs."""
    app = App(connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=QUEUE_CONNECTIONS))
    app.job_manager = RepeatingJobManager(app.connector)
    return app


async def defer_sync(db: AnyTransaction, queue: App, library_id: UUID, sync_id: UUID, account_id: UUID) -> None:
    """Add the sync of one account to the queue. The job exists once the session's transaction is committed."""
    task = queue.configure_task(
        SYNC, connection=(await statements_of(db)).connection, lock=f"account {account_id}", allow_unknown=True
    )
    await task.defer_async(library_id=str(library_id), sync_id=str(sync_id), **carried())


async def defer_export(db: AsyncSession, queue: App, library_id: UUID, export_id: UUID) -> None:
    """Add the making of a person's archive to the queue, soon after the session's transaction is committed."""
    task = queue.configure_task(EXPORT, connection=await driver_connection(db), allow_unknown=True)
    await task.defer_async(library_id=str(library_id), export_id=str(export_id), **carried())


async def defer_merge(db: AsyncSession, queue: App, library_id: UUID, merge_id: UUID) -> None:
    """Add the move of one library into another. The job exists once the session's transaction is committed."""
    task = queue.configure_task(
        MERGE, connection=await driver_connection(db), lock=f"merge {merge_id}", allow_unknown=True
    )
    await task.defer_async(library_id=str(library_id), merge_id=str(merge_id), **carried())


async def defer_sweep(db: AsyncSession, queue: App) -> None:
    """Add a job that deletes the blobs listed for deletion, soon after the session's transaction is committed."""
    task = queue.configure_task(SWEEP_BLOBS, connection=await driver_connection(db), allow_unknown=True)
    await task.defer_async()


async def defer_webhook(db: AnyTransaction, queue: App, message_id: str) -> None:
    """Add the delivery of a message. The job exists once the session's transaction is committed."""
    connection = (await statements_of(db)).connection
    task = queue.configure_task(DELIVER, queue=WEBHOOKS, connection=connection, allow_unknown=True)
    await task.defer_async(message_id=message_id, **carried())


class RepeatingJobManager(JobManager):
    """A job manager that records the end of a job again if the connection to the database ends meanwhile.

    Procrastinate tries it once. Without a record, the job counts as running for as long as its worker lives, and no
    other job with its lock can start: the account of a sync would never be fetched again.
    """

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Record that a job has ended."""
        await _until_recorded(partial(super().finish_job, job, status, delete_job))

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Record that a job is to run again."""
        await _until_recorded(partial(super().retry_job, job, retry_at, priority, queue, lock))


async def _until_recorded(record: Callable[[], Awaitable[None]]) -> None:
    """Repeat a statement about the end of a job while its connection ends."""
    for number, pause in enumerate(RECORDING_PAUSES_SECONDS):
        try:
            return await record()
        except ConnectorException as error:
            if number and isinstance(error.__cause__, psycopg.errors.RaiseException):
                return None  # The job runs no more: it was recorded before, and only the answer was lost.
            if not isinstance(error.__cause__, psycopg.OperationalError):
                raise
        await asyncio.sleep(pause)
    return await record()


class ClockTolerantDeferrer(PeriodicDeferrer):
    """A deferrer of periodic tasks that tolerates jumps of the clock.

    When the clock jumps forward, the skipped tasks are not deferred: a jump of 400 days would create two million jobs.
    When it jumps back, tasks are deferred again at once, instead of only after the latest time of the wrong clock.
    """

    def get_previous_tasks(self, at: float) -> Iterable[tuple[PeriodicTask[Any, Any, Any], int]]:
        """Return the tasks that are due, each with the time that it is due for."""
        oldest = at - self.max_delay
        self.last_defers = {key: last for key, last in self.last_defers.items() if oldest <= last <= at}
        return super().get_previous_tasks(at)
