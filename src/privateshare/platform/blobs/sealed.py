"""Sealed blobs: written, read as a stream, and read from anywhere, chunk by chunk, as a zip reader needs."""

import errno
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from privateshare.platform.blobs.sealing import (
    CHUNK_BYTES,
    HEADER_BYTES,
    SEALED_CHUNK_BYTES,
    TAG_BYTES,
    Opener,
    SealBroken,
    opened_stream,
    sealed_offset,
    sealed_stream,
)
from privateshare.platform.blobs.store import BlobNotFound, BlobStore, put

UNCHECKED_BYTES = 256 * 1024  # what holds more is sent while it is read, so its ends should be looked at first


class UnreadableBlob(Exception):
    """A sealed blob that is missing, was changed or cut, is under another key, or that the disk cannot read."""

    def __init__(self, blob: str, reason: str) -> None:
        super().__init__(f"{blob}: {reason}")
        self.blob, self.reason = blob, reason


def put_sealed(store: BlobStore, blob: str, key: bytes, context: bytes, chunks: Iterable[bytes]) -> int:
    """Stores a stream sealed, whole or not at all; the bytes it takes."""
    return put(store, blob, sealed_stream(key, context, chunks))


def read_sealed(store: BlobStore, blob: str, key: bytes, context: bytes) -> Iterator[bytes]:
    """Give the plain stream. Raises UnreadableBlob: at once if it is missing, else at the latest at its end."""
    with _telling_which(blob):
        pieces = opened_stream(key, context, store.read(blob))
    return _read(blob, pieces)


def check_ends(store: BlobStore, blob: str, key: bytes, context: bytes) -> None:
    """Check that a blob is whole from what is cheap to read: that it begins and ends as it should.

    What was changed in between is noticed when it is read. Raises UnreadableBlob.
    """
    reader = SealedReader(store, blob, key, context)
    reader.seek(max(0, reader.size - 1))
    reader.read(1)


def _read(blob: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with _telling_which(blob):
        yield from pieces


@contextmanager
def _telling_which(blob: str) -> Iterator[None]:
    try:
        yield
    except BlobNotFound as error:
        raise UnreadableBlob(blob, "it is missing") from error
    except SealBroken as error:
        raise UnreadableBlob(blob, str(error)) from error
    except OSError as error:
        if error.errno != errno.EIO:  # of all others some may pass
            raise
        raise UnreadableBlob(blob, "the disk cannot read it") from error


class SealedReader(io.RawIOBase):
    """A sealed blob as a seekable binary file of plain bytes. Raises UnreadableBlob where it was changed or cut."""

    def __init__(self, store: BlobStore, blob: str, key: bytes, context: bytes) -> None:
        self._store, self._blob, self._key, self._context = store, blob, key, context
        with _telling_which(blob):
            body = store.size(blob) - HEADER_BYTES
            self._chunks = max(1, -(-body // SEALED_CHUNK_BYTES))
            self._size = body - self._chunks * TAG_BYTES
            if self._size < 0:
                raise SealBroken("the sealed blob is cut")
            self._header = b"".join(store.read(blob, 0, HEADER_BYTES))
        self._position = 0
        self._cached: tuple[int, bytes] = (-1, b"")

    @property
    def size(self) -> int:
        """The plain bytes it has."""
        return self._size

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves as every file does."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer from the chunk that the position is in."""
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position, CHUNK_BYTES)
        data = self._chunk(number)[offset : offset + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _chunk(self, number: int) -> bytes:
        if self._cached[0] != number:
            with _telling_which(self._blob):
                opener = Opener(self._key, self._context, first_chunk=number)
                opener.update(self._header)
                sealed = b"".join(self._store.read(self._blob, sealed_offset(number), SEALED_CHUNK_BYTES))
                data = opener.update(sealed) + opener.close_at(last=number == self._chunks - 1)
            self._cached = (number, data)
        return self._cached[1]
