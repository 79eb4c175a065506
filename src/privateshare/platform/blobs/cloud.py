"""Blobs in S3, Google Cloud Storage or Azure, through obstore."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import from_url

from privateshare.platform.blobs.store import BlobNotFound, check_key, is_key

if TYPE_CHECKING:
    from obstore import GetOptions

PART_BYTES = 8 * 1024 * 1024


class CloudBlobs:
    """A bucket, or a part of one, by URL. Credentials come from the provider's usual environment variables."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url)

    def writer(self, key: str) -> "CloudWriter":
        """A writer that puts a blob whole and durably, or not at all."""
        return CloudWriter(self._store, check_key(key))

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` on, `length` at most, in pieces. Raises BlobNotFound, before the first piece."""
        try:
            options: GetOptions = {"range": {"offset": start}} if start else {}
            if length is not None:
                options = {"range": (start, start + length)}
            return (bytes(piece) for piece in obstore.get(self._store, check_key(key), options=options))
        except FileNotFoundError as error:
            raise BlobNotFound(key) from error

    def size(self, key: str) -> int:
        """How many bytes it has. Raises BlobNotFound."""
        try:
            return int(obstore.head(self._store, check_key(key))["size"])
        except FileNotFoundError as error:
            raise BlobNotFound(key) from error

    def delete(self, keys: Iterable[str]) -> None:
        """Removes blobs; those that are not there are no error."""
        for key in keys:
            try:
                obstore.delete(self._store, check_key(key))
            except FileNotFoundError:
                continue

    def delete_prefix(self, prefix: str) -> None:
        """Removes every blob whose key begins with `prefix`, which ends in "/"."""
        self.delete(list(self.keys(prefix)))

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, which ends in "/"."""
        for page in obstore.list(self._store, prefix=prefix.rstrip("/")):
            yield from (str(entry["path"]) for entry in page)

    def keys_between(self, prefix: str, start: datetime, end: datetime) -> Iterator[str]:
        """The keys that begin with `prefix`, of blobs last written in this time by the store's clock.

        Some stores date an upload in parts from its start.
        """
        for page in obstore.list(self._store, prefix=prefix.rstrip("/")):
            for entry in page:
                key = str(entry["path"])
                if start <= entry["last_modified"] < end and is_key(key):
                    yield key

    def discard_unfinished(self, end: datetime) -> None:
        """Nothing: it is a rule of the bucket's lifecycle."""


class CloudWriter:
    """A multipart upload; the store shows nothing until it is complete."""

    def __init__(self, store: Any, key: str) -> None:
        self._writer = obstore.open_writer(store, key, buffer_size=PART_BYTES)
        self._open = True

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._writer.write(data)

    def commit(self) -> None:
        """Returns when the whole blob is durable under its key."""
        self._writer.close()
        self._open = False

    def abort(self) -> None:
        """Leaves nothing behind; safe to call at any time."""
        self._open = False
