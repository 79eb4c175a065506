"""The supervisor of the processes of a platform: it starts them, restarts those that exit, and stops them all.

The processes are forked from one that has imported the platform, so they start within milliseconds and share its
memory. Settings with secrets reach them through a pipe, not through their command line or environment.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from tempfile import TemporaryDirectory

import structlog
from prometheus_client.multiprocess import mark_process_dead

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.metrics import METRICS_FOLDER
from privateshare.platform.operating.settings import Settings
from privateshare.platform.processes.child import ProcessRole, run_child
from privateshare.platform.processes.stop_signals import ABORT_SECONDS, STOP_SECONDS

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
STABLE_AFTER_SECONDS = 60.0  # After this long, the pause before a restart is short again.

log = structlog.get_logger()


@contextmanager
def start_fork_server() -> Iterator["Supervisor"]:
    """Start the fork server, which imports the platform while the caller prepares its data."""
    with TemporaryDirectory(prefix="privateshare-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([run_child.__module__])
        forkserver.ensure_running()
        try:
            yield Supervisor(context, folder)
        finally:
            os.environ.pop(METRICS_FOLDER)


class Supervisor:
    """Keeps the processes of a platform running."""

    def __init__(self, context: multiprocessing.context.ForkServerContext, metrics_folder: str) -> None:
        self._context, self._metrics_folder = context, metrics_folder

    async def run(self, settings: Settings, port: int, ready: asyncio.Event) -> None:
        """Run all processes of a platform until cancelled.

        Args:
            settings: The settings, with the number of processes.
            port: The port at which the web processes listen.
            ready: Set by the caller once the platform accepts connections. A process that ends earlier is an error.

        Raises:
            ConfigurationError: A process could not start.
        """
        roles = [ProcessRole.WEB] * settings.web_processes() + [ProcessRole.WORKER] * settings.worker_processes()
        async with asyncio.TaskGroup() as parts:
            for role in roles:
                parts.create_task(self._keep_running(settings, role, port, ready))

    async def _keep_running(self, settings: Settings, role: ProcessRole, port: int, ready: asyncio.Event) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            process = self._context.Process(target=run_child, args=(settings, role, port), name=f"privateshare {role}")
            await asyncio.to_thread(process.start)
            try:
                await _wait_until_exited(process)
            finally:
                await _stop(process)
                mark_process_dead(process.pid, self._metrics_folder)  # type: ignore[no-untyped-call]
            if not ready.is_set():
                raise ConfigurationError(f"a {role} process ended while the platform started; the log says why")
            if time.monotonic() - began > STABLE_AFTER_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.error("a process ended and is started again", role=role, status=process.exitcode, pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


async def _wait_until_exited(process: BaseProcess) -> None:
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    loop.add_reader(process.sentinel, ended.set_result, None)
    try:
        await ended
    finally:
        loop.remove_reader(process.sentinel)


async def _stop(process: BaseProcess) -> None:
    """Ask a process to stop, and kill it if it takes too long."""
    process.terminate()
    try:
        await asyncio.wait_for(_wait_until_exited(process), STOP_SECONDS + 2 * ABORT_SECONDS)
    except TimeoutError:
        process.kill()
    await asyncio.to_thread(process.join)
