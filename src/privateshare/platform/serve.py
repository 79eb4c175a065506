"""`privateshare serve`, which runs the whole platform.

It prepares the data folder, starts PostgreSQL and migrates the database. Then it runs web server and workers: in
processes of their own, or both in this one.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.settings import Settings
from privateshare.platform.operating.tracing import start_telemetry, stop_telemetry
from privateshare.platform.processes.stop_signals import until_stop_signal
from privateshare.platform.processes.supervisor import start_fork_server
from privateshare.platform.processes.web import announce, listen
from privateshare.platform.processes.worker import recover_earlier_jobs, work
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import LOCK_TIMEOUT_SECONDS, running_platform


async def run_server(settings: Settings, tell: Callable[[str], None]) -> None:
    """Run the platform until SIGINT or SIGTERM. Call `tell` with a sentence at each step of the start.

    Raises ConfigurationError if another process uses the data folder or the port, or if PostgreSQL ends by itself.
    """
    port = _free_port(settings)
    if settings.web_processes() == 1:
        start_telemetry("all")
    with until_stop_signal(signal.SIGINT, signal.SIGTERM), ExitStack() as stack:
        supervisor = stack.enter_context(start_fork_server()) if settings.web_processes() > 1 else None
        try:
            async with (
                running_platform(settings, LOCK_TIMEOUT_SECONDS, tell) as (platform, postgres),
                asyncio.TaskGroup() as parts,
            ):
                if postgres:
                    parts.create_task(postgres.ended())
                ready = asyncio.Event()
                parts.create_task(_announce(settings, port, tell, ready))
                if settings.workers:
                    await recover_earlier_jobs(platform)
                if supervisor is not None:
                    parts.create_task(supervisor.run(settings, port, ready))
                else:
                    _run_in_this_process(platform, port, parts)
        except ExceptionGroup as failures:
            raise _first_error(failures) from failures  # The other errors are consequences of the first.
        finally:
            await asyncio.to_thread(stop_telemetry)


def _run_in_this_process(platform: Platform, port: int, parts: asyncio.TaskGroup) -> None:
    if platform.settings.workers:
        parts.create_task(work(platform))
    parts.create_task(listen(platform, port))


async def _announce(settings: Settings, port: int, tell: Callable[[str], None], ready: asyncio.Event) -> None:
    await announce(settings, port, tell)
    ready.set()


def _first_error(failures: ExceptionGroup[Exception]) -> Exception:
    first = failures.exceptions[0]
    return _first_error(first) if isinstance(first, ExceptionGroup) else first


def _free_port(settings: Settings) -> int:
    """Check that the port is free, and return it. The web server would silently share it with another process."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
            probe.listen()
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {settings.host} port {settings.port}: {error.strerror}; choose another with --port"
            ) from error
        return int(probe.getsockname()[1])
