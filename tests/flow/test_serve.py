"""Tests of `privateshare serve` as its operator sees it: start, stop, crash, restart."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import httpx2
import pytest

from privateshare.platform.embedded.locks import FileLock
from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import FolderInUse, running_platform
from privateshare.version import VERSION
from tests.flow.command_line import run_command
from tests.flow.served import Served, serving, serving_as_people_do
from tests.patience import GIVE_UP_SECONDS, wait_for
from tests.processes import kill_group, send_signal

ROOT = os.geteuid() == 0


def key_ids(served: Served) -> list[str]:
    """Return what a platform signs with: made on its first start, and kept."""
    keys = httpx2.get(f"{served.origin}/v1.7/jwks/oauth").json()["keys"]
    return [key["kid"] for key in keys]


def postgres_pid(data: Path) -> int:
    return int((data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])


def test_is_healthy_and_ready(served: Served) -> None:
    """The printed address answers health and readiness checks."""
    assert httpx2.get(f"{served.origin}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{served.origin}/readyz").json() == {"status": "ok"}


def test_says_what_it_does_while_it_starts(served: Served) -> None:
    """A start takes some seconds, so each of its steps is printed before it begins."""
    wait_for(lambda: len(served.log.read_text().splitlines()) >= 6)
    told = served.log.read_text().splitlines()[:6]
    assert told == [
        f"Starting PrivateShare {VERSION}",
        f"Opening the data folder {served.data}",
        "Starting PostgreSQL",
        "Preparing the tables of the database",
        f"PrivateShare is ready at {served.origin}",
        f"All data is in {served.data}. Press Ctrl-C to stop",
    ]


def test_data_is_private_to_its_user(served: Served) -> None:
    """No other user can read a file or folder of the data folder."""
    found = [Path(root, name) for root, *names in os.walk(served.data) for name in ["", *chain(*names)]]
    assert len(found) > 100
    assert [path for path in found if is_open_to_others(path)] == []


def is_open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:  # The platform and PostgreSQL delete files meanwhile.
        return False


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_stops_cleanly_and_restarts(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it and its PostgreSQL with status 0, and a restart has all data."""
    data = tmp_path / "data"
    with serving(data) as first:
        before = key_ids(first)
        first.process.send_signal(number)
        assert first.process.wait(GIVE_UP_SECONDS) == 0
        assert "Traceback" not in first.log.read_text()
        assert not (data / "postgres" / "cluster" / "postmaster.pid").exists()
    with serving(data) as second:
        assert key_ids(second) == before


