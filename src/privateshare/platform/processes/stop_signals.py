"""Stopping at SIGINT and SIGTERM."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

STOP_SECONDS = 6  # Requests and syncs in progress get this time to finish. Containers are killed after ten seconds.
ABORT_SECONDS = 2  # A sync that was cancelled gets this time to put its job back into the queue.


@contextmanager
def until_stop_signal(*numbers: signal.Signals) -> Iterator[None]:
    """Cancel the `with` block at the first of these signals. A second signal kills the process as usual."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    assert task is not None
    stop_requested = asyncio.Event()

    def stop() -> None:
        stop_requested.set()
        task.cancel()
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not stop_requested.is_set():
            raise
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
