"""Commands of `privateshare`, each in a process of its own.

A new Python needs seconds of CPU to import the platform, far more than a command or a server needs to start. So they
are forked from a process that has imported it: with arguments, environment, streams and a session of their own.
"""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryDirectory
from typing import Any

from tests.patience import GIVE_UP_SECONDS
from tests.processes import send_signal

CREATE = ("--purpose", "To test", "--redirect-uri", "https://app.example/return?kept=1")

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "privateshare.cli.commands",
        "privateshare.platform.serve",
        "privateshare.platform.library.erasure",
        "privateshare.sdk",
        "uvloop",
        "pyarrow",
        "duckdb",
        "tests.flow.command_line",
        "tests.flow.preloaded",
    ]
)


class CommandProcess:
    """A command that was started; its methods are those of `subprocess.Popen`."""

    def __init__(self, words: Sequence[str], stdout: Path, stderr: Path, environment: Mapping[str, str]) -> None:
        self.args = words
        arguments = (words, dict(environment), Path.cwd(), stdout, stderr)
        self._process = FORKS.Process(target=_become, args=arguments, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, if it has ended; of a signal that ended it, less than 0."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Look whether it has ended; return the exit code if it has."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return the exit code. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise TimeoutExpired(list(self.args), timeout or 0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            send_signal(self.pid, number)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run_command(*arguments: object, environment: Mapping[str, str] | None = None) -> "CompletedProcess[str]":
    """Run `privateshare` with these arguments to its end, in this environment if it is to be another than ours."""
    words = [str(argument) for argument in arguments]
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        command = CommandProcess(words, stdout, stderr, os.environ if environment is None else environment)
        try:
            code = command.wait(GIVE_UP_SECONDS)
        finally:
            command.kill()
        return CompletedProcess(words, code, stdout.read_text("utf-8"), stderr.read_text("utf-8"))


class OperatorCommand:
    """Runs `privateshare` on one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *arguments: object) -> "CompletedProcess[str]":
        return run_command(*arguments, "--data", self.data)

    def json(self, *arguments: object) -> Any:
        """Return what a command that works prints with --json."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def error(self, *arguments: object) -> str:
        """Return what a command that fails says."""
        done = self(*arguments)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr


def _become(words: Sequence[str], environment: dict[str, str], folder: Path, stdout: Path, stderr: Path) -> None:
    """Become the command, in the new process."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in ((1, stdout), (2, stderr)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - it stays open for as long as the process lives
    sys.argv = ["privateshare", *words]
    from privateshare.cli import main

    main()
