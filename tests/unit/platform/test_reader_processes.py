"""Tests of the processes that read archives, and of the one that they are forked from."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.patience import GIVE_UP_SECONDS, wait_for
from tests.processes import children, command_line, is_running, send_signal

from privateshare.platform.reader_processes import ForkedReader, ReaderForks
from privateshare.sources.confinement import ARCHITECTURES
from privateshare.sources.frames import FrameKind, encode_json, read_frame, write_frame
from privateshare.sources.reader_server import MAX_DESCRIPTORS

OTHERS: set[int] = set()  # Platforms of other tests in this process have such processes too.


def servers() -> set[int]:
    return {pid for pid in children() if "reader_server" in command_line(pid)}


def server() -> int:
    """Return the process that the readers of a test are forked from."""
    (found,) = servers() - OTHERS
    return found


@pytest.fixture
def forks() -> Iterator[ReaderForks]:
    OTHERS.clear()
    OTHERS.update(servers())
    started = ReaderForks()
    yield started
    started.close()


def files_of(pid: int) -> dict[int, str]:
    """Return the open files of a reader, once it has taken its pipes."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        found: dict[int, str] = {}
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # The reader closes some meanwhile.
                found[int(path.name)] = os.readlink(path)
        # It copies its pipes to 3 and 4 once it has closed all else, and then gives up its standard output.
        if all(found.get(number, "").startswith("pipe:") for number in (3, 4)) and found.get(1) == "/dev/null":
            return found
        time.sleep(0.01)
    raise AssertionError("the reader does not begin")


