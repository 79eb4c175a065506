"""The frames that the platform and the process that reads an archive exchange on two pipes.

The first frame to the reader says what to do (START). The reader requests bytes of the archive (READ) and receives them
(DATA), so it needs no files, keys or network. It sends the objects that it found (PAGE), and ends with a result
(RESULT), a problem of the archive (BROKEN), or a failure of its own (FAILED).

    frame: kind (1 byte), length of the content (8 bytes), content
    PAGE:  compressed by zstd: length of the types (4 bytes), types as JSON, entries as in `entries.py`
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import IO, Any

import orjson

from privateshare.protocol import zstd
from privateshare.sources.contract import PAGE_OBJECTS, EncodedObjects
from privateshare.sources.entries import LENGTH, NUMBERS, Entry, OwnerChange, pack_encoded, pack_entries, unpack_entries

HEADER = struct.Struct(">BQ")
PLACE = struct.Struct(">QQ")  # The content of READ: the position and the number of bytes.
PAGE_LEVEL = 1  # Pages are compressed only until the import.
MEGABYTE = 1024 * 1024
MAX_PAGE_BYTES = 96 * MEGABYTE  # A page has up to 8 MB, and one last object of up to 64 MB.
MAX_PAGE_ENTRIES = 2 * PAGE_OBJECTS  # A page contains objects, and records of deleted objects.


class FrameKind(IntEnum):
    """The kind of a frame."""

    START = 1
    READ = 2
    DATA = 3
    PAGE = 4
    RESULT = 5
    BROKEN = 6
    FAILED = 7


class FrameError(Exception):
    """The received data is not a frame, or not one that is expected."""


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries for objects and deletions, with their object types."""

    entries: Sequence[tuple[int, Entry]]


def write_frame(pipe: IO[bytes], kind: FrameKind, *parts: bytes) -> None:
    """Send a frame."""
    pipe.write(HEADER.pack(kind, sum(len(part) for part in parts)))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read_frame(pipe: IO[bytes], max_bytes: int) -> tuple[FrameKind, bytes] | None:
    """Receive the next frame; None at the end.

    Raises:
        FrameError: The frame is invalid, incomplete, or larger than `max_bytes`.
    """
    header = pipe.read(HEADER.size)
    if not header:
        return None
    if len(header) < HEADER.size:
        raise FrameError("the frame is incomplete")
    number, length = HEADER.unpack(header)
    try:
        kind = FrameKind(number)
    except ValueError as error:
        raise FrameError("the kind of the frame is unknown") from error
    if length > max_bytes:
        raise FrameError("the frame is too large")
    content = pipe.read(length)
    if len(content) < length:
        raise FrameError("the frame is incomplete")
    return kind, content


def encode_json(value: Mapping[str, Any]) -> bytes:
    """Encode a JSON object as the content of a frame."""
    return orjson.dumps(value)


def decode_json(content: bytes) -> dict[str, Any]:
    """Decode the result of `encode_json`. Raises FrameError if it is invalid."""
    try:
        value = orjson.loads(content)
    except ValueError as error:
        raise FrameError("the content is not JSON") from error
    if not isinstance(value, dict):
        raise FrameError("the content is not a JSON object")
    return value


def encode_page(page: EntryPage, *, with_contents: bool) -> bytes:
    """Encode the content of a PAGE frame. `with_contents` has the meaning that it has in `pack_entries`."""
    entries = pack_entries([entry for _, entry in page.entries], with_contents=with_contents)
    return _compressed([object_type for object_type, _ in page.entries], entries)


def encode_encoded_page(encoded: EncodedObjects) -> bytes:
    """Encode the content of a PAGE frame for objects that the source encoded itself."""
    return _compressed([encoded.object_type] * len(encoded.ids), pack_encoded(encoded))


def _compressed(object_types: Sequence[int], entries: Sequence[bytes]) -> bytes:
    types = orjson.dumps(object_types)
    return zstd.compress(b"".join((LENGTH.pack(len(types)), types, *entries)), PAGE_LEVEL)


def decode_page(content: bytes, change: OwnerChange | None = None) -> EntryPage:
    """Decode the result of `encode_page`.

    Args:
        content: The result, which a reader may have forged.
        change: Another name for the owner of the objects.

    Raises:
        FrameError: It is invalid.
    """
    try:
        decompressor = zstd.ZstdDecompressor()
        packed = decompressor.decompress(content, MAX_PAGE_BYTES)
        (length,) = LENGTH.unpack_from(packed)
        at = LENGTH.size + length
        types = orjson.loads(packed[LENGTH.size : at])
        entries = unpack_entries(packed[at:], change)
        page = EntryPage(list(zip(types, entries, strict=True)))
    except (struct.error, ValueError, TypeError, zstd.ZstdError) as error:
        raise FrameError("the content is not a page") from error
    if not decompressor.eof or len(entries) > MAX_PAGE_ENTRIES or {*map(type, types)} - NUMBERS:
        raise FrameError("the content is not a page")
    return page
