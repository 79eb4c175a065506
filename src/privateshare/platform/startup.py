"""Start-up: lock the data folder, start PostgreSQL, migrate the database, and open the platform."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import structlog
from sqlalchemy import text
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
DATA_FOLDER_ENTRIES = {LOCK_NAME, "master.key", "postgres"}  # An existing data folder has at least one of these.
# A platform that is stopping, or an operator's command, releases the data folder within this time.
LOCK_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.05

log = structlog.get_logger()


class FolderInUse(ConfigurationError):
    """Another process runs a platform on this data folder."""


@asynccontextmanager
async def running_platform(
    settings: Settings, lock_timeout_seconds: float = 0, tell: Callable[[str], object] = lambda _: None
) -> AsyncIterator[tuple[Platform, EmbeddedPostgres | None]]:
    """Open the platform of the settings, and start the built-in PostgreSQL unless they name a database.

    `tell` gets a sentence at each step, for whoever waits. Everything is stopped at the end. Raises FolderInUse if
    another process does not release the data folder within `lock_timeout_seconds`.
    """
    async with AsyncExitStack() as stack:
        postgres = None
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value()
        else:
            tell(f"Opening the data folder {settings.data}")
            prepare_folder(settings.data)
            lock = stack.enter_context(FileLock(settings.data / LOCK_NAME))
            await _acquire(lock, settings.data, lock_timeout_seconds)
            if settings.blob_url is None:
                LocalBlobs(settings.data / "blobs").remove_temporary_files()
            postgres = EmbeddedPostgres(settings.data / "postgres")
            tell(
                "Starting PostgreSQL"
                if postgres.exists()
                else "Creating a PostgreSQL database. This takes some seconds"
            )
            url = await stack.enter_async_context(postgres)
        tell("Preparing the tables of the database")
        await _prepare_database(settings, url)
        platform = await stack.enter_async_context(open_platform(settings, url))
        await asyncio.to_thread(check_keys_can_be_destroyed, platform.erasure_keys.store)
        await destroy_listed_keys(platform)
        yield platform, postgres


@asynccontextmanager
async def operator_platform(settings: Settings) -> AsyncIterator[Platform]:
    """Open the platform for one command: on the database of a running server, or else by starting PostgreSQL.

    Raises ConfigurationError if there is no platform yet: only a server makes one.
    """
    if settings.database_url is None:
        _check_has_platform(settings.data)
    else:
        await _check_has_tables(settings)
    async with AsyncExitStack() as stack:
        try:
            platform, _ = await stack.enter_async_context(running_platform(settings))
        except FolderInUse:
            url = await _url_of_running_server(settings.data / "postgres")
            platform = await stack.enter_async_context(open_platform(settings, url))
        yield platform


def _check_has_platform(folder: Path) -> None:
    """Check that a server has used a data folder, or is starting in it. Raises ConfigurationError."""
    if EmbeddedPostgres(folder / "postgres").exists() or _is_in_use(folder / LOCK_NAME):
        return
    shown = f"./{folder.relative_to(Path.cwd())}" if folder.is_relative_to(Path.cwd()) else folder
    raise ConfigurationError(
        f"no platform in {shown}; start one with `privateshare serve`, or name its folder with --data"
    )


def _is_in_use(lock_path: Path) -> bool:
    if not lock_path.exists():
        return False
    with FileLock(lock_path) as lock:
        try:
            lock.acquire()
        except Locked:
            return True
    return False


async def _check_has_tables(settings: Settings) -> None:
    assert settings.database_url is not None
    with _explained_database_errors():
        database = Database(settings.database_url.get_secret_value(), pool_size=1)
        try:
            async with database.transaction() as db:
                tables = await db.scalar(text("SELECT to_regclass('signing_keys')"))
        finally:
            await database.close()
    if tables is None:
        raise ConfigurationError("no platform in the database of DATABASE_URL; start one with `privateshare serve`")


async def _prepare_database(settings: Settings, url: str) -> None:
    """Migrate the database. First check the master key, so that a wrong key changes nothing in the database."""
    with _explained_database_errors():
        database = Database(url, pool_size=1)
        try:
            async with database.transaction() as db:
                await check_master_key(db, settings)
        finally:
            await database.close()
        await asyncio.to_thread(upgrade, url)


@contextmanager
def _explained_database_errors() -> Iterator[None]:
    """Raise ConfigurationError if the URL of the database is wrong, or nothing answers there."""
    try:
        yield
    except (ArgumentError, ValueError) as error:  # A ValueError means that the port is not a number.
        raise ConfigurationError("DATABASE_URL must have the form postgresql://user:password@host/database") from error
    except OperationalError as error:  # Its message names host, user and database, but never the password.
        reason = str(error.orig).splitlines()[0]
        raise ConfigurationError(f"cannot use the database: {reason}", hint="Check DATABASE_URL") from error


def prepare_folder(folder: Path) -> None:
    """Create the data folder, which only its owner can read.

    Raises ConfigurationError if it belongs to another user, or contains other files: restricting access to the folder
    would make them unreadable to other users.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = {entry.name for entry in folder.iterdir()} - {"lost+found"}
        if found and not found & DATA_FOLDER_ENTRIES:
            raise ConfigurationError(f"{folder} contains other files; choose a new or empty folder with --data")
        folder.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(f"cannot use {folder} as the data folder: {error.strerror}") from error


async def _acquire(lock: FileLock, folder: Path, lock_timeout_seconds: float) -> None:
    deadline = time.monotonic() + lock_timeout_seconds
    waiting = False
    while True:
        try:
            return lock.acquire()
        except Locked as error:
            if time.monotonic() > deadline:
                raise FolderInUse(
                    f"another PrivateShare uses {folder}; stop it, or choose another folder with --data"
                ) from error
        if not waiting:
            log.warning("another PrivateShare uses the data folder; waiting for it to stop", folder=str(folder))
            waiting = True
        await asyncio.sleep(POLL_SECONDS)


async def _url_of_running_server(folder: Path) -> str:
    """Return the URL of a running server's database, waiting for it if the server has only just started."""
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            url = database_url(folder)
            async with await psycopg.AsyncConnection.connect(url) as connection:
                await connection.execute("SELECT FROM signing_keys LIMIT 1")
            return url
        except (FileNotFoundError, psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
            if time.monotonic() > deadline:
                raise ConfigurationError("the PrivateShare that uses this folder does not respond") from error
        await asyncio.sleep(POLL_SECONDS)
