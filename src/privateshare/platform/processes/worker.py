"""The worker of a process, which runs the jobs of the queue."""

import asyncio

import structlog
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import SQLAlchemyError

from privateshare.platform.jobs.queue import DEFAULT, WEBHOOKS
from privateshare.platform.me.export_job import add_export_task
from privateshare.platform.me.merge_job import add_merge_task
from privateshare.platform.processes.stop_signals import ABORT_SECONDS, STOP_SECONDS
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.worker import WORKER_DEAD_AFTER_SECONDS, add_tasks, recover_jobs

RESTART_SECONDS = 1.0
WEBHOOKS_AT_ONCE = 4

log = structlog.get_logger()


async def work(platform: Platform) -> None:
    """Run jobs until cancelled."""
    periodic = add_tasks(platform)
    add_export_task(platform)
    add_merge_task(platform)
    while True:
        workers = {DEFAULT: platform.settings.workers, WEBHOOKS: WEBHOOKS_AT_ONCE}
        parts = [
            *(asyncio.create_task(_run_worker(platform, queue, number)) for queue, number in workers.items()),
            asyncio.create_task(periodic.worker()),
        ]
        try:
            ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:  # The worker must be cancelled, since without a database it would retry for a long time.
            for part in parts:
                part.cancel()
            await asyncio.wait(parts, timeout=STOP_SECONDS + ABORT_SECONDS)
        log.warning("a worker lost its database connection and restarts", error=repr(ended.pop().exception()))
        await asyncio.sleep(RESTART_SECONDS)


async def _run_worker(platform: Platform, queue: str, concurrency: int) -> None:
    """Run the jobs of one queue."""
    await platform.queue.run_worker_async(
        queues=[queue],
        concurrency=concurrency,
        install_signal_handlers=False,
        shutdown_graceful_timeout=STOP_SECONDS,
        delete_jobs="successful",
    )


async def recover_earlier_jobs(platform: Platform) -> None:
    """Recover the jobs of earlier workers, as soon as the database is there for it. No worker may be running yet."""
    # Nothing else uses the built-in database, so all workers that it knows are dead.
    alone = platform.settings.database_url is None
    while True:
        try:
            return await recover_jobs(platform, 0 if alone else WORKER_DEAD_AFTER_SECONDS)
        except (SQLAlchemyError, ConnectorException) as error:
            # The supervisor of the built-in PostgreSQL reports why it died. An external database may come back.
            log.warning("the jobs of earlier workers cannot be recovered yet", error=type(error).__name__)
        await asyncio.sleep(RESTART_SECONDS)
