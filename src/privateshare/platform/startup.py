"""From settings to an open platform: the data folder is ours alone, PostgreSQL runs, the tables are there."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import structlog
from sqlalchemy.exc import ArgumentError, OperationalError

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.db.engine import Database
from privateshare.platform.db.migrate import upgrade
from privateshare.platform.embedded.locks import FileLock, Locked
from privateshare.platform.embedded.postgres import EmbeddedPostgres, database_url
from privateshare.platform.keys.signing import check_master_key
from privateshare.platform.keystore.erasure_keys import check_keys_can_be_destroyed
from privateshare.platform.library.erasure import destroy_listed_keys
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform, open_platform

LOCK_NAME = "privateshare.lock"
OURS = {LOCK_NAME, "master.key", "postgres"}  # by which a data folder is known
PATIENCE_SECONDS = 10.0  # for one that is stopping, or for an operator's command, to let go of the folder
POLL_SECONDS = 0.05

log = structlog.get_logger()


class FolderInUse(ConfigurationError):
    """Another process runs the platform of this data folder."""


@asynccontextmanager
async def running_platform(
    settings: Settings, patience_seconds: float = 0
) -> AsyncIterator[tuple[Platform, EmbeddedPostgres | None]]:
    """The platform of these settings, and the PostgreSQL of its own if they name none; all of it stops at the end.

    Raises FolderInUse if another process has the data folder and does not let go of it in `patience_seconds`.
    """
    async with AsyncExitStack() as stack:
        postgres = None
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value()
        else:
            prepare_folder(settings.data)
            lock = stack.enter_context(FileLock(settings.data / LOCK_NAME))
            await _acquire(lock, settings.data, patience_seconds)
            if settings.blob_url is None:
                LocalBlobs(settings.data / "blobs").remove_temporary_files()
            postgres = EmbeddedPostgres(settings.data / "postgres")
            url = await stack.enter_async_context(postgres)
        await _prepare_database(settings, url)
        platform = await stack.enter_async_context(open_platform(settings, url))
        await asyncio.to_thread(check_keys_can_be_destroyed, platform.erasure_keys.store)
        await destroy_listed_keys(platform)
        yield platform, postgres


@asynccontextmanager
async def operator_platform(settings: Settings) -> AsyncIterator[Platform]:
    """The platform for one command: with the database of the server that runs on the data folder, or else its own."""
    async with AsyncExitStack() as stack:
        try:
            platform, _ = await stack.enter_async_context(running_platform(settings))
        except FolderInUse:
            url = await _url_of_running_server(settings.data / "postgres")
            platform = await stack.enter_async_context(open_platform(settings, url))
        yield platform


async def _prepare_database(settings: Settings, url: str) -> None:
    """Migrate the database, unless it was sealed with another master key: then nothing in it is touched."""
    try:
        database = Database(url, pool_size=1)
        try:
            async with database.transaction() as db:
                await check_master_key(db, settings)
        finally:
            await database.close()
        await asyncio.to_thread(upgrade, url)
    except (ArgumentError, ValueError) as error:  # ValueError: the port is no number
        raise ConfigurationError("DATABASE_URL must be like postgresql://user:password@host/database") from error
    except OperationalError as error:  # its own words name host, user and database, and never the password
        reason = str(error.orig).splitlines()[0]
        raise ConfigurationError(f"cannot use the database: {reason}", hint="Look at DATABASE_URL") from error


def prepare_folder(folder: Path) -> None:
    """Makes the data folder, readable by us alone.

    Raises ConfigurationError if it is another user's, or holds other things: they would not want to be locked away.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = {entry.name for entry in folder.iterdir()} - {"lost+found"}
        if found and not found & OURS:
            raise ConfigurationError(f"{folder} holds other things; choose a new or empty folder with --data")
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(f"cannot use {folder} as the data folder: {error.strerror}") from error


async def _acquire(lock: FileLock, folder: Path, patience_seconds: float) -> None:
    give_up_at = time.monotonic() + patience_seconds
    waiting = False
    while True:
        try:
            return lock.acquire()
        except Locked as error:
            if time.monotonic() > give_up_at:
                raise FolderInUse(
                    f"another PrivateShare runs on {folder}; stop it, or choose another folder with --data"
                ) from error
        if not waiting:
            log.warning("another PrivateShare runs on the data folder; waiting for it to end", folder=str(folder))
            waiting = True
        await asyncio.sleep(POLL_SECONDS)


async def _url_of_running_server(folder: Path) -> str:
    """Where its database is; waits for a server that has only just started."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            url = database_url(folder)
            async with await psycopg.AsyncConnection.connect(url) as connection:
                await connection.execute("SELECT FROM signing_keys LIMIT 1")
            return url
        except (FileNotFoundError, psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
            if time.monotonic() > give_up_at:
                raise ConfigurationError("the PrivateShare that runs on this folder does not answer") from error
        await asyncio.sleep(POLL_SECONDS)
