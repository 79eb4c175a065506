"""A benchmark of long polls: what the platform needs while thousands of apps' requests wait for changes.

The sessions wait for syncs that no worker runs, so that nothing changes. Memory is what the processes of the platform,
PostgreSQL included, have more of it than before; CPU time is that of all of them. At the end, the syncs of some
sessions end, and the benchmark prints after which time their apps know.

    python -m benchmarks.serve polls
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psutil
from sqlalchemy import update
from tests.flow.many_files import add_files
from tests.flow.people import People
from tests.flow.served import Served, serving_as_people_do
from tests.flow.sessions import triggered
from tests.flow.wire import Tokens, Wire

from privateshare.platform.db.tables import SyncRow
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform

WAIT_SECONDS = 30
POLLS = 2000
PEOPLE, FILES, FILE_BYTES = 100, 12, 4 * 1024
SETTLED_SECONDS, SETTLED_SHARE, MEASURED_SECONDS = 3, 0.3, 10.0
CHANGED = 10


@dataclass
class Polling:
    """A connection whose request waits."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    held: tuple[str, str, str] = ("", "", "")  # What is sent to wait for a change.

    @classmethod
    async def connect(cls, origin: str) -> "Polling":
        """Connect to the platform."""
        address = urlsplit(origin)
        return cls(*await asyncio.open_connection(address.hostname, address.port))

    async def send(self, path: str, token: str, etag: str = "") -> None:
        """Send a request for the list of a session."""
        condition = f"If-None-Match: {etag}\r\n" if etag else ""
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{condition}\r\n".encode()
        )
        await self.writer.drain()

    async def receive(self) -> tuple[int, str]:
        """Return the status of the response and its ETag."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if length := int(headers.get("content-length", "0")):
            await self.reader.readexactly(length)
        return int(head[0].split()[1]), headers.get("etag", "")


def processes_of(pid: int) -> list[psutil.Process]:
    """List the processes of the platform, PostgreSQL included."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def memory_bytes(pid: int) -> int:
    """Return the memory that only these processes use."""
    return sum(int(process.memory_full_info().uss) for process in processes_of(pid))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of these processes so far."""
    times = [process.cpu_times() for process in processes_of(pid)]
    return float(sum(one.user + one.system for one in times))


async def make_sessions(people: People, number: int) -> list[tuple[Wire, Tokens, str]]:
    """Make people with files, and sessions of theirs that wait for a sync."""
    wire = await people.contract()
    persons = [(await people.user(wire))[0] for _ in range(min(PEOPLE, number))]
    for tokens in persons:
        await add_files(people.platform, await people.library_of(tokens), FILES, FILE_BYTES)
    chosen = [persons[position % len(persons)] for position in range(number)]
    return [(wire, tokens, await asyncio.to_thread(triggered, wire, tokens)) for tokens in chosen]


async def connect(origin: str, sessions: Sequence[tuple[Wire, Tokens, str]]) -> list[Polling]:
    """Open a connection for each session, and read its list."""
    polls = []
    for wire, tokens, session in sessions:
        path = urlsplit(wire.url(f"permission-access/query/{session}")).path
        polling = await Polling.connect(origin)
        await polling.send(path, wire.jwt(access_token=tokens.access))
        status, etag = await polling.receive()
        assert status == 200, status
        polling.held = f"{path}?wait={WAIT_SECONDS}", wire.jwt(access_token=tokens.access), etag
        polls.append(polling)
    return polls


async def settle(pid: int) -> None:
    """Wait until the platform has read all these requests, and does little."""
    used, quiet = cpu_seconds(pid), 0
    while quiet < SETTLED_SECONDS:
        await asyncio.sleep(1)
        used, before = cpu_seconds(pid), used
        quiet = quiet + 1 if used - before < SETTLED_SHARE else 0


async def end_syncs(people: People, sessions: Sequence[tuple[Wire, Tokens, str]]) -> None:
    """End the syncs of these people."""
    libraries = {await people.library_of(tokens) for _, tokens, _ in sessions}
    async with people.platform.database.transaction() as db:
        ended = update(SyncRow).where(SyncRow.library_id.in_(libraries))
        await db.execute(ended.values(outcome="completed", finished_at=datetime.now(UTC)))


async def measure_polls() -> None:
    """Print what the platform needs while requests wait."""
    settings = {
        "PRIVATESHARE_WORKERS": "0",
        "PRIVATESHARE_PROCESSES": "2",
        "PRIVATESHARE_SIGNED_CALLS_PER_MINUTE": "10000000",
    }
    with (
        TemporaryDirectory(prefix="ps-") as name,
        serving_as_people_do(Path(name) / "data", environment=settings) as served,
    ):
        async with operator_platform(Settings(data=served.data, database_pool_size=5)) as platform:
            people = People(platform, served.origin)
            sessions = await make_sessions(people, POLLS)
            await _measure(served, people, sessions)


async def _measure(served: Served, people: People, sessions: Sequence[tuple[Wire, Tokens, str]]) -> None:
    pid = served.process.pid
    polls = await connect(served.origin, sessions)
    memory = memory_bytes(pid)
    for polling in polls:
        await polling.send(*polling.held)
    await settle(pid)
    used, began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(MEASURED_SECONDS)
    share = (cpu_seconds(pid) - used) / (time.monotonic() - began)
    more = (memory_bytes(pid) - memory) / 1e6
    print(
        f"{len(polls)} held long polls: {share:.1%} of a core (goal 5 %), {more:.0f} MB more memory (goal 100)",
        flush=True,
    )
    began = time.monotonic()
    await end_syncs(people, sessions[-CHANGED:])

    async def known(poll: Polling) -> float:
        status, _ = await poll.receive()
        assert status == 200, status
        return time.monotonic() - began

    times = await asyncio.gather(*(known(poll) for poll in polls[-CHANGED:]))
    print(f"a change is known after {statistics.median(times):.1f} s, the last after {max(times):.1f} s")
