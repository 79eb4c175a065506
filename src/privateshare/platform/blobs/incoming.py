"""Uploads: write a stream from a socket into a blob store, completely or not at all, in constant memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Protocol

from privateshare.errors import InvalidRequest, RequestTooLarge
from privateshare.platform.blobs.sealing import Sealer
from privateshare.platform.blobs.store import BlobStore, BlobWriter

WRITE_BUFFER_BYTES = 1024 * 1024
# The job that deletes blobs without a row (`sync/orphans.py`) could delete the blob of an upload that takes longer.
MAX_UPLOAD_DURATION = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Received:
    """The size of an uploaded file in bytes, and its SHA-256 in hex; both of the data before encryption."""

    size: int
    sha256: str


class _Encoder(Protocol):
    def update(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _Identity:
    def update(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


async def receive(
    store: BlobStore, blob: str, chunks: AsyncIterator[bytes], max_bytes: int, sealer: Sealer | None = None
) -> Received:
    """Store a stream under a key, encrypted if there is a sealer.

    On any error nothing is stored.

    Raises:
        RequestTooLarge: The stream has more than `max_bytes`.
        InvalidRequest: The upload takes longer than MAX_UPLOAD_DURATION.
    """
    upload = _Upload(store, blob, sealer or _Identity())
    deadline = monotonic() + MAX_UPLOAD_DURATION.total_seconds()
    try:
        async for piece, is_last in _buffered(chunks):
            upload.size += len(piece)
            if upload.size > max_bytes:
                raise RequestTooLarge(f"The file is larger than the limit of {max_bytes} bytes")
            if monotonic() > deadline:
                raise InvalidRequest("The upload took too long. Nothing was stored", status=408)
            await asyncio.to_thread(upload.write, piece, is_last=is_last)
    except BaseException:  # A cancellation must not leave a part of a file either.
        await asyncio.to_thread(upload.abort)
        raise
    return Received(upload.size, upload.sha256.hexdigest())


@dataclass(slots=True)
class _Upload:
    """A blob while it is written. Its methods block."""

    store: BlobStore
    blob: str
    encoder: _Encoder
    size: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    writer: BlobWriter | None = None

    def write(self, data: bytes, *, is_last: bool) -> None:
        """Write the next data. After the last data the blob is complete and durable."""
        self.writer = self.writer or self.store.writer(self.blob)
        self.sha256.update(data)
        self.writer.write(self.encoder.update(data))
        if is_last:
            self.writer.write(self.encoder.finish())
            self.writer.commit()

    def abort(self) -> None:
        """Discard what was written, unless it is complete."""
        if self.writer is not None:
            self.writer.abort()


async def _buffered(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    """Yield the data in larger pieces, each with whether it is the last one. A small file is a single piece."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        if len(buffer) >= WRITE_BUFFER_BYTES:
            yield bytes(buffer), False
            buffer.clear()
    yield bytes(buffer), True
