"""What can be done to the parts of a platform: their processes, the store, and the connections of apps."""

import asyncio
import random
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psutil

from tests.chaos.link import Link
from tests.chaos.s3_server import Faults
from tests.chaos.store import FaultyStore
from tests.processes import send_signal

Fault = Callable[[random.Random], Awaitable[str]]
LONGEST_PAUSE_SECONDS = 4.0
SLOW_SHARE, SLOW_TURN_SECONDS = 0.8, 0.05  # Of the time that a slow process stands still.
ROOM_BYTES = 100_000  # On a full disk, no file can become larger than this.


class StoreFaults:
    """What can be done to the store of files and keys."""

    def __init__(self, store: FaultyStore) -> None:
        self._store = store

    def all(self) -> list[Fault]:
        """Return all of it."""
        return [self.kill, self.pause, self.slow, self.fail, self.break_off, self.fill_disk]

    async def kill(self, chance: random.Random) -> str:
        """Kill the store, and start it again a moment later."""
        await asyncio.to_thread(self._store.kill)
        await a_while(chance)
        await asyncio.to_thread(self._store.start)
        return "the store is killed"

    async def pause(self, chance: random.Random) -> str:
        """Pause the store."""
        await pause([self._store.pid], chance)
        return "the store is paused"

    async def slow(self, chance: random.Random) -> str:
        """Let the store answer slowly."""
        await self._have(Faults(delay_seconds=chance.uniform(0.1, 1.0)), chance)
        return "the store is slow"

    async def fail(self, chance: random.Random) -> str:
        """Let the store answer 500."""
        await self._have(Faults(fails=True), chance)
        return "the store answers 500"

    async def break_off(self, chance: random.Random) -> str:
        """Let the store end its connections in the middle of its answers, after it has done what was asked."""
        await self._have(Faults(breaks_off=True), chance)
        return "the store breaks off its answers"

    async def fill_disk(self, chance: random.Random) -> str:
        """Let the store write only small objects."""
        with no_room(lambda: [psutil.Process(self._store.pid)]):
            await a_while(chance)
        return "the store's disk is full"

    async def _have(self, faults: Faults, chance: random.Random) -> None:
        self._store.have(faults)
        await a_while(chance)
        self._store.have(Faults())


class LinkFaults:
    """What can be done to the connections of apps."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def cut(self, chance: random.Random) -> str:
        """Cut connections in the middle of requests and responses, for a while."""
        self._link.is_cutting = True
        await a_while(chance)
        self._link.is_cutting = False
        return "connections of apps are cut in the middle of requests and responses"


async def a_while(chance: random.Random) -> None:
    """Wait for a while."""
    await asyncio.sleep(chance.uniform(0.5, LONGEST_PAUSE_SECONDS))


async def pause(pids: Sequence[int], chance: random.Random) -> None:
    """Let processes stand still for a while."""
    await _pause_for(pids, chance.uniform(0.2, LONGEST_PAUSE_SECONDS))


async def slow(pids: Callable[[], Sequence[int]], chance: random.Random) -> None:
    """Let processes stand still most of the time, for a while."""
    until = asyncio.get_running_loop().time() + chance.uniform(0.5, LONGEST_PAUSE_SECONDS)
    while asyncio.get_running_loop().time() < until:
        await _pause_for(pids(), SLOW_TURN_SECONDS * SLOW_SHARE)
        await asyncio.sleep(SLOW_TURN_SECONDS * (1 - SLOW_SHARE))


@contextmanager
def no_room(processes: Callable[[], list[psutil.Process]]) -> Iterator[None]:
    """Limit the size of the files of some processes, as if their disk were full. New processes inherit the limit."""
    _limit_files(processes(), str(ROOM_BYTES))
    try:
        yield
    finally:
        _limit_files(processes(), "unlimited")


def _limit_files(processes: list[psutil.Process], size: str) -> None:
    for process in processes:
        with suppress(psutil.Error):  # Only their own user may change the limits of PostgreSQL's processes.
            command = ["prlimit", "--pid", str(process.pid), f"--fsize={size}:"]
            subprocess.run(command, user=process.uids().real, check=False, capture_output=True)


async def _pause_for(pids: Sequence[int], seconds: float) -> None:
    for pid in pids:
        send_signal(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        for pid in pids:
            send_signal(pid, signal.SIGCONT)
