"""The interface of blob stores, which keep bytes on local disk or in an object store."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Protocol

_KEY = re.compile(r"[a-z0-9_-]+(/[a-z0-9_.-]+)*")


class BlobNotFound(Exception):
    """There is no blob with this key."""


class BlobWriter(Protocol):
    """A writer of one blob. The blob exists once `commit` returns; `abort` discards what was written."""

    def write(self, data: bytes) -> None:
        """Write the next bytes."""

    def commit(self) -> None:
        """Complete the blob. It is durable under its key when this returns."""

    def abort(self) -> None:
        """Discard what was written, unless it was committed. Safe to call at any time."""


class BlobStore(Protocol):
    """A map of keys to bytes. All methods but `is_at_hand` block, so call them on a worker thread.

    Keys are lower-case paths whose segments do not begin with a dot.
    """

    def writer(self, key: str) -> BlobWriter:
        """Return a writer that stores a blob completely and durably, or not at all."""

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes from `start` on, at most `length`, in pieces. Raises BlobNotFound before the first piece.

        `start` must lie within the blob and `length` must be above 0: stores behave differently otherwise.
        """

    def size(self, key: str) -> int:
        """Return the size of a blob in bytes. Raises BlobNotFound."""

    def is_at_hand(self, key: str, /) -> bool:
        """Return whether all of a small blob can be read now without waiting, for a disk or for another machine.

        This does not wait either. It may say no for any reason.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Remove blobs. Missing blobs are ignored."""

    def delete_prefix(self, prefix: str) -> None:
        """Remove every blob whose key begins with `prefix`, which ends in "/"."""

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys that begin with `prefix`, which ends in "/"."""

    def keys_between(self, prefix: str, start: datetime, end: datetime) -> Iterator[str]:
        """List the keys that begin with `prefix` of blobs last written between two times of the store's clock.

        Uses constant memory. A blob that is deleted meanwhile may be listed or not.
        """

    def discard_unfinished(self, end: datetime) -> None:
        """Remove what writers that died before `end` left behind, unless the store does so itself."""


def put(store: BlobStore, key: str, chunks: Iterable[bytes]) -> int:
    """Store a blob completely, or not at all if anything fails. Return the number of bytes stored."""
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
    """Return the key if it is well-formed. Raises ValueError otherwise."""
    if not is_key(key):
        raise ValueError(f"not a blob key: {key!r}")
    return key


def is_key(key: str) -> bool:
    """Return whether a string is a well-formed key. A store's folder or bucket may hold other entries too."""
    return _KEY.fullmatch(key) is not None and "/." not in key
