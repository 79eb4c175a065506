"""The process of `privateshare serve`, which runs the whole platform.

It prepares the data folder, starts PostgreSQL and migrates the database. Then it runs workers and web server at once.
"""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import SQLAlchemyError

from privateshare.errors import ConfigurationError
from privateshare.platform.app import create_app
from privateshare.platform.jobs.queue import DEFAULT, WEBHOOKS
from privateshare.platform.me.export_job import add_export_task
from privateshare.platform.operating.connections import BACKLOG, allow_connections
from privateshare.platform.operating.public_address import is_this_machine
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import LOCK_TIMEOUT_SECONDS, running_platform
from privateshare.platform.sync.worker import WORKER_DEAD_AFTER_SECONDS, add_tasks, recover_jobs

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOP_SECONDS = 6  # Requests and syncs in progress get this time to finish. Containers are killed after ten seconds.
ABORT_SECONDS = 2  # A sync that was cancelled gets this time to put its job back into the queue.
RESTART_SECONDS = 1.0
WEBHOOKS_AT_ONCE = 4
POLL_SECONDS = 0.02
# A server that listens on all addresses is reached at these.
LOOPBACK_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

log = structlog.get_logger()


async def run_server(settings: Settings, tell: Callable[[str], None]) -> None:
    """Run the platform until SIGINT or SIGTERM. Call `tell` with a sentence at each step of the start.

    Raises ConfigurationError if another process uses the data folder or the port, or if PostgreSQL ends by itself.
    """
    port = _free_port(settings)
    with _until_stop_signal():
        try:
            async with (
                running_platform(settings, LOCK_TIMEOUT_SECONDS, tell) as (platform, postgres),
                _writing_audit_log(platform),
                asyncio.TaskGroup() as parts,
            ):
                if postgres:
                    parts.create_task(postgres.ended())
                if settings.workers:
                    parts.create_task(_work(platform))
                parts.create_task(_listen(platform, port, tell))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures  # The other errors are consequences of the first.


@asynccontextmanager
async def _writing_audit_log(platform: Platform) -> AsyncIterator[None]:
    """Write the reads of apps to the audit log in the background, and the last ones at the end."""
    writing = asyncio.create_task(platform.read_log.run())
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.wait([writing])
        await platform.read_log.close()


@contextmanager
def _until_stop_signal() -> Iterator[None]:
    """Cancel the `with` block at the first SIGINT or SIGTERM. A second signal kills the process as usual."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None
    stop_requested = asyncio.Event()

    def stop() -> None:
        stop_requested.set()
        task.cancel()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not stop_requested.is_set():
            raise
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


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


async def _work(platform: Platform) -> None:
    periodic = add_tasks(platform)
    add_export_task(platform)
    # With the built-in database this is the only process, so the jobs of earlier workers can be recovered at once.
    alone = platform.settings.database_url is None
    await _recover_jobs(platform, silent_seconds=0 if alone else WORKER_DEAD_AFTER_SECONDS)
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


async def _recover_jobs(platform: Platform, silent_seconds: float) -> None:
    """Recover the jobs of earlier workers, as soon as the database is there for it."""
    while True:
        try:
            return await recover_jobs(platform, silent_seconds)
        except (SQLAlchemyError, ConnectorException) as error:
            # The supervisor of the built-in PostgreSQL reports why it died. An external database may come back.
            log.warning("the jobs of earlier workers cannot be recovered yet", error=type(error).__name__)
        await asyncio.sleep(RESTART_SECONDS)


async def _listen(platform: Platform, port: int, tell: Callable[[str], None]) -> None:
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
    host = LOOPBACK_ADDRESSES.get(settings.host, settings.host)
    shown = f"[{host}]" if ":" in host else host
    if settings.origin is None and (host != settings.host or not is_this_machine(shown)):
        log.warning(
            "listening to other machines, but accepting only requests to this machine's names; set PRIVATESHARE_ORIGIN"
        )
    try:
        await _until_listening(host, port, running)
        tell(f"PrivateShare is ready at {settings.origin or f'http://{shown}:{port}'}")
        own_folder = settings.database_url is None and settings.blob_url is None
        tell((f"All data is in {settings.data}. " if own_folder else "") + "Press Ctrl-C to stop")
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
