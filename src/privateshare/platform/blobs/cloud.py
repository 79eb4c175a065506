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
    """A bucket, or a prefix of one, by its URL. Credentials come from the provider's usual environment variables."""

    def __init__(self, url: str, **options: Any) -> None:
        """Open the store; `options` are those of obstore, such as `retry_config`."""
        self._store = from_url(url, **options)

    def writer(self, key: str) -> "CloudWriter":
        """Return a writer that stores a blob completely and durably, or not at all."""
        return CloudWriter(self._store, check_key(key))

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes from `start` on, at most `length`, in pieces. Raises BlobNotFound before the first piece."""
        try:
            options: GetOptions = {"range": {"offset": start}} if start else {}
            if length is not None:
                options = {"range": (start, start + length)}
            return (bytes(piece) for piece in obstore.get(self._store, check_key(key), options=options))
        except FileNotFoundError as error:
            raise BlobNotFound(key) from error

    def size(self, key: str) -> int:
        """Return the size of a blob in bytes. Raises BlobNotFound."""
        try:
            return int(obstore.head(self._store, check_key(key))["size"])
        except FileNotFoundError as error:
            raise BlobNotFound(key) from error

    def is_at_hand(self, _key: str, /) -> bool:
        """Return False: another machine has the blob."""
        return False

    def delete(self, keys: Iterable[str]) -> None:
        """Remove blobs. Missing blobs are ignored."""
        for key in keys:
            try:
                obstore.delete(self._store, check_key(key))
            except FileNotFoundError:
                continue

    def delete_prefix(self, prefix: str) -> None:
        """Remove every blob whose key begins with `prefix`, which ends in "/"."""
        self.delete(list(self.keys(prefix)))

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys that begin with `prefix`, which ends in "/"."""
        for page in obstore.list(self._store, prefix=prefix.rstrip("/")):
            yield from (str(entry["path"]) for entry in page)

    def keys_between(self, prefix: str, start: datetime, end: datetime) -> Iterator[str]:
        """List the keys that begin with `prefix` of blobs last written between two times of the store's clock.

        Some stores use the start of a multipart upload as its time.
        """
        for page in obstore.list(self._store, prefix=prefix.rstrip("/")):
            for entry in page:
                key = str(entry["path"])
                if start <= entry["last_modified"] < end and is_key(key):
                    yield key

    def discard_unfinished(self, end: datetime) -> None:
        """Do nothing: a lifecycle rule of the bucket removes unfinished uploads."""


class CloudWriter:
    """A multipart upload. The blob is not visible until the upload is complete."""

    def __init__(self, store: Any, key: str) -> None:
        self._writer = obstore.open_writer(store, key, buffer_size=PART_BYTES)
        self._open = True

    def write(self, data: bytes) -> None:
        """Write the next bytes."""
        self._writer.write(data)

    def commit(self) -> None:
        """Complete the blob. It is durable under its key when this returns."""
        self._writer.close()
        self._open = False

    def abort(self) -> None:
        """Discard what was written, unless it was committed. Safe to call at any time."""
        self._open = False
