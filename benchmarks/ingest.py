"""A benchmark of importing archives: how fast each stage is, how soon the first file is there, and what a second costs.

    python -m benchmarks.ingest                   300,000 plays; `--plays N` for another number
    python -m benchmarks.ingest --health 1024     1,000,000 plays, and an Apple Health export of 1024 MB

First each stage runs alone, in a process of its own, with the CPU time that it takes: the parser (orjson for plays,
lxml's iterparse for Apple Health), reading and mapping, collecting, merging, and writing, which is compressing, sealing
and storing. Then a platform imports the archive as a person uploads it, the same archive again, and at the end one with
a little more in it. The import begins as soon as the archive is uploaded, to show what is in it. The memory is the most
that any process of the platform used, without PostgreSQL's. During the first import the platform also answers requests
that do nothing, which shows how much the import slows down the process that serves.
"""

import argparse
import asyncio
import multiprocessing
import resource
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import BinaryIO, cast
from uuid import uuid4

import httpx2
import orjson
import psutil
from examples.walking import Browser
from lxml import etree
from sqlalchemy import func, select
from tests.archives import play
from tests.flow.consenting import ask, asking_contract, page_of, refer
from tests.flow.people import EVERYTHING, SPOTIFY, People
from tests.flow.served import serving_as_people_do
from tests.flow.wire import Tokens, Wire

from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.db.tables import FileRow, SyncRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from privateshare.sources.apple_health.sample.writing import ExportWriter
from privateshare.sources.archive_sources import package_of_source, source_of
from privateshare.sources.contract import Connection, Page
from privateshare.sources.entries import Entry, page_entries

PLAYS, PLAYS_OF_SYNC = 300_000, 1_000_000
PLAYS_IN_A_FILE = 16_000  # Spotify splits exports into files of this size.
APPLE_HEALTH = 260
DAYS = 1826
MEGABYTES_OF_A_SAMPLE_AN_HOUR = 58  # The size of an export of this many days.
MEGABYTE = 1024 * 1024
MORE = 1.01  # The second archive has so many times as much as the first.
IDLE_SECONDS = 5
PAUSE_SECONDS = 0.02
GOAL_SLOWDOWN = 0.1
GOAL_PLAYS, GOAL_FIRST_SECONDS, GOAL_MB, GOAL_MB_OF_SYNC, GOAL_SECOND, GOAL_SHARE = 50_000, 3, 200, 300, 0.3, 0.6
ACCOUNT = uuid4()


@dataclass(frozen=True)
class Work:
    """An archive to import, and the source that reads it."""

    name: str
    source: int
    path: Path
    parse: Callable[[str], int]