def test_a_reader_inherits_nothing(forks: ReaderForks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It sees no environment variable and no file of the platform, and nothing of other readers."""
    monkeypatch.setenv("PRIVATESHARE_MASTER_KEY", "a secret of ours")
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        readers = [forks.start(None) for _ in range(3)]
    pids = children(server())
    assert len(pids) == 3
    pipes: list[str] = []
    for pid in pids:
        names = {line.partition(b"=")[0] for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if line}
        assert names <= {b"LC_CTYPE", b"LD_LIBRARY_PATH"}
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        files = set(files_of(pid).values()) - {"/dev/null"}
        assert {name.partition(":")[0] for name in files} == {"pipe"}
        pipes += files
    assert len(set(pipes)) == len(pipes) == 6
    assert [end(reader) for reader in readers] == [0, 0, 0]


def end(reader: ForkedReader) -> int:
    """Close the pipe from which a reader would get its task, and return its exit code."""
    assert reader.stdin is not None
    reader.stdin.close()
    return reader.wait(GIVE_UP_SECONDS)


def test_one_reader_is_killed_and_others_continue(forks: ReaderForks) -> None:
    """It may be killed several times, also after its end."""
    killed, other = forks.start(None), forks.start(None)
    with pytest.raises(subprocess.TimeoutExpired):
        killed.wait(0.01)
    killed.kill()
    killed.kill()
    assert killed.wait(GIVE_UP_SECONDS) == killed.wait() == -signal.SIGKILL
    killed.kill()
    assert end(other) == 0
    assert not children(server())


def test_a_killed_server_is_replaced(forks: ReaderForks) -> None:
    """Its readers count as killed. The next reader gets another server."""
    lost = forks.start(None)
    (pid,), before = children(server()), server()
    send_signal(before, signal.SIGKILL)
    wait_for(lambda: not is_running(before))
    assert lost.wait(GIVE_UP_SECONDS) == -signal.SIGKILL
    assert end(forks.start(None)) == 0
    assert server() != before
    lost.stdin.close()  # type: ignore[union-attr]
    wait_for(lambda: not is_running(pid))


def test_a_server_sleeps_while_nothing_is_read(forks: ReaderForks) -> None:
    """One that never waits would take a processor for as long as the platform runs."""
    end(forks.start(None))
    wait_for(lambda: ") S" in Path(f"/proc/{server()}/stat").read_text())


def test_a_package_that_cannot_be_imported_does_not_end_the_server(forks: ReaderForks) -> None:
    """Only the reader that needs it fails, and that reader says so itself."""
    assert end(forks.start("no.such.package")) == 0
    before = server()
    assert end(forks.start("privateshare.sources.spotify")) == 0
    assert server() == before


def test_closing_ends_all_readers(forks: ReaderForks) -> None:
    """Nothing is left running, and nothing is started any more."""
    readers = [forks.start(None) for _ in range(2)]
    pids = {server(), *children(server())}
    forks.close()
    wait_for(lambda: not any(is_running(pid) for pid in pids))
    assert all(reader.wait(GIVE_UP_SECONDS) == -signal.SIGKILL for reader in readers)
    with pytest.raises(OSError, match="closed"):
        forks.start(None)


def test_a_reader_of_a_platform_with_many_connections_inherits_no_socket(forks: ReaderForks) -> None:
    """Whatever number the socket to the process that forks has in the platform, no reader keeps it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * MAX_DESCRIPTORS:
        pytest.skip("this system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * MAX_DESCRIPTORS), hard))
    used = [os.open(os.devnull, os.O_RDONLY) for _ in range(MAX_DESCRIPTORS)]
    try:
        reader = forks.start(None)
    finally:
        for descriptor in used:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (pid,) = children(server())
    assert not [name for name in files_of(pid).values() if name.startswith("socket:")]
    assert end(reader) == 0


def test_a_reader_is_confined_before_it_reads(forks: ReaderForks) -> None:
    """Its calls are filtered, and it cannot gain rights, when it asks for the first byte."""
    reader = forks.start(None)
    assert reader.stdin is not None
    assert reader.stdout is not None
    order = {"package": None, "source": None, "schema": None, "size": 100, "provider_account_id": "", "types": None}
    limits = {"stages": False, "marks": None, "cpu_seconds": 20, "memory_megabytes": 1024}
    write_frame(reader.stdin, FrameKind.START, encode_json({**order, **limits}))
    frame = read_frame(reader.stdout, 100)
    assert frame is not None
    assert frame[0] is FrameKind.READ
    (pid,) = children(server())
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == ("2" if os.uname().machine in ARCHITECTURES else "0")
    end(reader)


HOSTILE = """
import os, resource, socket, subprocess, sys, threading, zoneinfo
from privateshare.sources.confinement import confine

confine()

def tried(name, attack):
    try:
        attack()
    except (OSError, subprocess.SubprocessError):
        return
    print(name)

platform, address, key_file, lock = sys.argv[1:]
tried("environment", lambda: open(f"/proc/{platform}/environ", "rb").read())
tried("memory", lambda: open(f"/proc/{platform}/mem", "rb"))
tried("own parent", lambda: os.readlink(f"/proc/{os.getppid()}/fd/1"))
tried("kill", lambda: os.kill(int(platform), 0))
tried("database", lambda: socket.socket(socket.AF_UNIX).connect(address))
tried("network", lambda: socket.socket())
tried("process that outlives it", lambda: os.fork() or os._exit(0))
tried("program", lambda: os.execv("/bin/true", ["true"]))
tried("file", lambda: open(key_file).read())
tried("folder", lambda: os.listdir(os.path.dirname(key_file)))
tried("write", lambda: open(lock, "w"))
tried("mode of a file", lambda: os.chmod(key_file, 0o777))
tried("time of a file", lambda: os.utime(key_file))
tried("limits", lambda: resource.prlimit(int(platform), resource.RLIMIT_NOFILE))
tried("priority", lambda: os.setpriority(os.PRIO_PROCESS, int(platform), 19))
tried("processors", lambda: os.sched_setaffinity(int(platform), os.sched_getaffinity(0)))
tried("remove", lambda: os.remove(key_file))
thread = threading.Thread(target=lambda: None)  # Libraries may use some.
thread.start()
thread.join()
import wave  # A module that is loaded late, and a time zone.
print(zoneinfo.ZoneInfo("Europe/Amsterdam"))
"""


def test_a_reader_that_was_taken_over_reaches_nothing(tmp_path: Path) -> None:
    """Neither the platform's environment, memory and process, nor its database, files, sockets and programs."""
    key_file, address = tmp_path / "master.key", tmp_path / "database"
    key_file.write_text("a secret of ours")
    with socket.socket(socket.AF_UNIX) as database:
        database.bind(str(address))
        database.listen()
        arguments = (str(os.getpid()), str(address), str(key_file), str(tmp_path / "new"))
        ran = subprocess.run(
            (sys.executable, "-I", "-B", "-c", HOSTILE, *arguments),
            capture_output=True,
            text=True,
            check=False,
            env={},  # It could not write down which lines of it ran, as `make coverage` asks it to.
        )
    assert (ran.stdout.splitlines(), ran.stderr) == (["Europe/Amsterdam"], "")
    assert key_file.exists()
