"""Where bytes are kept: one interface, on local disk or in an object store."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

_KEY = re.compile(r"[a-z0-9_-]+(/[a-z0-9_.-]+)*")


class BlobNotFound(Exception):
    """There is no blob with this key."""


class BlobWriter(Protocol):
    """A blob on its way in. Nothing is there until `commit`, and after `abort` there never was anything."""

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""

    def commit(self) -> None:
        """Returns when the whole blob is durable under its key."""

    def abort(self) -> None:
        """Leaves nothing behind; safe to call at any time."""


class BlobStore(Protocol):
    """Bytes by key. All methods block: call them on a worker thread. Keys are lower-case paths without dots first."""

    def writer(self, key: str) -> BlobWriter:
        """A writer that puts a blob whole and durably, or not at all."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` on, `length` at most, in pieces. Raises BlobNotFound, before the first piece.

        `start` lies within the blob, and `length` is above 0: what stores do otherwise differs.
        """

    def size(self, key: str) -> int:
        """How many bytes it has. Raises BlobNotFound."""

    def delete(self, keys: Iterable[str]) -> None:
        """Removes blobs; those that are not there are no error."""

    def delete_prefix(self, prefix: str) -> None:
        """Removes every blob whose key begins with `prefix`, which ends in "/"."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, which ends in "/"."""

    def keys_between(self, prefix: str, start: datetime, end: datetime) -> Iterator[str]:
        """The keys that begin with `prefix`, of blobs last written in this time by the store's clock.

        In constant memory, however many there are. What is deleted meanwhile may be among them or not.
        """

    def discard_unfinished(self, end: datetime) -> None:
        """Removes what writers that died before `end` left half-written, where the store does not do so itself."""


def put(store: BlobStore, key: str, chunks: Iterable[bytes]) -> int:
    """Stores a blob whole, or if anything fails not at all; the number of bytes stored."""
    writer = store.writer(key)
    stored = 0
    try:
        for chunk in chunks:
            writer.write(chunk)
            stored += len(chunk)
        writer.commit()
    finally:
        writer.abort()
    return stored


def check_key(key: str) -> str:
    """The key, if it has the form of one. Raises ValueError otherwise."""
    if not is_key(key):
        raise ValueError(f"not a blob key: {key!r}")
    return key


def is_key(key: str) -> bool:
    """Whether it has the form of a key: other things may lie where blobs do."""
    return _KEY.fullmatch(key) is not None and "/." not in key
