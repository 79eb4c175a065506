"""The contract of blob stores (platform/blobs/store.py), tested with every implementation."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.cloud import PART_BYTES, CloudBlobs
from privateshare.platform.blobs.local import LocalBlobs
from privateshare.platform.blobs.opening import open_blobs
from privateshare.platform.blobs.store import BlobNotFound, BlobStore, put

KEY = "library/4f2a/file/one-1"
DATA = os.urandom(700_000)


@pytest.fixture(params=["local", "cloud"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """Provide one store of each kind."""
    return LocalBlobs(tmp_path / "blobs") if request.param == "local" else CloudBlobs("memory:///")


def content(store: BlobStore, key: str = KEY) -> bytes:
    return b"".join(store.read(key))


def absent(store: BlobStore, key: str = KEY) -> bool:
    with pytest.raises(BlobNotFound):
        store.read(key)
    with pytest.raises(BlobNotFound):
        store.read(key, 0, 10)
    with pytest.raises(BlobNotFound):
        store.size(key)
    return list(store.keys("library/")) == []


@pytest.mark.parametrize("data", [b"", b"x", DATA, bytes(PART_BYTES), os.urandom(2 * PART_BYTES + 1)])
def test_a_blob_is_read_as_it_was_written(store: BlobStore, data: bytes) -> None:
    """A blob of any size is read unchanged, whatever chunks it was written in."""
    pieces = [data[start : start + 100_000] for start in range(0, len(data), 100_000)]
    assert put(store, KEY, pieces) == len(data)
    assert content(store) == data
    assert store.size(KEY) == len(data)


def test_what_is_at_hand(store: BlobStore) -> None:
    """At most a small blob that is complete, since nobody may wait for it."""
    assert not store.is_at_hand(KEY)
    put(store, KEY, [b"small"])
    assert store.is_at_hand(KEY) in ({True, False} if isinstance(store, LocalBlobs) else {False})
    put(store, KEY, [DATA])
    assert not store.is_at_hand(KEY)


def test_a_blob_is_invisible_before_commit(store: BlobStore) -> None:
    """A blob that is being written cannot be found in any way; after the commit it is complete."""
    writer = store.writer(KEY)
    for _ in range(20):
        writer.write(DATA)
    assert absent(store)
    writer.commit()
    assert content(store) == DATA * 20


@pytest.mark.parametrize("pieces", [0, 1, 20])
def test_an_aborted_blob_leaves_nothing(store: BlobStore, pieces: int) -> None:
    """Aborting twice or after a commit does no harm."""
    writer = store.writer(KEY)
    for _ in range(pieces):
        writer.write(DATA)
    writer.abort()
    writer.abort()
    assert absent(store)
    later = store.writer(KEY)
    later.write(b"kept")
    later.commit()
    later.abort()
    assert content(store) == b"kept"


def test_a_failed_put_keeps_the_earlier_blob(store: BlobStore) -> None:
    """If the data raises an error, the error is passed on and an earlier blob is unchanged."""

    def failing() -> Iterator[bytes]:
        yield DATA
        raise OSError("the source went away")

    put(store, KEY, [b"earlier"])
    with pytest.raises(OSError, match="went away"):
        put(store, KEY, failing())
    assert content(store) == b"earlier"


def test_a_later_blob_replaces_an_earlier_one(store: BlobStore) -> None:
    """The same key put again holds the later data."""
    put(store, KEY, [DATA])
    put(store, KEY, [b"later"])
    assert content(store) == b"later"


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 10), (5, 1), (300_000, 300_000), (699_999, 1), (699_990, 100), (0, 700_000), (0, None), (650_000, None)],
)
def test_a_range_is_read(store: BlobStore, start: int, length: int | None) -> None:
    """A read from an offset returns no more bytes than requested, and fewer at the end."""
    put(store, KEY, [DATA])
    end = None if length is None else start + length
    assert b"".join(store.read(KEY, start, length)) == DATA[start:end]


@pytest.mark.parametrize("kind", [LocalBlobs, lambda folder: CloudBlobs(folder.as_uri())])
def test_a_long_range_is_streamed(kind: Callable[[Path], BlobStore], tmp_path: Path) -> None:
    """Only one chunk of a long range is in memory at a time."""
    store, size = kind(tmp_path), 4 * PART_BYTES
    put(store, KEY, [bytes(size)])
    pieces = [len(piece) for piece in store.read(KEY, 1, size - 1)]
    assert sum(pieces) == size - 1
    assert max(pieces) <= 2 * PART_BYTES


def test_deleting(store: BlobStore) -> None:
    """Deleted blobs are gone, and deleting missing blobs is no error."""
    other = KEY.replace("one", "two")
    put(store, KEY, [b"1"])
    put(store, other, [b"2"])
    store.delete([KEY, "library/none", KEY])
    assert list(store.keys("library/")) == [other]


def test_keys_and_prefixes(store: BlobStore) -> None:
    """A prefix is a folder: names that only begin alike are not in it, and are not deleted with it."""
    keys = ["library/a/1", "library/a/b/2", "library/ab/3", "other/a/4"]
    for key in keys:
        put(store, key, [key.encode()])
    assert sorted(store.keys("library/a/")) == keys[:2]
    assert sorted(store.keys("library/")) == keys[:3]
    store.delete_prefix("library/a/")
    store.delete_prefix("library/a/")
    store.delete_prefix("never/there/")
    assert sorted(store.keys("library/")) == [keys[2]]
    assert content(store, "other/a/4") == b"other/a/4"


@pytest.mark.parametrize(
    "key",
    ["", "/", "/etc/passwd", "../up", "a/../b", "a/./b", "a//b", "a/", ".aside/x", "a/.b", "A", "a b", "a\n", "ä"],
)
def test_bad_keys_are_rejected(store: BlobStore, key: str) -> None:
    """Only plain lower-case paths are keys, for reading and for writing."""
    for refused in (lambda: store.writer(key), lambda: store.read(key), lambda: store.size(key)):
        with pytest.raises(ValueError, match="not a blob key"):
            refused()
    with pytest.raises(ValueError, match="not a blob key"):
        store.delete([key])


# --- on local disk ---

WRITE_FOREVER = """
import sys
from pathlib import Path
from privateshare.platform.blobs.local import LocalBlobs

