"""Tests of the built-in PostgreSQL: first starts, crashes of every kind, and the next start."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest
from tests.processes import is_running, send_signal

from privateshare.errors import ConfigurationError
from privateshare.platform.embedded.locks import FileLock, Locked
from privateshare.platform.embedded.postgres import USER_IF_STARTED_AS_ROOT, EmbeddedPostgres

ROOT = os.geteuid() == 0
NAMESPACES = ROOT and subprocess.run(["unshare", "--mount", "true"]).returncode == 0
SOCKET_LOCK = ".s.PGSQL.5432.lock"
HOLDER = (sys.executable, "-m", "tests.unit.platform.embedded.holder")


@pytest.fixture
def new_folder(tmp_path: Path) -> Path:
    """Provide a folder for a new cluster. Its parents are closed to other users, as pytest creates them."""
    return tmp_path / "postgres"


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Provide a folder with a cluster that is only copied, because PostgreSQL needs a second of CPU to create one."""
    folder = tmp_path_factory.mktemp("made") / "postgres"
    async with EmbeddedPostgres(folder):
        pass
    return folder


@pytest.fixture
def folder(new_folder: Path, made: Path) -> Path:
    """Provide a folder with a cluster that was stopped, and is otherwise empty."""
    subprocess.run(["cp", "--archive", made, new_folder], check=True)
    return new_folder


async def write(url: str, text: str) -> None:
    """Commits a row."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        await connection.execute("INSERT INTO notes VALUES (%s)", [text])


async def read(url: str) -> list[str]:
    """Return every row."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return [row[0] for row in await (await connection.execute("SELECT text FROM notes")).fetchall()]


async def setting(url: str, name: str) -> str:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute("SELECT current_setting(%s)", [name])).fetchone()
    assert row is not None
    return str(row[0])


def server_pid(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split()[0])


