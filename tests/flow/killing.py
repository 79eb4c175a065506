"""Killing the readers of archives that a running platform has started."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.flow.served import Served
from tests.patience import GIVE_UP_SECONDS
from tests.processes import children, command_line, descendants, send_signal


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
            if "reader_server" in command_line(server):
                for pid in children(server):
                    send_signal(pid, signal.SIGKILL)
                    return True
        time.sleep(0.005)
    return False
