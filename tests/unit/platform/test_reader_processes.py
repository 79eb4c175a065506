"""Tests of the processes that read archives, and of the one that they are forked from."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.patience import GIVE_UP_SECONDS

from privateshare.platform.reader_processes import ForkedReader, ReaderForks


@pytest.fixture
def forks() -> Iterator[ReaderForks]:
    started = ReaderForks()
    yield started
    started.close()


def children(pid: int | str) -> set[int]:
    """Return the processes that a process started."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # Threads of other tests end meanwhile.
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def server() -> int:
    """Return the process that this process's readers are forked from."""
    (found,) = [pid for pid in children("self") if b"reader_server" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found


def until_gone(pid: int) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while Path(f"/proc/{pid}").exists() and ") Z" not in Path(f"/proc/{pid}/stat").read_text():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def files_of(pid: int) -> dict[int, str]:
    """Return the open files of a reader, once it has taken its pipes."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        found = {int(path.name): os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}
        if found.get(0, "").startswith("pipe:") and found.get(1) == "/dev/null":
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
    os.kill(before, signal.SIGKILL)
    until_gone(before)
    assert lost.wait(GIVE_UP_SECONDS) == -signal.SIGKILL
    assert end(forks.start(None)) == 0
    assert server() != before
    lost.stdin.close()  # type: ignore[union-attr]
    until_gone(pid)


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
    for pid in pids:
        until_gone(pid)
    assert all(reader.wait(GIVE_UP_SECONDS) == -signal.SIGKILL for reader in readers)
    with pytest.raises(OSError, match="closed"):
        forks.start(None)
