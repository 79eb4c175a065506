"""A benchmark of pushing large files. The memory of the platform must not grow with the size.

A 2 GB push into a library and its reading back to disk, and a storage folder with 100,000 files. Prints megabytes a
second next to writing and syncing the same bytes to this disk, and the peak memory of both processes.

    python -m benchmarks.push
"""

import asyncio
import os
import re
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy import insert
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.wire import Wire

from privateshare import AccountRef, PrivateShare, PushDescriptor, UserAccessToken
from privateshare.platform.db.tables import StoredFileRow
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.protocol import jwt

MEGABYTE = 1024 * 1024
SIZE = 2048 * MEGABYTE
PIECE = os.urandom(MEGABYTE)
LISTED = 100_000


def pieces() -> Iterator[bytes]:
    """Yield the bytes to push."""
    for _ in range(SIZE // MEGABYTE):
        yield PIECE


def disk_limit(folder: Path) -> float:
    """Measure how many megabytes per second this disk writes and syncs."""
    began = time.perf_counter()
    with (folder / "limit").open("wb") as file:
        for piece in pieces():
            file.write(piece)
        os.fsync(file.fileno())
    took = time.perf_counter() - began
    (folder / "limit").unlink()
    return SIZE / MEGABYTE / took


def server_peak(served: Served) -> float:
    """Return the peak memory of the server, in megabytes."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{served.process.pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def client(wire: Wire) -> PrivateShare:
    """Create an SDK client for a contract."""
    pem = jwt.private_pem(wire.key)
    return PrivateShare(wire.application_id, contract_id=wire.contract_id, private_key=pem, base_url=wire.url(""))


async def main() -> None:
    """Prints one line for each."""
    with tempfile.TemporaryDirectory() as name, serving(Path(name) / "data") as served:
        folder = Path(name)
        async with operator_platform(Settings(data=served.data, database_pool_size=5)) as platform:
            people = People(platform, served.origin)
            writer = await people.contract(kind="write", partner="P")
            reader = await people.contract(kind="read-raw", partner="P")
            pushes, _ = await people.user(writer, sources=())
            reads, _ = await people.user(reader, sources=(), library_id=await people.library_of(pushes))
            await asyncio.to_thread(large_file, folder, served, writer, reader, pushes.claims, reads.claims)
            with client(writer) as app:
                storage = app.create_provisional_storage()
            now = datetime.now(UTC)
            rows = [
                {
                    "storage_id": storage.id,
                    "key": f"/folder/file-{number:06}.txt",
                    "path": f"/Folder/File-{number:06}.txt",
                    "id": uuid4(),
                    "blob": "none",
                    "size": 1,
                    "created_at": now,
                }
                for number in range(LISTED)
            ]
            async with platform.database.transaction() as db:
                for start in range(0, LISTED, 5000):
                    await db.execute(insert(StoredFileRow), rows[start : start + 5000])
            await asyncio.to_thread(long_list, served, writer, storage.id)


def large_file(folder: Path, served: Served, writer: Wire, reader: Wire, pushes: dict, reads: dict) -> None:  # type: ignore[type-arg]
    """Pushes and reads back one large file."""
    limit = disk_limit(folder)
    before = server_peak(served)
    token = UserAccessToken.from_claims(pushes)
    with client(writer) as app:
        began = time.perf_counter()
        app.push_data(token, pieces(), PushDescriptor(mime_type="x/y", accounts=[AccountRef(account_id="a")]))
        report("push 2 GB", began, limit, before, served)
    token = UserAccessToken.from_claims(reads)
    with client(reader) as app:
        session = app.read_session(token)
        entry = (app.read_file_list(session, token).file_list or [])[0]
        began = time.perf_counter()
        app.read_file(session, entry.name, token, to=folder / "back")
        report("read 2 GB", began, limit, before, served)
        assert (folder / "back").stat().st_size == SIZE


def report(what: str, began: float, limit: float, before: float, served: Served) -> None:
    """Print one line of results."""
    rate = SIZE / MEGABYTE / (time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what}: {rate:6.1f} MB/s, {rate / limit:5.1%} of the disk ({limit:.0f} MB/s); server peak "
        f"{server_peak(served):.0f} MB (was {before:.0f}), client peak {peak:.0f} MB"
    )


def long_list(served: Served, wire: Wire, storage_id: str) -> None:
    """Lists a folder of very many files."""
    before = server_peak(served)
    with client(wire) as app:
        began = time.perf_counter()
        listed = app.list_storage_files(storage_id, "/folder/")
        took = time.perf_counter() - began
    assert len(listed) == LISTED
    print(f"list {LISTED} files: {took:.2f} s; server peak {server_peak(served):.0f} MB (was {before:.0f})")


if __name__ == "__main__":
    asyncio.run(main())
