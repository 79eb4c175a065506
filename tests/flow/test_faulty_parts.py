"""Tests of the parts that `make chaos` breaks: that they break as they should, and are whole otherwise."""

import asyncio
import os
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from obstore.exceptions import BaseError

from privateshare.platform.blobs.cloud import PART_BYTES, CloudBlobs
from privateshare.platform.blobs.store import BlobNotFound, put
from tests.chaos.link import Link
from tests.chaos.overload import Overload
from tests.chaos.s3_server import Faults
from tests.chaos.store import FaultyStore
from tests.patience import GIVE_UP_SECONDS

FAILURES = (OSError, BaseError)
KEY, OTHER = "library/4f2a/file/one-1", "library/4f2a/file/two-1"
LARGE = os.urandom(2 * PART_BYTES + 1)
REQUEST = os.urandom(300_000)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyStore]:
    """Provide the store of `make chaos`."""
    store = FaultyStore(tmp_path_factory.mktemp("s3") / "store")
    with pytest.MonkeyPatch.context() as patch, store.serving():
        for name, value in store.environment().items():
            patch.setenv(name, value)
        yield store


@pytest.fixture
def blobs(store: FaultyStore) -> CloudBlobs:
    """Provide its bucket of files, without retries."""
    store.have(Faults())
    return CloudBlobs("s3://files", retry_config={"max_retries": 0})


@pytest.mark.parametrize("data", [b"", b"x", LARGE])
def test_the_store_keeps_what_is_written(blobs: CloudBlobs, data: bytes) -> None:
    """Whole objects and those in parts are read as they were written, in ranges too, and are listed until deleted."""
    put(blobs, KEY, [data])
    assert b"".join(blobs.read(KEY)) == data
    assert b"".join(blobs.read(KEY, 1, 5)) == data[1:6] if len(data) > 1 else True
    assert (blobs.size(KEY), list(blobs.keys("library/"))) == (len(data), [KEY])
    blobs.delete([KEY, OTHER])
    assert list(blobs.keys("library/")) == []
    with pytest.raises(BlobNotFound):
        blobs.read(KEY)


def test_a_killed_store_keeps_what_it_acknowledged(store: FaultyStore, blobs: CloudBlobs) -> None:
    """What was being written is not there, and while it is away everything fails."""
    put(blobs, KEY, [LARGE])
    writer = blobs.writer(OTHER)
    writer.write(LARGE)
    store.kill()
    with pytest.raises(FAILURES, match="S3"):
        writer.commit()
    with pytest.raises(FAILURES, match="S3"):
        blobs.size(KEY)
    store.start()
    assert list(blobs.keys("library/")) == [KEY]
    assert b"".join(blobs.read(KEY)) == LARGE


def test_a_store_that_fails_does_nothing(store: FaultyStore, blobs: CloudBlobs) -> None:
    """It answers 500."""
    store.have(Faults(fails=True))
    with pytest.raises(FAILURES, match="S3"):
        put(blobs, OTHER, [b"x"])
    store.have(Faults())
    assert OTHER not in list(blobs.keys("library/"))


def test_a_store_that_breaks_off_has_done_it(store: FaultyStore, blobs: CloudBlobs) -> None:
    """The client does not learn that its object was written."""
    store.have(Faults(breaks_off=True))
    with pytest.raises(FAILURES, match="S3"):
        put(blobs, OTHER, [b"x"])
    store.have(Faults())
    assert OTHER in list(blobs.keys("library/"))


@asynccontextmanager
async def linked(received: list[bytes]) -> AsyncIterator[Link]:
    """Run a server that answers each connection with what it received, and give a link before it."""

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        received.append(b"")
        with suppress(OSError):
            while piece := await reader.read(10_000):
                received[-1] += piece
            writer.write(received[-1])
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with Link(server.sockets[0].getsockname()[1]).carrying() as link:
            yield link


async def test_a_link_passes_on_that_the_platform_is_gone() -> None:
    """When the platform's process ends before it has answered, the app's connection ends too."""

    async def end(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(10_000)
        writer.transport.abort()  # Some of the request was not read, so the connection is reset.

    async with await asyncio.start_server(end, "127.0.0.1", 0) as server:
        with Link(server.sockets[0].getsockname()[1]).carrying() as link:
            async with asyncio.timeout(GIVE_UP_SECONDS):
                assert await call(link) == b""


async def call(link: Link) -> bytes:
    """Send the request, and return what comes back until the connection ends in whatever way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    got = b""
    with suppress(OSError):
        writer.write(REQUEST)
        await writer.drain()
        writer.write_eof()
        while piece := await reader.read(10_000):
            got += piece
    writer.close()
    return got


async def test_a_link_carries_everything_or_a_part() -> None:
    """Unless it cuts, all bytes arrive. When it cuts, requests and responses are there in part."""
    received: list[bytes] = []
    async with linked(received) as link:
        assert [await call(link) for _ in range(3)] == [REQUEST] * 3
        link.is_cutting = True
        assert not any([await call(link) == REQUEST for _ in range(30)])
        assert link.cut == 30
        assert any(0 < len(one) < len(REQUEST) and REQUEST.startswith(one) for one in received)
        link.is_cutting = False
        assert await call(link) == REQUEST


def test_what_is_too_slow_depends_on_the_processor_and_promises_do_not() -> None:
    """With half of the processor, everything may take twice as long. An answer with 500 is wrong on any machine."""
    found = Overload(admitted=[3.0] * 100, refused=[0.1], retry_after=[1], recovered_after=15.0)
    assert (len(found.slowness()), found.violations()) == (2, [])
    half = replace(found, free_share=0.5, statuses=Counter({"200": 100, "429": 1, "500": 2}))
    assert (half.slowness(), len(half.violations())) == ([], 1)
