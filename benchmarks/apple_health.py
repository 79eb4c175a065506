"""A benchmark of reading an Apple Health export into objects, in comparison with the XML parser alone.

`python -m benchmarks.apple_health [MEGABYTES]` writes an export of that size, which a generator invents, and reads it
with lxml's iterparse, which forgets each element, and as an import does: parsed, summed up, and mapped. Each runs in a
process of its own, for its peak of memory.
"""

import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from lxml import etree

from privateshare.sources.apple_health.export import FITNESS_TYPES, FitnessExport
from privateshare.sources.apple_health.files import opened_export
from privateshare.sources.apple_health.sample.writing import ExportWriter
from privateshare.sources.failures import LeftOut

MEGABYTE = 1024 * 1024
DAYS = 1826
MEGABYTES_OF_A_SAMPLE_AN_HOUR = 58  # The size of an export of this many days.
LEAST_SHARE = 0.6
MOST_MEMORY_MB = 300


def write_export(path: Path, megabytes: int) -> None:
    """Write an export of five years of about this size."""
    density = max(1, round(megabytes / MEGABYTES_OF_A_SAMPLE_AN_HOUR))
    with path.open("wb") as file:
        file.writelines(ExportWriter(datetime(2020, 1, 1), DAYS, density).export())


def parse(path: str) -> int:
    """Parse the file, and forget it."""
    count = 0
    for _, element in etree.iterparse(path, tag="Record", resolve_entities=False, no_network=True, load_dtd=False):
        count += 1
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


def read(path: str) -> int:
    """Read the file into objects."""
    left_out = LeftOut()
    with Path(path).open("rb") as archive, opened_export(archive, left_out) as files:
        export = FitnessExport(files, "28_applehealth", FITNESS_TYPES, left_out)
        return sum(1 for _ in export.objects())


def measured(work: str, path: str, results: "multiprocessing.Queue[tuple[int, float, int]]") -> None:
    """Run one of the two, and tell the count, the seconds and the megabytes."""
    start = time.process_time()
    count = {"parse": parse, "read": read}[work](path)
    seconds = time.process_time() - start
    results.put((count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def run(work: str, path: str) -> tuple[int, float, int]:
    """Run one of the two in a process of its own."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[tuple[int, float, int]] = context.Queue()
    process = context.Process(target=measured, args=(work, path, results))
    process.start()
    found = results.get()
    process.join()
    return found


def main() -> None:
    """Print what was measured, and how it compares to the limits."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "export.xml")
        write_export(path, megabytes)
        size = path.stat().st_size / MEGABYTE
        records, alone, _ = run("parse", str(path))
        objects, whole, memory = run("read", str(path))
    share = alone / whole
    print(f"export.xml of {size:.0f} MB with {records:,} records, read into {objects:,} objects")
    print(f"parser alone  {alone:6.1f} s  {size / alone:5.0f} MB/s  {records / alone:9,.0f} records/s")
    print(f"import        {whole:6.1f} s  {size / whole:5.0f} MB/s  {records / whole:9,.0f} records/s")
    print(f"share of the parser's speed {share:.0%} (goal: at least {LEAST_SHARE:.0%})")
    print(f"peak memory {memory} MB (limit: {MOST_MEMORY_MB} MB)")


if __name__ == "__main__":
    main()
