"""`privateshare serve` as a process of its own, started and stopped by a test."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import GIVE_UP_SECONDS

READY = re.compile(r"https?://[^\s]+(?=\s)")  # all of it: it may be read while it is written


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    origin: str
    data: Path
    process: "subprocess.Popen[str]"
    log: Path


@contextmanager
def serving(
    data: Path, *, port: int = 0, environment: Mapping[str, str] | None = None, before: Sequence[str] = ()
) -> Iterator[Served]:
    """A platform on this data folder, in a process group of its own, stopped at the end; `before` starts it."""
    log = data.with_suffix(".log")
    command = [*before, sys.executable, "-m", "privateshare", "serve", "--data", str(data), "--port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield Served(_address(process, log), data, process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(GIVE_UP_SECONDS)


def free_port() -> int:
    """A port of this machine that nothing listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _address(process: "subprocess.Popen[str]", log: Path) -> str:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        if found := READY.search(log.read_text()):
            return found[0].rstrip("/.")
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {log.read_text()}")
        time.sleep(0.05)
    raise AssertionError(f"the server is not ready: {log.read_text()}")
