"""Commands of `privateshare` that run to their end, each in a process of its own.

A new Python needs more than a second of CPU to import what a command uses, far more than the command itself. So they
are forked from a process that has imported it. `tests/flow/served.py` starts `python -m privateshare` as people do.
"""

import io
import multiprocessing
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

from tests.patience import GIVE_UP_SECONDS

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "privateshare.cli.commands",
        "privateshare.platform.startup",
        "privateshare.platform.library.erasure",
        "privateshare",
        "tests.flow.command_line",
    ]
)


def run_command(*arguments: object, environment: Mapping[str, str] | None = None) -> "CompletedProcess[str]":
    """Run `privateshare` with these arguments, and with this environment if it is to be another than ours."""
    words = [str(argument) for argument in arguments]
    with TemporaryDirectory() as folder:
        outputs = Path(folder, "stdout"), Path(folder, "stderr")
        process = _FORKS.Process(target=_run, args=(words, dict(environment or os.environ), Path.cwd(), *outputs))
        process.start()
        process.join(GIVE_UP_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"the command does not end: {words}")
        stdout, stderr = (output.read_text("utf-8") for output in outputs)
        return CompletedProcess(words, process.exitcode, stdout, stderr)


def _run(words: list[str], environment: dict[str, str], folder: Path, stdout: Path, stderr: Path) -> None:
    """Become the command: with its arguments, environment, folder and streams."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for stream, path in ((sys.stdout, stdout), (sys.stderr, stderr)):
        with path.open("w") as file:
            os.dup2(file.fileno(), stream.fileno())
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(encoding="utf-8")
    sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - it is open for as long as the process is
    sys.argv = ["privateshare", *words]
    from privateshare.cli import main

    main()
