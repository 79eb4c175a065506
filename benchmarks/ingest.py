"""A benchmark of importing archives: how fast each stage is, how soon the first file is there, and what a second costs.

    python -m benchmarks.ingest                   300,000 plays; `--plays N` for another number
    python -m benchmarks.ingest --health 1024     1,000,000 plays, and an Apple Health export of 1024 MB

First each stage runs alone, as `ingest_stages.py` describes. Then a platform imports the archive as a person uploads
it, the same archive again, and at the end one that has one percent more. An archive is read while it is uploaded, and
its objects are kept until the import merges and writes them; the two are shown apart and together. The pages that renew
themselves, and the app that asks if the import is over, add some seconds, which matter only for small archives.

The memory is the most that any process of the platform used, without PostgreSQL's. During the first import a process of
its own sends requests that do nothing, which shows how much the import slows down the process that serves.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median

import httpx2
import psutil
from examples.walking import Browser
from sqlalchemy import func, select
from tests.flow.consenting import Asking, add_found, ask, asking_contract, page_of, refer
from tests.flow.people import SPOTIFY, People
from tests.flow.served import serving_as_people_do
from tests.flow.wire import Tokens, Wire

from benchmarks.ingest_stages import (
    MEGABYTE,
    Work,
    export_health,
    export_plays,
    parse_health,
    parse_plays,
    print_stages,
)
from privateshare.platform.db.tables import FileRow, SyncRow
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform

PLAYS, PLAYS_OF_SYNC = 300_000, 1_000_000
APPLE_HEALTH = 260
MORE = 1.01  # The second archive has so many times as much as the first.
IDLE_SECONDS = 5
PAUSE_SECONDS = 0.02
UPLOAD_SECONDS = 3600  # A form is answered when its file was read.
GOAL_SLOWDOWN = 0.1
GOAL_PLAYS, GOAL_FIRST_SECONDS, GOAL_MB, GOAL_MB_OF_SYNC, GOAL_SECOND = 50_000, 3, 200, 300, 0.3
LARGE_UPLOADS = {"PRIVATESHARE_MAX_UPLOAD_BYTES": str(16 * 1024 * MEGABYTE)}


@dataclass
class Memory:
    """The most memory that any process of a platform used, in megabytes, without PostgreSQL's."""

    megabytes: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def watch(self, pid: int) -> None:
        """Look at all processes until it is stopped."""
        while not self.stopped.wait(0.1):
            server = psutil.Process(pid)
            for process in [server, *server.children(recursive=True)]:
                try:
                    if not process.name().startswith("postgres"):
                        self.megabytes = max(self.megabytes, process.memory_info().rss // MEGABYTE)
                except psutil.NoSuchProcess:
                    continue


@contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """Watch the memory of a platform inside the block."""
    memory = Memory()
    thread = threading.Thread(target=memory.watch, args=(pid,))
    thread.start()
    try:
        yield memory
    finally:
        memory.stopped.set()
        thread.join()


def ask_until(origin: str, ready: Event, stopped: Event, times: "multiprocessing.Queue[list[float]]") -> None:
    """Send requests that do nothing until it is stopped, and tell how many seconds each took."""
    seconds: list[float] = []
    with httpx2.Client(base_url=origin) as client:
        while not stopped.is_set():
            began = time.perf_counter()
            client.get("/healthz").raise_for_status()
            seconds.append(time.perf_counter() - began)
            ready.set()
            time.sleep(PAUSE_SECONDS)
    times.put(seconds)


@contextmanager
def answering(origin: str) -> Iterator[list[float]]:
    """Send requests that do nothing inside the block, from another process. Then the list has the seconds of each."""
    context = multiprocessing.get_context("spawn")
    found: list[float] = []
    ready, stopped, times = context.Event(), context.Event(), context.Queue()
    process = context.Process(target=ask_until, args=(origin, ready, stopped, times))
    process.start()
    ready.wait()
    try:
        yield found
    finally:
        stopped.set()
        found += times.get()
        process.join()


@dataclass
class Imported:
    """What an import took, in seconds since the upload began: until all was read, the first file was there, and all."""

    read: float
    first: float
    whole: float
    objects: int

    @property
    def imported(self) -> float:
        """How long the import took after the archive was read."""
        return self.whole - self.read


@dataclass
class Uploader:
    """A person who uploads archives of one source for an app, one after the other.

    The links name no source. If they named Apple Health, the app would read it itself, on the person's phone.
    """

    wire: Wire
    source: int
    browser: Browser = field(default_factory=lambda: Browser(httpx2.Client(timeout=UPLOAD_SECONDS)))
    tokens: Tokens | None = None

    def upload(self, path: Path) -> int:
        """Upload an archive, and wait until all of it is there. Return the number of objects of the account."""
        if self.tokens is None:
            asking = ask(self.wire)
            self._send(asking, path)
            assert page_of(self.browser) == "consent", self.browser.page and self.browser.page.html
            self.browser.submit("continue")
            self.tokens = asking.tokens(str(self.browser.left_to))
        else:
            asking = refer(self.wire, "onboard", self.tokens.access)
            self._send(asking, path)
            assert self.browser.left_to is not None, self.browser.page and self.browser.page.html
        return self._wait(asking.session, self.tokens)

    def _send(self, asking: Asking, path: Path) -> None:
        self.browser.left_to = None
        self.browser.open(asking.url)
        assert page_of(self.browser) == "pick-source"
        assert self.browser.page is not None
        self.browser.page.choose("source-id", str(self.source))
        self.browser.submit("continue")
        assert page_of(self.browser) == "connect"
        self.browser.submit("continue", file=path)
        add_found(self.browser)

    def _wait(self, session: str, tokens: Tokens) -> int:
        while True:
            answer = self.wire.get(f"permission-access/query/{session}", access_token=tokens.access).json()
            if answer["status"]["state"] not in ("running", "pending"):
                break
            time.sleep(0.2)
        assert answer["status"]["state"] == "completed", answer["status"]
        return sum(entry.get("objectCount", 0) for entry in answer["fileList"])


async def import_archive(platform: Platform, person: Uploader, path: Path) -> Imported:
    """Upload an archive, and look in the database when it was imported."""
    began = datetime.now(UTC)
    objects = await asyncio.to_thread(person.upload, path)
    async with platform.database.session() as db:
        syncs = list(await db.scalars(select(SyncRow).where(SyncRow.started_at > began).order_by(SyncRow.started_at)))
        written = await db.scalar(
            select(func.min(FileRow.updated_at)).where(FileRow.updated_at > began.timestamp() * 1000)
        )
    started, ended = syncs[0].started_at, syncs[-1].finished_at
    assert started is not None
    assert ended is not None
    first = (written or 0) / 1000 - began.timestamp()
    return Imported((started - began).total_seconds(), first, (ended - began).total_seconds(), objects)


async def print_platform(work: Work, more: Path, folder: Path, goal_mb: int) -> None:
    """Print what a platform takes, for the archive and for one that has a little more."""
    with (
        serving_as_people_do(folder / "data", environment=LARGE_UPLOADS) as running,
        watched(running.process.pid) as memory,
    ):
        async with operator_platform(Settings(data=running.data, database_pool_size=2)) as platform:
            group = work.opened_source().info.service_group
            document = {"dataRequest": {"serviceGroups": [{"id": int(group)}]}}
            wire = await asking_contract(People(platform, running.origin), document=document)
            person = Uploader(wire, work.source)
            with answering(running.origin) as idle:
                await asyncio.sleep(IDLE_SECONDS)
            with answering(running.origin) as busy:
                one = await import_archive(platform, person, work.path)
            again = await import_archive(platform, person, work.path)
            two = await import_archive(platform, person, more)
    print_import(work, one)
    print_second("the same archive again", again, one)
    print_second("one with 1 % more", two, one)
    answered = median(busy)
    slower = answered / median(idle) - 1
    print(f"answers meanwhile          {1000 * answered:7.1f} ms {slower:+10.0%} (goal: {GOAL_SLOWDOWN:+.0%})")
    print(f"peak memory                {memory.megabytes:7} MB (goal: {goal_mb} MB)\n", flush=True)


def print_import(work: Work, one: Imported) -> None:
    """Print what the first import took."""
    goal = f" (goal: {GOAL_PLAYS:,})" if work.source == SPOTIFY else ""
    for name, seconds in (("upload and read", one.read), ("import what was read", one.imported)):
        print(f"{name:26} {seconds:7.1f} s {one.objects / seconds:11,.0f} objects/s")
    print(f"{'both together':26} {one.whole:7.1f} s {one.objects / one.whole:11,.0f} objects/s{goal}")
    goal = f" (goal: {GOAL_FIRST_SECONDS} s)" if work.source == SPOTIFY else ""
    print(f"{'first file after':26} {one.first:7.1f} s, {one.first - one.read:.1f} s after it was read{goal}")


def print_second(name: str, found: Imported, one: Imported) -> None:
    """Print what another import took, in comparison with the first."""
    share = f"{found.whole / one.whole:11.0%} of the first (goal: {GOAL_SECOND:.0%})"
    parts = f"{found.read:.1f} s upload and read, {found.imported:.1f} s import"
    print(f"{name:26} {found.whole:7.1f} s {share}: {parts}, {found.imported / one.imported:.0%} of the first import")


async def main() -> None:
    """Import the archives that the arguments ask for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plays", type=int)
    parser.add_argument("--health", type=int, metavar="MEGABYTES")
    given = parser.parse_args()
    plays = given.plays or (PLAYS_OF_SYNC if given.health else PLAYS)
    goal_mb = GOAL_MB_OF_SYNC if given.health else GOAL_MB
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("stages", "spotify", "health"):
            (folder / part).mkdir()
        first, second = folder / "plays.zip", folder / "more.zip"
        export_plays(first, plays)
        export_plays(second, int(plays * MORE))
        work = Work("Plays", SPOTIFY, first, parse_plays)
        print_stages(work, folder / "stages")
        await print_platform(work, second, folder / "spotify", goal_mb)
        if given.health:
            first, second = folder / "export.xml", folder / "more.xml"
            export_health(first, given.health)
            export_health(second, given.health * MORE)
            work = Work("Apple Health", APPLE_HEALTH, first, parse_health)
            print_stages(work, folder / "stages")
            await print_platform(work, second, folder / "health", goal_mb)


if __name__ == "__main__":
    asyncio.run(main())
