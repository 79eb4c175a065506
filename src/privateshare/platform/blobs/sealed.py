"""Encrypted blobs: written and read as a stream, or read as a seekable file, as a zip reader needs."""

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
    seal_stream,
    sealed_offset,
    unseal_stream,
)
from privateshare.platform.blobs.store import BlobNotFound, BlobStore, put

# A larger blob is sent while it is read, so its header and last chunk should be checked before the response begins.
CHECK_ENDS_ABOVE_BYTES = 256 * 1024


class UnreadableBlob(Exception):
    """An encrypted blob is missing, changed, truncated, encrypted with another key, or the disk cannot read it."""

    def __init__(self, blob: str, reason: str) -> None:
        super().__init__(f"{blob}: {reason}")
        self.blob, self.reason = blob, reason


def put_sealed(store: BlobStore, blob: str, key: bytes, context: bytes, chunks: Iterable[bytes]) -> int:
    """Encrypt and store a stream, completely or not at all. Return the size of the stored blob in bytes."""
    return put(store, blob, seal_stream(key, context, chunks))


def read_sealed(store: BlobStore, blob: str, key: bytes, context: bytes) -> Iterator[bytes]:
    """Return the decrypted stream.

    Raises UnreadableBlob: at once if the blob is missing, otherwise while or after its last piece is read.
    """
    with _unreadable_errors(blob):
        pieces = unseal_stream(key, context, store.read(blob))
    return _read(blob, pieces)


def check_ends(store: BlobStore, blob: str, key: bytes, context: bytes) -> None:
    """Check the header and the last chunk of a blob, which is cheap and detects truncation.

    Changes in between are detected when the blob is read. Raises UnreadableBlob.
    """
    reader = SealedReader(store, blob, key, context)
    reader.seek(max(0, reader.size - 1))
    reader.read(1)


def _read(blob: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with _unreadable_errors(blob):
        yield from pieces


@contextmanager
def _unreadable_errors(blob: str) -> Iterator[None]:
    try:
        yield
    except BlobNotFound as error:
        raise UnreadableBlob(blob, "it is missing") from error
    except SealBroken as error:
        raise UnreadableBlob(blob, str(error)) from error
    except OSError as error:
        if error.errno != errno.EIO:  # Other errors may be temporary.
            raise
        raise UnreadableBlob(blob, "the disk cannot read it") from error


class SealedReader(io.RawIOBase):
    """An encrypted blob as a seekable binary file of plain bytes.

    Reading raises UnreadableBlob where the blob was changed or truncated.
    """

    def __init__(self, store: BlobStore, blob: str, key: bytes, context: bytes) -> None:
        self._store, self._blob, self._key, self._context = store, blob, key, context
        with _unreadable_errors(blob):
            body = store.size(blob) - HEADER_BYTES
            self._chunks = max(1, -(-body // SEALED_CHUNK_BYTES))
            self._size = body - self._chunks * TAG_BYTES
            if self._size < 0:
                raise SealBroken("the blob is truncated")
            self._header = b"".join(store.read(blob, 0, HEADER_BYTES))
        self._position = 0
        self._cached: tuple[int, bytes] = (-1, b"")

    @property
    def size(self) -> int:
        """Return the size of the decrypted data in bytes."""
        return self._size

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read into the buffer, at most to the end of the current chunk. Return the number of bytes read."""
        if self._position >= self._size:
            return 0
        number, offset = divmod(self._position, CHUNK_BYTES)
        data = self._chunk(number)[offset : offset + len(buffer)]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _chunk(self, number: int) -> bytes:
        if self._cached[0] != number:
            with _unreadable_errors(self._blob):
                opener = Opener(self._key, self._context, first_chunk=number)
                opener.update(self._header)
                sealed = b"".join(self._store.read(self._blob, sealed_offset(number), SEALED_CHUNK_BYTES))
                data = opener.update(sealed) + opener.close_at(last=number == self._chunks - 1)
            self._cached = (number, data)
        return self._cached[1]
