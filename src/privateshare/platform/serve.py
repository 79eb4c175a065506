"""`privateshare serve`: one process that is the whole platform.

In order: the lock on the data folder, PostgreSQL, migrations, workers, the web server; and back in reverse.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server

from privateshare.errors import ConfigurationError
from privateshare.platform.app import create_app
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.db.migrate import upgrade
from privateshare.platform.embedded.locks import FileLock, Locked, is_locked
from privateshare.platform.embedded.postgres import EmbeddedPostgres, database_url
from privateshare.platform.runtime import Platform, open_platform
from privateshare.platform.settings import Settings
from privateshare.platform.sync.queue import add_tasks, recover_jobs

STOP_SECONDS = 20  # what requests and syncs under way get before they are cut off
LOCK_NAME = "serve.lock"

log = structlog.get_logger()


async def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Runs the platform until SIGINT or SIGTERM; calls `ready` with its address once it answers.

    Raises ConfigurationError if another process serves this data folder, or a setting is wrong.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(_running_platform(settings))
        if settings.workers:
            await stack.enter_async_context(_working(platform))
        address = await stack.enter_async_context(_listening(platform))
        ready(address)
        await stopping.wait()


@asynccontextmanager
async def operator_platform(settings: Settings) -> AsyncIterator[Platform]:
    """The platform for one command of its operator: through the running server's database, or started for the moment."""
    if settings.database_url is None and is_locked(settings.data / LOCK_NAME):
        url = database_url(settings.data / "postgres")
        async with open_platform(settings, url) as platform:
            yield platform
        return
    async with _running_platform(settings) as platform:
        yield platform


@asynccontextmanager
async def _running_platform(settings: Settings) -> AsyncIterator[Platform]:
    async with AsyncExitStack() as stack:
        _prepare_folder(settings)
        if settings.database_url is None:
            stack.enter_context(_locked_folder(settings))
            url = await stack.enter_async_context(EmbeddedPostgres(settings.data / "postgres"))
        else:
            url = settings.database_url.get_secret_value()
        await asyncio.to_thread(upgrade, url)
        yield await stack.enter_async_context(open_platform(settings, url))


def _prepare_folder(settings: Settings) -> None:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.data.chmod(0o700)


class _locked_folder:  # noqa: N801 - used as `with _locked_folder(...)`
    def __init__(self, settings: Settings) -> None:
        self._path = settings.data / LOCK_NAME
        self._settings = settings

    def __enter__(self) -> None:
        self._lock = FileLock(self._path)
        try:
            self._lock.acquire()
        except Locked as error:
            self._lock.close()
            raise ConfigurationError(
                f"another PrivateShare runs on {self._settings.data}; stop it, or choose another folder with --data"
            ) from error
        if self._settings.blob_url is None:
            LocalBlobs(self._settings.data / "blobs").clear_aside()  # the lock is ours: nobody else writes there

    def __exit__(self, *_: object) -> None:
        self._lock.close()


@asynccontextmanager
async def _working(platform: Platform) -> AsyncIterator[None]:
    add_tasks(platform)
    await recover_jobs(platform.queue)
    worker = asyncio.create_task(
        platform.queue.run_worker_async(
            concurrency=platform.settings.workers,
            install_signal_handlers=False,
            shutdown_graceful_timeout=STOP_SECONDS,
            delete_jobs="successful",
        )
    )
    try:
        yield
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


@asynccontextmanager
async def _listening(platform: Platform) -> AsyncIterator[str]:
    settings = platform.settings
    server = Server(
        create_app(platform),
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        log_enabled=False,
        runtime_threads=1,
        backlog=1024,
    )
    running = asyncio.create_task(server.serve())
    try:
        await _until_listening(settings, running)
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
        yield settings.origin or f"http://{host}:{settings.port}"
    finally:
        server.stop()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(running, STOP_SECONDS)


async def _until_listening(settings: Settings, running: asyncio.Task[None]) -> None:
    while not running.done():
        try:
            _, writer = await asyncio.open_connection(settings.host, settings.port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    error = running.exception()
    raise ConfigurationError(f"cannot listen on {settings.host}:{settings.port}: {error}") from error