@contextmanager
def held(folder: Path, *before: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Provide a process that runs PostgreSQL on the folder, started through `before`, and the database's URL."""
    process = subprocess.Popen([*before, *HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, (folder.parent / "postgres.log").read_text()
        yield process, url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_keeps_what_was_committed(folder: Path) -> None:
    """A restarted server has everything that was committed before."""
    async with EmbeddedPostgres(folder) as url:
        await write(url, "kept")
    async with EmbeddedPostgres(folder) as url:
        assert await read(url) == ["kept"]


async def test_other_users_have_no_access(new_folder: Path) -> None:
    """The server listens on no network, and other users cannot open its folders."""
    async with EmbeddedPostgres(new_folder) as url:
        assert await setting(url, "listen_addresses") == ""
        assert await setting(url, "fsync") == "on"
        for closed in (new_folder, new_folder / "cluster"):
            assert closed.stat().st_mode & 0o777 == 0o700
        assert (new_folder.parent / "postgres.log").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(not NAMESPACES, reason="not root, or the system allows no mount namespace")
async def test_root_starts_it_unprivileged(folder: Path) -> None:
    """If root starts it in a folder that only root can enter, the server runs as a user without privileges."""
    folder.parent.chmod(0o700)
    async with EmbeddedPostgres(folder):
        status = Path(f"/proc/{server_pid(folder)}/status").read_text()
        assert Path(f"/proc/{server_pid(folder)}").owner() == USER_IF_STARTED_AS_ROOT
        assert "CapPrm:\t0000000000000000" in status
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_uid == 0


@pytest.mark.skipif(not ROOT, reason="only root has a right to lose")
@pytest.mark.slow
async def test_root_without_mount_namespaces(new_folder: Path) -> None:
    """Root can start it where mount namespaces are not allowed, as in most containers."""
    with held(new_folder, "setpriv", "--bounding-set=-sys_admin") as (_, url):
        await write(url, "here")
        assert Path(f"/proc/{server_pid(new_folder)}").owner() == USER_IF_STARTED_AS_ROOT


@pytest.mark.skipif(not ROOT, reason="the other tests run as an ordinary user already")
@pytest.mark.slow
async def test_ordinary_user(new_folder: Path) -> None:
    """An ordinary user's server runs as that user, and root gets an error instead of taking over the folder."""
    shutil.chown(new_folder.parent, "daemon", "daemon")
    new_folder.parent.parent.chmod(0o755)
    reach_python = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")  # The interpreter may be below /root.
    with held(new_folder, "setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", *reach_python) as (_, url):
        await write(url, "mine")
        assert Path(f"/proc/{server_pid(new_folder)}").owner() == "daemon"
    with pytest.raises(ConfigurationError, match="belongs to daemon"):
        await EmbeddedPostgres(new_folder).start()


async def test_ends_with_its_parent(folder: Path) -> None:
    """If its parent is killed, the server ends, and a start meanwhile waits for that."""
    with held(folder) as (process, url):
        await write(url, "acknowledged")
        old = server_pid(folder)
        process.kill()
    async with EmbeddedPostgres(folder) as url:
        assert not is_running(old)
        assert await read(url) == ["acknowledged"]


@pytest.mark.slow
async def test_recovers_when_all_is_killed(folder: Path) -> None:
    """After parent and server were killed while writing, everything that was acknowledged is there."""
    acknowledged: list[str] = []

    async def write_on(url: str) -> None:
        with suppress(psycopg.OperationalError):
            for number in count():
                await write(url, str(number))
                acknowledged.append(str(number))

    with held(folder) as (process, url):
        writing = asyncio.create_task(write_on(url))
        while len(acknowledged) < 20:
            await asyncio.sleep(0.001)
        send_signal(server_pid(folder), signal.SIGKILL)  # First, since it ends in order when its parent does.
        process.kill()
        await writing
    async with EmbeddedPostgres(folder) as url:
        assert set(await read(url)) >= set(acknowledged)


async def test_a_stale_process_id_is_ignored(folder: Path) -> None:
    """If another program has a dead server's process id, the start succeeds and does not touch that program."""
    with held(folder) as (process, url):
        await write(url, "acknowledged")
        left = {name: (folder / "cluster" / name).read_text() for name in ("postmaster.pid", SOCKET_LOCK)}
        send_signal(server_pid(folder), signal.SIGKILL)  # First, since it ends in order when its parent does.
        process.kill()
    user = USER_IF_STARTED_AS_ROOT if ROOT else None
    with subprocess.Popen(["sleep", "600"], user=user) as stranger:
        for name, text in left.items():
            _, *rest = text.splitlines(keepends=True)
            path = folder / "cluster" / name
            path.write_text("".join([f"{stranger.pid}\n", *rest]))
            shutil.chown(path, user) if user else None
        async with EmbeddedPostgres(folder) as url:
            assert await read(url) == ["acknowledged"]
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.slow
async def test_killed_while_it_creates_its_cluster(new_folder: Path) -> None:
    """A first start that was killed does not block the next one."""
    process = subprocess.Popen([*HOLDER, str(new_folder)], stdout=subprocess.DEVNULL)
    while process.poll() is None and not (new_folder / "cluster.new" / "base").exists():
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert not (new_folder / "cluster").exists()
    async with EmbeddedPostgres(new_folder) as url:
        await write(url, "fine")


@pytest.mark.parametrize("name", ["x" * 200, "blank é,comma%20&+?#'{folder}"])
@pytest.mark.slow
async def test_any_path(tmp_path: Path, name: str) -> None:
    """The folder may have a path longer than a socket's, or any characters."""
    async with EmbeddedPostgres(tmp_path / name / "postgres") as url:
        await write(url, "here")
        assert await read(url) == ["here"]


@pytest.mark.parametrize("seen", ["cluster.new/base", "cluster/postmaster.pid"])
@pytest.mark.slow
async def test_cancelled_start_leaves_no_server(new_folder: Path, seen: str) -> None:
    """A cancelled start leaves no process, whether it was creating the cluster or waiting for the server."""
    start = asyncio.create_task(EmbeddedPostgres(new_folder).start())
    while not start.done() and not (new_folder / seen).exists():
        await asyncio.sleep(0.001)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    with FileLock(new_folder / "lock") as lock:
        lock.acquire()


async def test_says_why_the_server_ended(folder: Path) -> None:
    """If the server cannot start, the error has its output, and nobody waits endlessly."""
    async with EmbeddedPostgres(folder):
        pass
    (folder / "cluster" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(ConfigurationError, match="incompatible"):
        await EmbeddedPostgres(folder).start()


async def test_reports_that_the_server_ended(folder: Path) -> None:
    """Code that watches the server learns that it ended."""
    postgres = EmbeddedPostgres(folder)
    async with postgres:
        send_signal(server_pid(folder), signal.SIGKILL)
        with pytest.raises(ConfigurationError, match="ended with status -9"):
            await postgres.ended()


def test_lock_is_held_once(tmp_path: Path) -> None:
    """A lock that is held cannot be taken again until it is released."""
    with FileLock(tmp_path / "lock") as first, FileLock(tmp_path / "lock") as second:
        first.acquire()
        with pytest.raises(Locked):
            second.acquire()
    with FileLock(tmp_path / "lock") as third:
        third.acquire()
