"""The web server of a process, and the sentence that says where the platform is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from granian.constants import Interfaces
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from starlette.types import ASGIApp

from privateshare.errors import ConfigurationError
from privateshare.platform.alerts import watch
from privateshare.platform.app import create_app
from privateshare.platform.operating.connections import BACKLOG, allow_connections
from privateshare.platform.operating.notices import channels
from privateshare.platform.operating.public_address import is_this_machine
from privateshare.platform.operating.settings import Settings
from privateshare.platform.processes.stop_signals import STOP_SECONDS
from privateshare.platform.runtime import Platform

POLL_SECONDS = 0.02
# A server that listens on all addresses is reached at these.
LOOPBACK_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

log = structlog.get_logger()


async def listen(platform: Platform, port: int) -> None:
    """Answer requests at a port until cancelled. Other processes may listen at it too; the system shares requests out.

    Raises ConfigurationError if the server ends by itself, or nobody could be told of problems as the settings say.
    """
    settings = platform.settings
    channels(settings)
    app: ASGIApp = create_app(platform)
    if settings.trusted_proxies:
        app = wrap_asgi_with_proxy_headers(app, [str(network) for network in settings.trusted_proxies])
    server = Server(
        app,
        address=settings.host,
        port=port,
        interface=Interfaces.ASGI,
        log_enabled=False,
        runtime_threads=1,
        backlog=BACKLOG,
        backpressure=allow_connections(),
    )
    async with _writing_in_background(platform):
        running = asyncio.create_task(server.serve())
        try:
            await asyncio.shield(running)
            raise ConfigurationError("the web server ended by itself")
        finally:
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait([running], timeout=STOP_SECONDS)


@asynccontextmanager
async def _writing_in_background(platform: Platform) -> AsyncIterator[None]:
    """Write the reads of apps to the audit log, and what apps use to the database, and the last of both at the end.

    Meanwhile, look for problems that the operator should know about.
    """
    background = (platform.read_log.run(), platform.usage.run(), watch(platform))
    writing = [asyncio.create_task(task) for task in background]
    try:
        yield
    finally:
        for task in writing:
            task.cancel()
        await asyncio.wait(writing)
        await platform.read_log.close()
        await platform.usage.write()


async def announce(settings: Settings, port: int, tell: Callable[[str], None]) -> None:
    """Wait until the platform accepts connections, and tell its address."""
    host = LOOPBACK_ADDRESSES.get(settings.host, settings.host)
    shown = f"[{host}]" if ":" in host else host
    if settings.origin is None and (host != settings.host or not is_this_machine(shown)):
        log.warning(
            "listening to other machines, but accepting only requests to this machine's names; set PRIVATESHARE_ORIGIN"
        )
    await _until_listening(host, port)
    listens_on = f"http://{shown}:{port}"
    tell(f"PrivateShare is ready at {settings.origin or listens_on}")
    if settings.origin is not None:
        tell(f"It listens on {listens_on}")
    own_folder = settings.database_url is None and settings.blob_url is None
    tell((f"All data is in {settings.data}. " if own_folder else "") + "Press Ctrl-C to stop")


async def _until_listening(host: str, port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(POLL_SECONDS)
        else:
            writer.close()
            return
