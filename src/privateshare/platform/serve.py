"""`privateshare serve`: one process that is the whole platform.

In order: the data folder, PostgreSQL, migrations; then, side by side, the workers and the web server.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from privateshare.errors import ConfigurationError
from privateshare.platform.app import create_app
from privateshare.platform.operating.connections import BACKLOG, allow_connections
from privateshare.platform.operating.public_address import is_this_machine
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import PATIENCE_SECONDS, running_platform
from privateshare.platform.sync.worker import WORKER_DEAD_AFTER_SECONDS, add_tasks, recover_jobs

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOP_SECONDS = 6  # what requests and syncs under way get to end: containers are killed after ten
ABORT_SECONDS = 2  # what a sync that was cut off gets to put its job back
RESTART_SECONDS = 1.0
POLL_SECONDS = 0.02
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach one who listens everywhere

log = structlog.get_logger()


async def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Runs the platform until SIGINT or SIGTERM; calls `ready` with its address once it answers.

    Raises ConfigurationError if another process has the data folder or the port, or PostgreSQL ends by itself.
    """
    port = _free_port(settings)
    with _until_told_to_stop():
        try:
            async with (
                running_platform(settings, PATIENCE_SECONDS) as (platform, postgres),
                asyncio.TaskGroup() as parts,
            ):
                if postgres:
                    parts.create_task(postgres.ended())
                if settings.workers:
                    parts.create_task(_work(platform))
                parts.create_task(_listen(platform, port, ready))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures  # the others follow from it


@contextmanager
def _until_told_to_stop() -> Iterator[None]:
    """Cancels what is inside at the first SIGINT or SIGTERM; the second kills, as if nobody handled it."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None
    told = asyncio.Event()

    def stop() -> None:
        told.set()
        task.cancel()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not told.is_set():
            raise
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def _free_port(settings: Settings) -> int:
    """The port to listen on. The web server would share it silently with another process."""
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


async def _work(platform: Platform) -> None:
    periodic = add_tasks(platform)
    alone = platform.settings.database_url is None  # whoever worked before us is dead
    await recover_jobs(platform, silent_seconds=0 if alone else WORKER_DEAD_AFTER_SECONDS)
    while True:
        worker = asyncio.create_task(
            platform.queue.run_worker_async(
                concurrency=platform.settings.workers,
                install_signal_handlers=False,
                shutdown_graceful_timeout=STOP_SECONDS,
                delete_jobs="successful",
            )
        )
        parts = [worker, asyncio.create_task(periodic.worker())]
        try:
            ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:  # when cancelled: a worker without a database would try for long
            for part in parts:
                part.cancel()
            await asyncio.wait(parts, timeout=STOP_SECONDS + ABORT_SECONDS)
        log.warning("the worker lost its database, and starts again", error=repr(ended.pop().exception()))
        await asyncio.sleep(RESTART_SECONDS)


async def _listen(platform: Platform, port: int, ready: Callable[[str], None]) -> None:
    settings = platform.settings
    server = Server(
        wrap_asgi_with_proxy_headers(create_app(platform), [str(network) for network in settings.trusted_proxies]),
        address=settings.host,
        port=port,
        interface=Interfaces.ASGI,
        log_enabled=False,
        runtime_threads=1,
        backlog=BACKLOG,
        backpressure=allow_connections(),
    )
    running = asyncio.create_task(server.serve())
    host = EVERYWHERE.get(settings.host, settings.host)
    shown = f"[{host}]" if ":" in host else host
    if settings.origin is None and (host != settings.host or not is_this_machine(shown)):
        log.warning("listening beyond this machine, but answering to its own names alone: set PRIVATESHARE_ORIGIN")
    try:
        await _until_listening(host, port, running)
        ready(settings.origin or f"http://{shown}:{port}")
        await asyncio.shield(running)
        raise ConfigurationError("the web server ended by itself")
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait([running], timeout=STOP_SECONDS)


async def _until_listening(host: str, port: int, running: asyncio.Task[None]) -> None:
    while not running.done():
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(POLL_SECONDS)
        else:
            writer.close()
            return
