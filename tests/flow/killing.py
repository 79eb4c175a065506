"""Killing the readers of archives that a running platform has started."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.flow.served import Served
from tests.patience import GIVE_UP_SECONDS


@contextmanager
def reader_killed_once(served: Served) -> Iterator[None]:
    """Kill the first reader that this platform starts meanwhile, and wait until that is done."""
    with ThreadPoolExecutor(1) as threads:
        killed = threads.submit(kill_a_reader, served)
        yield
        assert killed.result()


def kill_a_reader(served: Served) -> bool:
    """Kill the next reader of this platform, and return whether there was one."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        for server in descendants(served.process.pid):
            with suppress(OSError):
                if b"reader_server" in Path(f"/proc/{server}/cmdline").read_bytes():
                    for pid in descendants(server):
                        os.kill(pid, signal.SIGKILL)
                        return True
        time.sleep(0.005)
    return False


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that this one started, and those started."""
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from descendants(int(child))
