"""`privateshare serve` as its operator sees it: start, stop, die, start again."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from privateshare.platform.embedded.locks import FileLock
from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import FolderInUse, running_platform
from tests.flow.command_line import run_command
from tests.flow.served import Served, serving, serving_as_people_do
from tests.patience import GIVE_UP_SECONDS

ROOT = os.geteuid() == 0


def key_ids(served: Served) -> list[str]:
    """What a platform signs with: made on its first start, and kept."""
    keys = httpx2.get(f"{served.origin}/v1.7/jwks/oauth").json()["keys"]
    return [key["kid"] for key in keys]


def postgres_pid(data: Path) -> int:
    return int((data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])


def test_is_healthy_and_ready(served: Served) -> None:
    """The address it prints answers that it lives and that it can serve."""
    assert httpx2.get(f"{served.origin}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{served.origin}/readyz").json() == {"status": "ok"}


def test_nothing_is_open_to_others(served: Served) -> None:
    """No file or folder of the data folder can be read by another user."""
    found = [served.data, *served.data.rglob("*")]
    assert len(found) > 100
    assert [path for path in found if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stops_cleanly_and_carries_on(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it with status 0 and its PostgreSQL with it; a new start has everything."""
    data = tmp_path / "data"
    with serving(data) as first:
        before = key_ids(first)
        first.process.send_signal(number)
        assert first.process.wait(GIVE_UP_SECONDS) == 0
        assert "Traceback" not in first.log.read_text()
        assert not (data / "postgres" / "cluster" / "postmaster.pid").exists()
    with serving(data) as second:
        assert key_ids(second) == before


def test_stopped_while_it_starts(tmp_path: Path) -> None:
    """A stop in the midst of the first start ends it with status 0, and leaves no process behind."""
    data = tmp_path / "data"
    command = [sys.executable, "-m", "privateshare", "serve", "--data", str(data), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while process.poll() is None and not (data / "postgres" / "cluster.new").exists():
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=GIVE_UP_SECONDS)
    assert process.returncode == 0
    assert told == ""
    with FileLock(data / "postgres" / "lock") as lock:
        lock.acquire()


def test_killed_as_a_group(tmp_path: Path) -> None:
    """After the whole process group and PostgreSQL are killed, the next start at once has everything."""
    data = tmp_path / "data"
    with serving(data) as first:
        before = key_ids(first)
        os.kill(postgres_pid(data), signal.SIGKILL)
        os.killpg(first.process.pid, signal.SIGKILL)
        first.process.wait()
    with serving(data) as second:
        assert key_ids(second) == before


def test_killed_alone(tmp_path: Path) -> None:
    """After a kill of the process alone its PostgreSQL goes too, and the next start at once has everything."""
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
    """A connection on which the server waits for the two bytes of a request's body."""
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


def test_request_under_way_is_answered(tmp_path: Path) -> None:
    """A request that was being read when the stop came gets its answer; a new connection is refused."""
    with serving(tmp_path / "data") as served:
        with request_under_way(served) as connection:
            served.process.send_signal(signal.SIGTERM)
            while is_listening(served):
                time.sleep(0.001)
            connection.sendall(b"{}")
            assert connection.recv(1000).startswith(b"HTTP/1.1 400")
        assert served.process.wait(GIVE_UP_SECONDS) == 0


def test_second_signal_kills(tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for the requests under way."""
    with serving(tmp_path / "data") as served, request_under_way(served):
        served.process.send_signal(signal.SIGINT)
        while is_listening(served):
            time.sleep(0.001)
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(GIVE_UP_SECONDS) == -signal.SIGINT


def test_ends_when_its_postgres_dies(tmp_path: Path) -> None:
    """Without its PostgreSQL it ends with status 1 and says so, for whoever supervises it."""
    data = tmp_path / "data"
    with serving(data) as served:
        os.kill(postgres_pid(data), signal.SIGKILL)
        assert served.process.wait(GIVE_UP_SECONDS) == 1
        assert "PostgreSQL ended with status -9" in served.log.read_text()


async def test_second_on_one_folder(served: Served) -> None:
    """A second platform on a folder in use is refused, and the first goes on."""
    with pytest.raises(FolderInUse, match="another PrivateShare runs on"):
        async with running_platform(Settings(data=served.data)):
            pass
    assert httpx2.get(f"{served.origin}/readyz").status_code == 200


def test_second_on_one_port(served: Served, tmp_path: Path) -> None:
    """A port in use is refused before anything is made."""
    port = served.origin.rsplit(":", 1)[1]
    ended = run_command("serve", "--data", tmp_path / "data", "--port", port)
    assert ended.returncode == 1
    assert "choose another with --port" in ended.stderr
    assert not (tmp_path / "data").exists()


def test_folder_of_other_things(tmp_path: Path) -> None:
    """A folder that holds other things is not taken, and stays as open as it was."""
    (tmp_path / "letters.txt").write_text("private")
    tmp_path.chmod(0o755)
    ended = run_command("serve", "--data", tmp_path, "--port", "0")
    assert ended.returncode == 1
    assert "holds other things" in ended.stderr
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(not ROOT, reason="the other tests run as an ordinary user already")
def test_ordinary_user(tmp_path: Path) -> None:
    """An ordinary user can run it."""
    shutil.chown(tmp_path, "daemon", "daemon")
    tmp_path.parent.chmod(0o755)
    reach_python = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")  # it may be below /root
    before = ("setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups", *reach_python)
    with serving_as_people_do(tmp_path / "data", before) as served:
        assert httpx2.get(f"{served.origin}/readyz").status_code == 200
        assert (served.data / "master.key").owner() == "daemon"


async def test_database_of_ones_own(short_path: Path, tmp_path: Path) -> None:
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
        ("postgresql://me:hidden@127.0.0.1:hidden/mine", "DATABASE_URL must be like"),
        ("hidden", "DATABASE_URL must be like"),
    ],
)
def test_a_database_that_cannot_be_reached_is_told_in_a_line(tmp_path: Path, url: str, named: str) -> None:
    """With what to look at, and without its password."""
    environment = {**os.environ, "DATABASE_URL": url}
    ended = run_command("serve", "--data", tmp_path / "data", "--port", "0", environment=environment)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert named in line
    assert "DATABASE_URL" in line
    assert "hidden" not in line
