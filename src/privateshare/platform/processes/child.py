"""A process that `privateshare serve` starts: it answers requests, or runs jobs, until its parent stops it."""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from enum import StrEnum
from multiprocessing.connection import wait

import structlog
import uvloop
from sqlalchemy.exc import OperationalError

from privateshare.errors import ConfigurationError
from privateshare.platform.embedded.postgres import database_url
from privateshare.platform.operating.logs import configure_logging
from privateshare.platform.operating.settings import Settings
from privateshare.platform.operating.tracing import start_telemetry, stop_telemetry
from privateshare.platform.processes.stop_signals import until_stop_signal
from privateshare.platform.processes.web import listen
from privateshare.platform.processes.worker import work
from privateshare.platform.runtime import open_platform

log = structlog.get_logger()


class ProcessRole(StrEnum):
    """What a process does."""

    WEB = "web"
    WORKER = "worker"


def run_child(settings: Settings, role: ProcessRole, port: int) -> None:
    """Run this process until SIGTERM. It ends as soon as its parent has ended, for whatever reason."""
    # Ctrl-C reaches all processes of a terminal. The parent stops this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    configure_logging(settings)
    if role is ProcessRole.WORKER and sys.platform == "linux":
        # Workers import and fetch for minutes. They get their share of the processor, but do not interrupt
        # the processes that answer requests.
        with suppress(OSError):  # A container may forbid it.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        start_telemetry(role)
        uvloop.run(_run(settings, role, port))
    except ConfigurationError as error:
        log.error("a process cannot go on", role=role, reason=str(error))
        sys.exit(1)
    except OperationalError as error:  # The supervisor starts another process, which tries again.
        reason = str(error.orig).partition("\n")[0]
        log.error("a process ends, since the database is not available", role=role, reason=reason)
        sys.exit(1)
    finally:
        stop_telemetry()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)  # The database may have ended with the parent, so there is nothing to finish.


async def _run(settings: Settings, role: ProcessRole, port: int) -> None:
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
    else:
        url = database_url(settings.data / "postgres")
    with until_stop_signal(signal.SIGTERM):
        async with open_platform(settings, url) as platform, asyncio.TaskGroup() as parts:
            parts.create_task(listen(platform, port) if role is ProcessRole.WEB else work(platform))
