"""A sealed blob as a file that can be read from anywhere, chunk by chunk: what a zip reader needs."""

import io
from collections.abc import Iterable, Iterator
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
from privateshare.platform.blobs.store import BlobStore, put


def put_sealed(store: BlobStore, blob: str, key: bytes, context: bytes, chunks: Iterable[bytes]) -> int:
    """Stores a stream sealed, whole or not at all; the bytes it takes."""
    return put(store, blob, sealed_stream(key, context, chunks))


def read_sealed(store: BlobStore, blob: str, key: bytes, context: bytes) -> Iterator[bytes]:
    """The plain stream. Raises BlobNotFound at once, SealBroken at the latest at its end."""
    return opened_stream(key, context, store.read(blob))


class SealedReader(io.RawIOBase):
    """A sealed blob as a seekable binary file of plain bytes. Raises SealBroken where it was changed or cut."""

    def __init__(self, store: BlobStore, blob: str, key: bytes, context: bytes) -> None:
        self._store, self._blob, self._key, self._context = store, blob, key, context
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
            opener = Opener(self._key, self._context, first_chunk=number)
            opener.update(self._header)
            sealed = b"".join(self._store.read(self._blob, sealed_offset(number), SEALED_CHUNK_BYTES))
            data = opener.update(sealed) + opener.close_at(last=number == self._chunks - 1)
            self._cached = (number, data)
        return self._cached[1]
