"""Processes that may end at any moment: signals to them, and what /proc says about them.

Whoever started a process learns a moment later that it has ended. Until then it seems to run.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

GONE = (FileNotFoundError, ProcessLookupError)  # Which one depends on whether it ended before a file was opened.


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a process a signal, unless it has ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_group(pid: int) -> None:
    """Kill all processes of the group that a process leads, unless all of them have ended."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def children(parent: int | str = "self") -> set[int]:
    """Return the processes that a process started, this one unless another is named. Threads may end meanwhile."""
    found: set[int] = set()
    with suppress(*GONE):
        for task in Path(f"/proc/{parent}/task").iterdir():
            with suppress(*GONE):
                found |= {int(child) for child in (task / "children").read_text().split()}
    return found


def descendants(parent: int) -> set[int]:
    """Return the processes that a process started, and those that they started."""
    found = children(parent)
    return found.union(*(descendants(child) for child in found))


def command_line(pid: int) -> str:
    """Return the command line of a process, with a null character after each word; nothing if it has ended."""
    with suppress(*GONE):
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
    return ""


def is_running(pid: int) -> bool:
    """Return whether a process runs. One that has ended and was not waited for yet has no command line."""
    return command_line(pid) != ""
