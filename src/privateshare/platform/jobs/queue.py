"""The job queue: procrastinate, in the same database as everything else, so that a job and its rows commit together.

Jobs are put into it here. What each job does, workers learn from `sync/worker.py`.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from procrastinate import App, PsycopgConnector
from procrastinate.periodic import PeriodicDeferrer, PeriodicTask
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import driver_connection

SYNC = "sync_account"
SWEEP_BLOBS = "sweep_blobs"


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
    """Have the listed blobs deleted soon after the session's transaction commits."""
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
