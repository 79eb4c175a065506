"""The stages of an import, each alone in a process of its own, with the CPU time that it takes.

The first is the parser alone (orjson for plays, lxml's iterparse for Apple Health), which every import needs.
Then come reading and mapping, collecting, merging, and writing, which is compressing, sealing and storing.
"""

import multiprocessing
import resource
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast
from uuid import uuid4

import orjson
from lxml import etree
from tests.archives import play

from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.sources.apple_health.sample.writing import ExportWriter
from privateshare.sources.archive_sources import package_of_source, source_of
from privateshare.sources.contract import Connection, ObjectSchema, Page, Source
from privateshare.sources.entries import page_entries

PLAYS_IN_A_FILE = 16_000  # Spotify splits exports into files of this size.
SAMPLES_AN_HOUR = 18  # What a watch records.
MEGABYTES_OF_A_DAY = 0.482  # The size of an Apple Health export with so many samples.
MEGABYTE = 1024 * 1024
GOAL_SHARE = 0.6
ACCOUNT = uuid4()


@dataclass(frozen=True)
class Work:
    """An archive to import, and the source that reads it. `parse` returns the number of its records."""

    name: str
    source: int
    path: Path
    parse: Callable[[str], int]

    def opened_source(self) -> Source:
        """Load the source that reads the archive."""
        return source_of(package_of_source()[self.source], self.source)


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


def export_health(path: Path, megabytes: float) -> None:
    """Generate an Apple Health export of about this size. A larger one has more days, the others are the same."""
    days = max(1, round(megabytes / MEGABYTES_OF_A_DAY))
    with path.open("wb") as file:
        file.writelines(ExportWriter(datetime(2020, 1, 1), days, SAMPLES_AN_HOUR).export())


def parse_health(path: str) -> int:
    """Parse an export, and forget each element."""
    count = 0
    for _, element in etree.iterparse(path, tag="Record", resolve_entities=False, no_network=True, load_dtd=False):
        count += 1
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


@dataclass
class Stage:
    """What a stage took: CPU seconds without those of the stages before it, and the objects that came out."""

    name: str
    seconds: float = 0
    objects: int = 0

    def line(self, records: int) -> str:
        """Describe it in a line, with the records of the archive and the objects for which it had a second of time."""
        seconds = max(self.seconds, 0.001)
        rates = f"{records / seconds:11,.0f} records/s {self.objects / seconds:11,.0f} objects/s"
        return f"{self.name:26} {self.seconds:7.1f} s {rates}"


@dataclass
class Watch:
    """A clock of the CPU time of this process that says how much passed since it was last asked."""

    last: float = 0

    def passed(self) -> float:
        """Return the seconds since the last call."""
        before, self.last = self.last, time.process_time()
        return self.last - before


def read_into(buffer: ObjectBuffer, source: Source, path: str) -> list[Stage]:
    """Read an archive, and collect its objects, page by page."""
    reading, collecting, watch = Stage("read and map"), Stage("collect"), Watch(time.process_time())
    with Path(path).open("rb") as archive:
        connection = Connection(archive=cast(BinaryIO, archive), provider_account_id="x")
        for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
            assert isinstance(page, Page)
            # Objects that the source encoded itself are sent as they are, and become entries when they are imported.
            entries = None if page.encoded is not None else list(page_entries(source.info.schema, page))
            reading.objects += len(page.objects)
            reading.seconds += watch.passed()
            buffer.add_entries(entries if entries is not None else list(page_entries(source.info.schema, page)))
            collecting.seconds += watch.passed()
    collecting.objects = reading.objects
    return [reading, collecting]


def write_from(buffer: ObjectBuffer, schema: ObjectSchema, folder: str) -> list[Stage]:
    """Merge the objects of a buffer with those of an account that has none, and write them."""
    merging, writing, watch = Stage("merge"), Stage("compress, seal and store"), Watch(time.process_time())
    merges = [plan_merge(buffer, object_type, lambda _: ()) for object_type in buffer.object_types()]
    merging.seconds = watch.passed()
    library = OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"k" * 32})
    files = MappedFiles(LocalBlobs(Path(folder)), library)
    for merge in merges:
        for slot in merge.slots:
            parts = files.write_slot(ACCOUNT, schema, [], merge.entries(slot))
            writing.objects += sum(part.object_count for part in parts)
    writing.seconds, merging.objects = watch.passed(), writing.objects
    return [merging, writing]


def run_stages(work: Work, folder: str) -> list[Stage]:
    """Run the stages one after the other."""
    source = work.opened_source()
    with ObjectBuffer(source.info.schema) as buffer:
        return [*read_into(buffer, source, str(work.path)), *write_from(buffer, source.info.schema, folder)]


def parse_alone(work: Work) -> list[Stage]:
    """Run the parser."""
    watch = Watch(time.process_time())
    objects = work.parse(str(work.path))
    return [Stage("parser alone", watch.passed(), objects)]


def measured(
    work: Work, folder: str, results: "multiprocessing.Queue[tuple[list[Stage], int]]", *, alone: bool
) -> None:
    """Run the parser or the stages, and tell what they took and the megabytes."""
    stages = parse_alone(work) if alone else run_stages(work, folder)
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
    (parser,), parser_memory = in_own_process(work, str(folder), alone=True)
    stages, memory = in_own_process(work, str(folder), alone=False)
    print(f"{work.name}: {parser.objects:,} records, {work.path.stat().st_size / MEGABYTE:,.0f} MB")
    for stage in [parser, *stages]:
        print(stage.line(parser.objects))
    share = parser.seconds / stages[0].seconds
    print(f"reading and mapping has {share:.0%} of the parser's speed (goal: {GOAL_SHARE:.0%})")
    print(f"peak memory of the stages {memory} MB, of the parser alone {parser_memory} MB", flush=True)
