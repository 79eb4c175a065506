"""The job queue (procrastinate), in the platform's database, so that a job is committed together with its rows.

This module adds jobs to the queue. `sync/worker.py` defines what each job does.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from procrastinate import App, PsycopgConnector
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


def make_queue(database_url: str) -> App:
    """Open the queue of a database. It has no tasks, which is enough to add jobs."""
    return App(connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=QUEUE_CONNECTIONS))


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