@pytest.mark.slow
def test_stopped_while_it_starts(tmp_path: Path) -> None:
    """A stop during the first start ends with status 0 and leaves no process."""
    data = tmp_path / "data"
    command = [sys.executable, "-m", "privateshare", "serve", "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while process.poll() is None and not (data / "postgres" / "cluster.new").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=GIVE_UP_SECONDS)
    assert process.returncode == 0
    assert told.splitlines()[1:] == [
        f"Opening the data folder {data}",
        "Creating a PostgreSQL database. This takes some seconds",
    ]
    with FileLock(data / "postgres" / "lock") as lock:
        lock.acquire()


def test_all_data_survives_a_kill_of_the_group(tmp_path: Path) -> None:
    """After the process group and PostgreSQL are killed, an immediate restart has all data."""
    data = tmp_path / "data"
    with serving(data) as first:
        before = key_ids(first)
        send_signal(postgres_pid(data), signal.SIGKILL)
        kill_group(first.process.pid)
        first.process.wait()
    with serving(data) as second:
        assert key_ids(second) == before


def test_postgresql_ends_with_a_killed_server(tmp_path: Path) -> None:
    """After only the process is killed, its PostgreSQL ends too, and an immediate restart has all data."""
    data = tmp_path / "data"
    with serving(data) as first:
        before, orphan = key_ids(first), postgres_pid(data)
        first.process.kill()
        first.process.wait()
    with serving(data) as second:
        assert key_ids(second) == before
        assert postgres_pid(data) != orphan


@contextmanager
def request_under_way(served: Served) -> Iterator[socket.socket]:
    """Provide a connection on which the server waits for the two bytes of a request's body."""
    with socket.create_connection(address(served), timeout=GIVE_UP_SECONDS) as connection:
        start = "POST /v1.7/oauth/authorize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n"
        connection.sendall(f"{start}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        yield connection


def address(served: Served) -> tuple[str, int]:
    host, port = served.origin.removeprefix("http://").split(":")
    return host, int(port)


def is_listening(served: Served) -> bool:
    try:
        socket.create_connection(address(served)).close()
    except ConnectionError:
        return False
    return True


def test_running_requests_are_answered(tmp_path: Path) -> None:
    """A request that was being received at the stop gets its response, and new connections are refused."""
    with serving(tmp_path / "data") as served:
        with request_under_way(served) as connection:
            served.process.send_signal(signal.SIGTERM)
            while is_listening(served):
                time.sleep(0.001)
            connection.sendall(b"{}")
            assert connection.recv(1000).startswith(b"HTTP/1.1 400")
        assert served.process.wait(GIVE_UP_SECONDS) == 0


def test_a_second_signal_ends_the_server_at_once(tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for running requests."""
    with serving(tmp_path / "data") as served, request_under_way(served):
        served.process.send_signal(signal.SIGINT)
        while is_listening(served):
            time.sleep(0.001)
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(GIVE_UP_SECONDS) == -signal.SIGINT


@pytest.mark.slow
def test_ends_when_its_postgresql_dies(tmp_path: Path) -> None:
    """It ends with status 1 and a message, so that a supervisor can restart it."""
    data = tmp_path / "data"
    with serving(data) as served:
        send_signal(postgres_pid(data), signal.SIGKILL)
        assert served.process.wait(GIVE_UP_SECONDS) == 1
        assert "PostgreSQL ended with status -9" in served.log.read_text()


async def test_a_second_platform_on_the_folder_is_rejected(served: Served) -> None:
    """The first platform continues."""
    with pytest.raises(FolderInUse, match="another PrivateShare uses"):
        async with running_platform(Settings(data=served.data)):
            pass
    assert httpx2.get(f"{served.origin}/readyz").status_code == 200


def test_a_used_port_is_rejected(served: Served, tmp_path: Path) -> None:
    """It is rejected before anything is created."""
    port = served.origin.rsplit(":", 1)[1]
    ended = run_command("serve", "--data", tmp_path / "data", "--port", port)
    assert ended.returncode == 1
    assert "choose another with --port" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_with_other_files_is_rejected(tmp_path: Path) -> None:
    """Its content and permissions are not changed."""
    (tmp_path / "letters.txt").write_text("private")
    tmp_path.chmod(0o755)
    ended = run_command("serve", "--data", tmp_path, "--port", "0")
    assert ended.returncode == 1
    assert "contains other files" in ended.stderr
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(not ROOT, reason="the other tests run as an ordinary user already")
@pytest.mark.slow
def test_an_ordinary_user_can_run_it(tmp_path: Path) -> None:
    """No privileges are necessary."""
    shutil.chown(tmp_path, "daemon", "daemon")
    tmp_path.parent.chmod(0o755)
    reach_python = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")  # The interpreter may be below /root.
    before = ("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", *reach_python)
    with serving_as_people_do(tmp_path / "data", before) as served:
        assert httpx2.get(f"{served.origin}/readyz").status_code == 200
        assert (served.data / "master.key").owner() == "daemon"


async def test_an_own_database_can_be_used(short_path: Path, tmp_path: Path) -> None:
    """With DATABASE_URL it uses that database and starts none."""
    async with EmbeddedPostgres(short_path / "postgres") as url:
        with serving(tmp_path / "data", environment={"DATABASE_URL": url}) as served:
            assert len(key_ids(served)) == 1
            assert not (served.data / "postgres").exists()


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://me:hidden@127.0.0.1:1/mine", "127.0.0.1"),
        ("postgresql://me:hidden@127.0.0.1:99999/mine", "99999"),
        ("postgresql://me:hidden@127.0.0.1:0/mine", "port"),
        ("postgresql://me:hidden@127.0.0.1:hidden/mine", "DATABASE_URL must have the form"),
        ("hidden", "DATABASE_URL must have the form"),
    ],
)
def test_an_unreachable_database_is_reported_in_one_line(tmp_path: Path, url: str, named: str) -> None:
    """The line says what to check and does not show the password."""
    environment = {**os.environ, "DATABASE_URL": url}
    ended = run_command("serve", "--data", tmp_path / "data", "--port", "0", environment=environment)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert named in line
    assert "DATABASE_URL" in line
    assert "hidden" not in line