def export_plays(path: Path, plays: int) -> None:
    """Generate an export of this many plays, one every 1000 seconds since 2016."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, start in enumerate(range(0, plays, PLAYS_IN_A_FILE)):
            lines = [line(index) for index in range(start, min(plays, start + PLAYS_IN_A_FILE))]
            archive.writestr(f"MyData/Streaming_History_Audio_{number}.json", orjson.dumps(lines))


def line(number: int) -> dict[str, object]:
    """Generate one play."""
    moment = time.gmtime(1_451_606_400 + number * 1000)
    return play(number, ts=time.strftime("%Y-%m-%dT%H:%M:%SZ", moment), spotify_track_uri=f"spotify:track:{number:022}")


def parse_plays(path: str) -> int:
    """Decompress and parse the whole export, which is what nobody can do without."""
    with zipfile.ZipFile(path) as archive:
        return sum(len(orjson.loads(archive.read(name))) for name in archive.namelist())


def export_health(path: Path, megabytes: int) -> None:
    """Generate an Apple Health export of five years of about this size."""
    density = max(1, round(megabytes / MEGABYTES_OF_A_SAMPLE_AN_HOUR))
    with path.open("wb") as file:
        file.writelines(ExportWriter(datetime(2020, 1, 1), DAYS, density).export())


def parse_health(path: str) -> int:
    """Parse an export, and forget each element."""
    count = 0
    for _, element in etree.iterparse(path, tag="Record", resolve_entities=False, no_network=True, load_dtd=False):
        count += 1
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


# --- each stage alone ---


@dataclass
class Stage:
    """What a stage took: CPU seconds without those of the stages before it, and the objects that came out."""

    name: str
    seconds: float
    objects: int


def entries_of(source_id: int, path: str) -> Iterator[tuple[int, Entry]]:
    """Read and map an archive."""
    source = source_of(package_of_source()[source_id], source_id)
    with Path(path).open("rb") as archive:
        connection = Connection(archive=cast(BinaryIO, archive), provider_account_id="x")
        for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
            if isinstance(page, Page):
                yield from page_entries(source.info.schema, page)


def run_stages(source_id: int, path: str, folder: str) -> list[Stage]:
    """Run the stages one after the other."""
    stages, began = [], time.process_time()

    def ended(name: str, objects: int) -> None:
        nonlocal began
        stages.append(Stage(name, time.process_time() - began, objects))
        began = time.process_time()

    ended("read and map", sum(1 for _ in entries_of(source_id, path)))
    schema = source_of(package_of_source()[source_id], source_id).info.schema
    read_seconds = stages[0].seconds
    with ObjectBuffer(schema) as buffer:
        for object_type, entry in entries_of(source_id, path):
            buffer.add_entry(object_type, entry)
        began += read_seconds  # They were read a second time, to be collected.
        ended("collect", stages[0].objects)
        merges = [plan_merge(buffer, object_type, tuple) for object_type in buffer.object_types()]
        ended("merge", stages[0].objects)
        library = OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"k" * 32})
        files, written = MappedFiles(LocalBlobs(Path(folder)), library), 0
        for merge in merges:
            for slot in merge.slots:
                parts = files.write_slot(ACCOUNT, schema, [], merge.entries(slot))
                written += sum(part.object_count for part in parts)
        ended("compress, seal and store", written)
    return stages


def parse_alone(work: Work) -> list[Stage]:
    """Run the parser."""
    began = time.process_time()
    objects = work.parse(str(work.path))
    return [Stage("parser alone", time.process_time() - began, objects)]


def measured(
    work: Work, folder: str, results: "multiprocessing.Queue[tuple[list[Stage], int]]", *, alone: bool
) -> None:
    """Run the parser or the stages, and tell what they took and the megabytes."""
    stages = parse_alone(work) if alone else run_stages(work.source, str(work.path), folder)
    results.put((stages, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def in_own_process(work: Work, folder: str, *, alone: bool) -> tuple[list[Stage], int]:
    """Run the parser or the stages in a process of its own, for its memory."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[list[Stage], int]] = context.Queue()
    process = context.Process(target=measured, args=(work, folder, results), kwargs={"alone": alone})
    process.start()
    found = results.get()
    process.join()
    return found


def print_stages(work: Work, folder: Path) -> None:
    """Print what each stage takes alone."""
    (parser,), _ = in_own_process(work, str(folder), alone=True)
    print(f"{work.name}\n{parser.name:26} {parser.seconds:7.1f} s {parser.objects / parser.seconds:11,.0f} objects/s")
    stages, memory = in_own_process(work, str(folder), alone=False)
    for stage in stages:
        print(f"{stage.name:26} {stage.seconds:7.1f} s {stage.objects / stage.seconds:11,.0f} objects/s")
    share = parser.seconds / stages[0].seconds
    print(f"reading and mapping has {share:.0%} of the parser's speed (goal: {GOAL_SHARE:.0%}); peak {memory} MB")


# --- the platform ---


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


