"""Tests of a full disk: uploads are rejected with Retry-After, and no partial file takes up space."""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.flow.files import files_below
from tests.flow.people import People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.served import Served
from tests.flow.storage_calls import cloud
from tests.flow.wire import check_error
from tests.patience import wait_for

ROOM = 1_500_000  # Beyond what the server has in its log, which is a file too.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's to set")


@contextmanager
def no_room(served: Served) -> Iterator[bytes]:
    """Provide a content that the server's disk has no room for; PostgreSQL's has."""
    pid, room = served.process.pid, ROOM + served.log.stat().st_size
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield os.urandom(room + ROOM)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def kept(served: Served, owner: str) -> set[Path]:
    """Return all files of libraries and storages, once no file is half-written any more."""
    blobs = served.data / "blobs"
    unfinished = set((blobs / ".aside").iterdir())
    wait_for(lambda: unfinished.isdisjoint((blobs / ".aside").iterdir()))
    return {path for path in files_below(blobs) if owner in str(path)}


@pytest.mark.protocol("10.1", "13")
async def test_a_push_to_a_full_disk_can_be_retried(people: People, served: Served) -> None:
    """The response is 503 with Retry-After and no details, nothing is kept, and a later push succeeds."""
    wire = await people.contract(kind="write")
    tokens, _ = await people.user(wire, sources=())
    library = str(await people.library_of(tokens))
    before = kept(served, library)
    with no_room(served) as data:
        answer = wire.post(IMPORT, access_token=tokens.access, content=data, headers=descriptor(wire))
    assert "large" not in check_error(answer, 503, "Unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert kept(served, library) == before
    assert wire.post(IMPORT, access_token=tokens.access, content=data, headers=descriptor(wire)).status_code == 200


@pytest.mark.protocol("11.3", "11.5")
async def test_an_upload_to_a_full_disk_keeps_the_earlier_file(people: People, served: Served) -> None:
    """The response is 503 in storage's error format."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    assert cloud(wire, "POST", storage, "/file", content=b"earlier").status_code == 201
    before = kept(served, storage)
    with no_room(served) as data:
        answer = cloud(wire, "POST", storage, "/file", content=data)
    assert (answer.status_code, answer.json()["error"]) == (503, "Unavailable")
    assert kept(served, storage) == before
    assert cloud(wire, "GET", storage, "/file").content == b"earlier"
