"""`privateshare serve` in a process of its own, started and stopped by a test."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.flow.command_line import CommandProcess
from tests.flow.databases import copy_database
from tests.patience import GIVE_UP_SECONDS

Process: TypeAlias = "CommandProcess | subprocess.Popen[str]"
OPERATOR = {
    "PRIVATESHARE_OPERATOR_NAME": "The <Example> Foundation",
    "PRIVATESHARE_OPERATOR_CONTACT": "privacy@example.org",
    "PRIVATESHARE_OPERATOR_PRIVACY_NOTICE": "https://example.org/privacy?a=1&b=2",
}
ONE_PROCESS = {"PRIVATESHARE_PROCESSES": "1"}  # A process that was forked from the tests' own cannot have children.
READY = re.compile(r"https?://[^\s]+(?=\s)")  # Read all of it, because it may be written meanwhile.


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    origin: str
    data: Path
    process: Process
    log: Path


@contextmanager
def serving(data: Path, *, port: int = 0, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Serve a platform on this data folder until the end of the block, in a process group of its own."""
    log = data.with_suffix(".log")
    log.write_text("")
    wanted = {**os.environ, **ONE_PROCESS, **(environment or {})}
    if not data.exists() and "DATABASE_URL" not in wanted:
        copy_database(data)
    with _until_stopped(CommandProcess(_words(data, port), log, log, wanted)) as process:
        yield Served(_address(process, log), data, process, log)


@contextmanager
def serving_as_people_do(
    data: Path, before: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """Serve a platform by `python -m privateshare serve`, which `before` may start."""
    log = data.with_suffix(".log")
    command = [*before, sys.executable, "-m", "privateshare", *_words(data, port=0)]
    wanted = {**os.environ, **OPERATOR, **(environment or {})}
    with log.open("w") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output, text=True, start_new_session=True, env=wanted)
    with _until_stopped(started) as process:
        yield Served(_address(process, log), data, process, log)


def _words(data: Path, port: int) -> list[str]:
    return ["serve", "--data", str(data), "--port", str(port)]


@contextmanager
def _until_stopped(process: Process) -> Iterator[Process]:
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(GIVE_UP_SECONDS)


def _address(process: Process, log: Path) -> str:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        if found := READY.search(log.read_text()):
            return found[0].rstrip("/.")
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}: {log.read_text()}")
        time.sleep(0.05)
    raise AssertionError(f"the server is not ready: {log.read_text()}")