@dataclass
class Answers:
    """How long requests take that do nothing, in seconds, in the order in which they were sent."""

    origin: str
    seconds: list[float] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask until it is stopped."""
        with httpx2.Client(base_url=self.origin) as client:
            while not self.stopped.wait(PAUSE_SECONDS):
                began = time.perf_counter()
                client.get("/healthz").raise_for_status()
                self.seconds.append(time.perf_counter() - began)


@contextmanager
def answering(origin: str) -> Iterator[Answers]:
    """Ask a platform inside the block."""
    answers = Answers(origin)
    thread = threading.Thread(target=answers.ask)
    thread.start()
    try:
        yield answers
    finally:
        answers.stopped.set()
        thread.join()


@dataclass
class Imported:
    """What an import took: seconds until it began, from there to the first file, and to the last."""

    uploaded: float
    first: float
    whole: float
    objects: int


@dataclass
class Uploader:
    """A person who uploads archives of one source for an app, one after the other."""

    wire: Wire
    source: int
    browser: Browser = field(default_factory=Browser)
    tokens: Tokens | None = None

    def upload(self, path: Path) -> int:
        """Upload an archive, and wait until all of it is there. Return the number of objects of the account."""
        service = f"&service={self.source}"
        if self.tokens is None:
            asking = ask(self.wire, service)
            self.browser.open(asking.url)
            self.browser.submit("continue", file=path)
            assert page_of(self.browser) == "consent", self.browser.page and self.browser.page.html
            self.browser.submit("continue")
            self.tokens = asking.tokens(str(self.browser.left_to))
        else:
            asking = refer(self.wire, "onboard", self.tokens.access, service)
            self.browser.open(asking.url)
            self.browser.submit("continue", file=path)
        return self._wait(asking.session, self.tokens)

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
    first = (written or 0) / 1000 - started.timestamp()
    return Imported((started - began).total_seconds(), first, (ended - started).total_seconds(), objects)


async def print_platform(work: Work, more: Path, folder: Path, goal_mb: int) -> None:
    """Print what a platform takes, for the archive and for one that has a little more."""
    with serving_as_people_do(folder / "data") as running, watched(running.process.pid) as memory:
        async with operator_platform(Settings(data=running.data, database_pool_size=2)) as platform:
            wire = await asking_contract(People(platform, running.origin), document={"dataRequest": EVERYTHING})
            person = Uploader(wire, work.source)
            with answering(running.origin) as idle:
                await asyncio.sleep(IDLE_SECONDS)
            with answering(running.origin) as busy:
                one = await import_archive(platform, person, work.path)
            again = await import_archive(platform, person, work.path)
            two = await import_archive(platform, person, more)
    speed = one.objects / one.whole
    goal = f" (goal: {GOAL_PLAYS:,})" if work.source == SPOTIFY else ""
    print(f"upload until it begins     {one.uploaded:7.1f} s {one.objects / one.uploaded:11,.0f} objects/s")
    print(f"import                     {one.whole:7.1f} s {speed:11,.0f} objects/s{goal}")
    print(f"first file after           {one.first:7.1f} s (goal: {GOAL_FIRST_SECONDS} s)")
    for name, found in (("the same archive again", again), ("one with a little more", two)):
        shares = f"{found.whole / one.whole:11.0%} (goal: {GOAL_SECOND:.0%})"
        print(f"{name:26} {found.whole:7.1f} s {shares}, {found.uploaded:.1f} s until it begins")
    answered = median(busy.seconds)
    slower = answered / median(idle.seconds) - 1
    print(f"answers meanwhile          {1000 * answered:7.1f} ms {slower:+10.0%} (goal: {GOAL_SLOWDOWN:+.0%})")
    print(f"peak memory                {memory.megabytes:7} MB (goal: {goal_mb} MB)\n", flush=True)


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
        first, second = folder / "plays.zip", folder / "more.zip"
        export_plays(first, plays)
        export_plays(second, int(plays * MORE))
        for part in ("stages", "spotify", "health"):
            (folder / part).mkdir()
        work = Work(f"{plays:,} plays", SPOTIFY, first, parse_plays)
        print_stages(work, folder / "stages")
        await print_platform(work, second, folder / "spotify", goal_mb)
        if given.health:
            first, second = folder / "export.xml", folder / "more.xml"
            export_health(first, given.health)
            export_health(second, int(given.health * MORE) + 58)
            work = Work(f"Apple Health, {given.health} MB", APPLE_HEALTH, first, parse_health)
            print_stages(work, folder / "stages")
            await print_platform(work, second, folder / "health", goal_mb)


if __name__ == "__main__":
    asyncio.run(main())