writer = LocalBlobs(Path(sys.argv[1])).writer(sys.argv[2])
for number in range(1_000_000):
    writer.write(bytes(100_000))
    if number == 20:
        print("writing", flush=True)
        sys.stdin.read()
"""


def test_killed_while_writing(tmp_path: Path) -> None:
    """A process that is killed while it writes leaves no visible blob, and the next start cleans up."""
    store = LocalBlobs(tmp_path)
    put(store, KEY, [b"earlier"])
    command = [sys.executable, "-c", WRITE_FOREVER, str(tmp_path), KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writing:
        assert writing.stdout is not None
        assert writing.stdout.readline() == b"writing\n"
        writing.send_signal(signal.SIGKILL)
    store = LocalBlobs(tmp_path)
    assert list(store.keys("library/")) == [KEY]
    assert content(store) == b"earlier"
    store.remove_temporary_files()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["one-1"]


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Limit the size of files, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [0, 1000, 200_000])
def test_a_full_disk_keeps_no_partial_blob(tmp_path: Path, size: int) -> None:
    """The space of a failed write is free again, at the latest when the blob should have been durable."""
    store = LocalBlobs(tmp_path)
    with disk_of(size), pytest.raises(OSError, match="File too large"):
        put(store, KEY, [DATA[:100_000], DATA[:100_001], DATA[:3]])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    """The folder and its files can be read only by their owner, whatever the umask is."""
    old = os.umask(0)
    try:
        put(LocalBlobs(tmp_path / "blobs"), KEY, [b"x"])
    finally:
        os.umask(old)
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "blobs" / KEY).stat().st_mode & 0o777 == 0o600


# --- by URL ---


def test_stores_are_opened_by_url(tmp_path: Path) -> None:
    """A file URL opens a folder, a memory URL an object store, and another scheme lists the known ones."""
    folder = tmp_path / "a folder"
    store = open_blobs(folder.as_uri())
    put(store, "a", [b"x"])
    assert (folder / "a").read_bytes() == b"x"
    assert isinstance(open_blobs("memory:///"), CloudBlobs)
    with pytest.raises(ConfigurationError, match=r"'ftp'.*s3"):
        open_blobs("ftp://host/folder")


def test_blobs_are_listed_by_their_age(store: BlobStore) -> None:
    """A listing has a prefix, a start time and an end time."""
    put(store, KEY, [b"x"])
    put(store, "storage/1/a", [b"x"])
    now, hour = datetime.now(UTC), timedelta(hours=1)
    assert list(store.keys_between("library/", now - hour, now + hour)) == [KEY]
    assert list(store.keys_between("library/", now - 2 * hour, now - hour)) == []
    assert list(store.keys_between("library/", now + hour, now + 2 * hour)) == []
    assert list(store.keys_between("none/", now - hour, now + hour)) == []


def test_unfinished_blobs_can_be_removed(store: BlobStore) -> None:
    """What dead writers left is removed; live writers and complete blobs are not affected."""
    put(store, KEY, [b"x"])
    writer = store.writer("library/4f2a/file/two")
    writer.write(b"y")
    store.discard_unfinished(datetime.now(UTC) - timedelta(hours=1))
    writer.commit()
    assert content(store, "library/4f2a/file/two") == b"y"
    store.discard_unfinished(datetime.now(UTC) + timedelta(hours=1))
    assert content(store) == b"x"
