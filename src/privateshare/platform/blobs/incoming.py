"""Bytes on their way in, from a socket into a store: whole or not at all, in constant memory."""

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

PIECE_BYTES = 1024 * 1024  # what is gathered before a thread writes it
LONGEST_ARRIVAL = timedelta(days=1)  # an upload that takes longer would look like one that nobody recorded


@dataclass(frozen=True, slots=True)
class Received:
    """What arrived: bytes before sealing, and their SHA-256 in hex."""

    size: int
    sha256: str


class _Coat(Protocol):
    def update(self, data: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


class _NoCoat:
    def update(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


async def receive(
    store: BlobStore, blob: str, chunks: AsyncIterator[bytes], max_bytes: int, sealer: Sealer | None = None
) -> Received:
    """Stores a stream under a key, sealed if there is a sealer.

    Raises RequestTooLarge, InvalidRequest if it takes longer than LONGEST_ARRIVAL, and whatever the stream raises
    when it breaks off; then nothing is stored.
    """
    coat: _Coat = sealer or _NoCoat()
    writer = await asyncio.to_thread(store.writer, blob)
    seen, size, give_up = hashlib.sha256(), 0, monotonic() + LONGEST_ARRIVAL.total_seconds()

    def write(data: bytes) -> None:
        seen.update(data)
        writer.write(coat.update(data))

    def end() -> None:
        writer.write(coat.finish())
        writer.commit()

    try:
        async for piece in _gathered(chunks):
            size += len(piece)
            if size > max_bytes:
                raise RequestTooLarge(f"The file is larger than the {max_bytes} bytes that are allowed")
            if monotonic() > give_up:
                raise InvalidRequest("The file took too long to arrive; nothing was kept", status=408)
            await asyncio.to_thread(write, piece)
        await asyncio.to_thread(end)
    finally:
        await asyncio.to_thread(writer.abort)
    return Received(size, seen.hexdigest())


async def _gathered(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
