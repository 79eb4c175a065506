"""The frames that the platform and the process that reads an archive exchange on two pipes.

The first frame to the reader says what to do (START). The reader requests bytes of the archive (READ) and receives them
(DATA), so it needs no files, keys or network. It sends the objects that it found (PAGE), and ends with a result
(RESULT), a problem of the archive (BROKEN), or a failure of its own (FAILED).

    frame: kind (1 byte), length of the content (8 bytes), content
    PAGE:  length of the head (4 bytes), head as JSON, the data of all entries
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import IO, Any

import orjson

from privateshare.protocol.window import Window
from privateshare.sources.entries import Entry, pack_entry, unpack_entry

HEADER = struct.Struct(">BQ")
PLACE = struct.Struct(">QQ")  # The content of READ: the position and the number of bytes.
LENGTH = struct.Struct(">I")
ONLY_NUMBERS, ONLY_TEXTS = {int}, {str}


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


def encode_page(page: EntryPage) -> list[bytes]:
    """Encode the content of a PAGE frame, in parts."""
    head = orjson.dumps([[type_, pack_entry(entry), len(entry.data)] for type_, entry in page.entries])
    return [LENGTH.pack(len(head)), head, *(entry.data for _, entry in page.entries)]


def decode_page(content: bytes) -> EntryPage:
    """Decode the result of `encode_page`. Raises FrameError if it is invalid."""
    try:
        (length,) = LENGTH.unpack_from(content)
        at, entries = LENGTH.size + length, []
        for object_type, packed, size in orjson.loads(content[LENGTH.size : at]):
            entries.append((object_type, unpack_entry(packed, content[at : at + size])))
            at += size
    except (struct.error, ValueError, TypeError) as error:
        raise FrameError("the content is not a page") from error
    if at != len(content) or not all(_is_sound(object_type, entry) for object_type, entry in entries):
        raise FrameError("the content is not a page")
    return EntryPage(entries)


def _is_sound(object_type: object, entry: Entry) -> bool:
    """Return whether all parts of an entry have the right types."""
    if b"\n" in entry.data or {type(object_type), type(entry.content), type(entry.order)} != ONLY_NUMBERS:
        return False
    texts, numbers = [entry.entity_id], _numbers(entry.moment, entry.window)
    if (provenance := entry.provenance) is not None:
        numbers += [provenance.order, *_numbers(provenance.version.number, provenance.version.updated)]
        texts += [provenance.subject, provenance.origin.server, provenance.origin.folder, provenance.origin.file]
    return {*map(type, numbers)} <= ONLY_NUMBERS and {*map(type, texts)} == ONLY_TEXTS


def _numbers(number: int | None, window: Window | None) -> list[int]:
    bounds = () if window is None else (window.start, window.end)
    return [one for one in (number, *bounds) if one is not None]
