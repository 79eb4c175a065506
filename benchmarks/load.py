"""A load of requests from processes of its own, which cost little beside the platform that answers them."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from multiprocessing import get_context

PROCESSES, CONNECTIONS = 2, 8  # The connections are those of each process.


@dataclass(frozen=True)
class Call:
    """A request that may be sent any number of times."""

    path: str
    token: str


def load_processes() -> ProcessPoolExecutor:
    """Start the processes. They run on the cores of this process as they are now."""
    return ProcessPoolExecutor(PROCESSES, get_context("spawn"))


def calls_a_second(
    processes: ProcessPoolExecutor, host: str, port: int, calls: Sequence[Call], seconds: float
) -> float:
    """Send calls on all connections for a while, each in turn, and return how many were answered in a second."""
    counts = [processes.submit(_count_in_process, host, port, calls, seconds) for _ in range(PROCESSES)]
    return sum(count.result() for count in counts)


def _count_in_process(host: str, port: int, calls: Sequence[Call], seconds: float) -> float:
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return sum(threads.map(partial(_count, host, port, calls), [seconds] * CONNECTIONS))


def _count(host: str, port: int, calls: Sequence[Call], seconds: float) -> float:
    began, count, connection = time.time(), 0, HTTPConnection(host, port)
    while time.time() < began + seconds:
        call = calls[count % len(calls)]
        connection.request("GET", call.path, headers={"Authorization": f"Bearer {call.token}"})
        with connection.getresponse() as response:
            response.read()
            assert response.status == 200, response.status
        count += 1
    return count / (time.time() - began)
