"""What a person costs in rows and bytes, and how fast the audit log is, measured while people share a sample.

python -m benchmarks.people --people 30
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from sqlalchemy import text
from tests.flow.people import People
from tests.flow.served import serving
from tests.flow.sessions import triggered, wait_until_over

from privateshare.platform.audit.chain import append_entries
from privateshare.platform.audit.entries import Event, EventKind, record_public_event
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform

_TABLES = text("""
SELECT relname, n_live_tup, pg_total_relation_size(relid)
  FROM pg_stat_user_tables
 ORDER BY 3 DESC
""")
LARGEST_TABLES = 8
AUDIT_ENTRIES = 3000


async def _sizes(platform: Platform) -> dict[str, tuple[int, int]]:
    async with platform.database.transaction() as db:
        await db.execute(text("ANALYZE"))
        return {name: (rows, size) for name, rows, size in await db.execute(_TABLES)}


async def measure(folder: Path, number: int) -> None:
    """Let people share, measure before and after, and print the difference for each person."""
    with serving(folder / "data") as served:
        async with operator_platform(Settings(data=served.data, database_pool_size=5)) as platform:
            people = People(platform, served.origin)
            wire = await people.contract()
            await people.user(wire)
            before, files_before = await _sizes(platform), _files(served.data)
            sessions = [await people.user(wire, sample="default") for _ in range(number)]
            spent = [_cpu_seconds(served.process.pid)]
            for tokens, session in sessions:
                await asyncio.to_thread(wait_until_over, wire, tokens, session)
            spent.append(_cpu_seconds(served.process.pid))
            for tokens, _ in sessions:
                await asyncio.to_thread(wait_until_over, wire, tokens, triggered(wire, tokens))
            spent.append(_cpu_seconds(served.process.pid))
            after, files_after = await _sizes(platform), _files(served.data)
            entries_a_second = await _audit_speed(platform)
    grown = {name: (after[name][0] - before[name][0], after[name][1] - before[name][1]) for name in after}
    rows, size = (sum(one[part] for one in grown.values()) / number for part in (0, 1))
    print(f"{number} people, each with the sample of one source and two sessions")
    print(f"database  {rows:8.1f} rows  {size:10.0f} bytes a person")
    for name, (more, bytes_) in sorted(grown.items(), key=lambda one: -one[1][1])[:LARGEST_TABLES]:
        print(f"  {name:24}{more / number:8.1f} rows  {bytes_ / number:10.0f} bytes")
    first, again = (1000 * (spent[part + 1] - spent[part]) / number for part in (0, 1))
    print(f"a first session with its sync {first:.0f} ms of CPU, a later one with nothing new {again:.0f} ms")
    for kind, (count, total) in files_after.items():
        earlier = files_before[kind]
        print(
            f"{kind:10}{(count - earlier[0]) / number:8.1f} files {(total - earlier[1]) / number:10.0f} bytes a person"
        )
    print(f"audit log {entries_a_second:8.0f} entries a second get their place in the chain")


async def _audit_speed(platform: Platform) -> float:
    """Return how many entries of the audit log get their place in the chain in a second."""
    now = datetime.now(UTC)
    async with platform.database.transaction() as db:
        for _ in range(AUDIT_ENTRIES):
            await record_public_event(db, Event(EventKind.OPERATOR, {"action": "benchmark"}))
    began, appended, last = time.monotonic(), 0, 1
    while last:
        async with platform.database.transaction() as db:
            last = await append_entries(db, platform.signer, now)
        appended += last
    return appended / (time.monotonic() - began)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of the server and its PostgreSQL so far."""
    first = psutil.Process(pid)
    times = [one.cpu_times() for one in (first, *first.children(recursive=True))]
    return float(sum(one.user + one.system for one in times) + first.cpu_times().children_user)


def _files(data: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for kind in ("blobs", "keys"):
        sizes = [path.stat().st_size for path in (data / kind).rglob("*") if path.is_file()]
        found[kind] = len(sizes), sum(sizes)
    return found


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--people", type=int, default=30)
    with TemporaryDirectory(prefix="ps-") as name:
        asyncio.run(measure(Path(name), arguments.parse_args().people))
