"""Uploads: write a stream from a socket into a blob store, completely or not at all, in constant memory."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Protocol

from privateshare.errors import InvalidRequest, RequestTooLarge
from privateshare.platform.blobs.sealing import Sealer
from privateshare.platform.blobs.store import BlobStore

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
    encoder: _Encoder = sealer or _Identity()
    writer = await asyncio.to_thread(store.writer, blob)
    sha256, size, deadline = hashlib.sha256(), 0, monotonic() + MAX_UPLOAD_DURATION.total_seconds()

    def write(data: bytes) -> None:
        sha256.update(data)
        writer.write(encoder.update(data))

    def end() -> None:
        writer.write(encoder.finish())
        writer.commit()

    try:
        async for piece in _buffered(chunks):
            size += len(piece)
            if size > max_bytes:
                raise RequestTooLarge(f"The file is larger than the limit of {max_bytes} bytes")
            if monotonic() > deadline:
                raise InvalidRequest("The upload took too long. Nothing was stored", status=408)
            await asyncio.to_thread(write, piece)
        await asyncio.to_thread(end)
    finally:
        await asyncio.to_thread(writer.abort)
    return Received(size, sha256.hexdigest())


async def _buffered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        if len(buffer) >= WRITE_BUFFER_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)
