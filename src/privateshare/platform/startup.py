"""Start-up: lock the data folder, start PostgreSQL, migrate the database, and open the platform."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.db.engine import Database
from privateshare.platform.db.migrate import check_is_ours, upgrade
from privateshare.platform.embedded.locks import FileLock, Locked
from privateshare.platform.embedded.postgres import EmbeddedPostgres, database_url
from privateshare.platform.grants.journal_replay import replay_journal_if_wanted
from privateshare.platform.keys.rewrapping import check_all_rows
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
SPARE_CONNECTIONS = 20  # An operator's commands use some.

log = structlog.get_logger()


class FolderInUse(ConfigurationError):
    """Another process runs a platform on this data folder."""


@asynccontextmanager
async def running_platform(
    settings: Settings,
    lock_timeout_seconds: float = 0,
    tell: Callable[[str], object] = lambda _: None,
    *,
    to_serve: bool = True,
    to_replay: bool = True,
) -> AsyncIterator[tuple[Platform, EmbeddedPostgres | None]]:
    """Open the platform of the settings, and start the built-in PostgreSQL unless they name a database.

    Everything is stopped at the end.

    Args:
        settings: The settings.
        lock_timeout_seconds: How long to wait for another process to release the data folder.
        tell: A function that gets a sentence at each step, for whoever waits.
        to_serve: Refuse to start while any row needs a master key that is not listed, or while the blob store does not
            work or belongs to another database. Commands that repair this do not refuse.
        to_replay: Apply the journal of erasures, if the database was restored from a backup. Otherwise the caller does.

    Raises:
        FolderInUse: Another process does not release the data folder.
        ConfigurationError: The settings do not fit the database, or something in them cannot be used.
    """
    async with AsyncExitStack() as stack:
        postgres = None
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value()
        else:
            postgres = await _open_folder(stack, settings, lock_timeout_seconds, tell)
            url = await stack.enter_async_context(postgres)
        tell("Preparing the tables of the database")
        await _prepare_database(settings, url, to_serve=to_serve)
        platform = await stack.enter_async_context(open_platform(settings, url, to_serve=to_serve))
        await asyncio.to_thread(check_keys_can_be_destroyed, platform.erasure_keys.store)
        await destroy_listed_keys(platform)
        if to_replay:
            await replay_journal_if_wanted(platform)
        yield platform, postgres


async def _open_folder(
    stack: AsyncExitStack, settings: Settings, lock_timeout_seconds: float, tell: Callable[[str], object]
) -> EmbeddedPostgres:
    """Lock the data folder until the end of `stack`, and return its PostgreSQL, which is not started yet."""
    tell(f"Opening the data folder {settings.data}")
    prepare_folder(settings.data)
    lock = stack.enter_context(FileLock(settings.data / LOCK_NAME))
    await acquire(lock, settings.data, lock_timeout_seconds)
    if settings.blob_url is None:
        LocalBlobs(settings.data / "blobs").remove_temporary_files()
    postgres = EmbeddedPostgres(settings.data / "postgres", settings.database_connections() + SPARE_CONNECTIONS)
    tell("Starting PostgreSQL" if postgres.exists() else "Creating a PostgreSQL database. This takes some seconds")
    return postgres


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
            platform, _ = await stack.enter_async_context(running_platform(settings, to_serve=False))
        except FolderInUse:
            url = await _url_of_running_server(settings.data / "postgres")
            await asyncio.to_thread(check_is_ours, url, must_be_current=True)
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


async def migrate_database(settings: Settings) -> None:
    """Create or update the tables of the database that the settings name, and do nothing else.

    Raises ConfigurationError if they name none, or it cannot be used.
    """
    if settings.database_url is None:
        raise ConfigurationError(
            "there is no DATABASE_URL, and `privateshare serve` migrates the built-in database itself",
            hint="Set DATABASE_URL",
        )
    await _prepare_database(settings, settings.database_url.get_secret_value(), to_serve=False)


async def _prepare_database(settings: Settings, url: str, *, to_serve: bool) -> None:
    """Migrate the database. First check that it is ours and that the master key fits, so that nothing else is changed.

    Raises ConfigurationError.
    """
    with _explained_database_errors():
        await asyncio.to_thread(check_is_ours, url)
        database = Database(url, pool_size=1)
        try:
            async with database.transaction() as db:
                master_key = await check_master_key(db, settings)
                if master_key is not None and to_serve:
                    await check_all_rows(db, master_key)
                if to_serve:
                    await _warn_of_few_connections(db, settings)
        finally:
            await database.close()
        await asyncio.to_thread(upgrade, url)


async def _warn_of_few_connections(db: AsyncSession, settings: Settings) -> None:
    allowed = int(await db.scalar(text("SELECT current_setting('max_connections')")) or 0)
    needed = settings.database_connections()
    if needed > allowed:
        log.warning(
            "PostgreSQL allows fewer connections than the processes may open; raise max_connections, or lower "
            "PRIVATESHARE_PROCESSES or PRIVATESHARE_DATABASE_POOL_SIZE",
            max_connections=allowed,
            needed=needed,
        )


@contextmanager
def _explained_database_errors() -> Iterator[None]:
    """Raise ConfigurationError if the URL of the database is wrong, or nothing answers there."""
    try:
        yield
    except (ArgumentError, ValueError) as error:  # A ValueError means that the port is not a number.
        raise ConfigurationError("DATABASE_URL must have the form postgresql://user:password@host/database") from error
    except OperationalError as error:  # Its message names host, user and database, but never the password.
        raise ConfigurationError(f"cannot use the database: {_first_line(error)}", hint="Check DATABASE_URL") from error
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"cannot use the database: {_first_line(error)}",
            hint="Check DATABASE_URL, and that its user may create tables there; nothing was changed",
        ) from error


def _first_line(error: SQLAlchemyError) -> str:
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return reason.partition("\n")[0] or type(error).__name__


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


async def acquire(lock: FileLock, folder: Path, lock_timeout_seconds: float) -> None:
    """Take the lock of a data folder. Raises FolderInUse."""
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
                raise ConfigurationError(
                    f"the PrivateShare that uses {folder} does not respond",
                    hint="It may still be starting: wait until it says that it is ready, and run this again",
                ) from error
        await asyncio.sleep(POLL_SECONDS)
