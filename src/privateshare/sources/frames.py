"""What a process that reads an archive and the one that started it say to each other: frames on two pipes.

The reader asks for bytes of the archive (READ) and gets them (DATA), so it needs no file, no key and no network. It
gives what it found (PAGE), and ends with a RESULT, with what is wrong (BROKEN), or with what failed in it (FAILED). The
first frame that it gets tells it what to do (START).

    frame: kind (1 byte), length of the rest (8 bytes), the rest
    PAGE:  length of its head (4 bytes), its head as JSON, the objects one after the other
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
PLACE = struct.Struct(">QQ")  # of a READ: from where, and how many bytes
LENGTH = struct.Struct(">I")


class FrameKind(IntEnum):
    """What a frame is."""

    START = 1
    READ = 2
    DATA = 3
    PAGE = 4
    RESULT = 5
    BROKEN = 6
    FAILED = 7


class FrameError(Exception):
    """What came is no frame, or none that may come here."""


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some objects with their types, ready to be kept, and what says that some were deleted."""

    entries: Sequence[tuple[int, Entry]]


def write_frame(pipe: IO[bytes], kind: FrameKind, *parts: bytes) -> None:
    """Sends a frame."""
    pipe.write(HEADER.pack(kind, sum(len(part) for part in parts)))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read_frame(pipe: IO[bytes], max_bytes: int) -> tuple[FrameKind, bytes] | None:
    """The next frame, None at the end. Raises FrameError if it is none, breaks off, or has more than `max_bytes`."""
    header = pipe.read(HEADER.size)
    if not header:
        return None
    if len(header) < HEADER.size:
        raise FrameError("a frame breaks off")
    number, length = HEADER.unpack(header)
    try:
        kind = FrameKind(number)
    except ValueError as error:
        raise FrameError("a frame of an unknown kind") from error
    if length > max_bytes:
        raise FrameError("a frame that is too large")
    content = pipe.read(length)
    if len(content) < length:
        raise FrameError("a frame breaks off")
    return kind, content


def encode_json(value: Mapping[str, Any]) -> bytes:
    """The content of a frame that is JSON."""
    return orjson.dumps(value)


def decode_json(content: bytes) -> dict[str, Any]:
    """What `encode_json` made this of. Raises FrameError."""
    try:
        value = orjson.loads(content)
    except ValueError as error:
        raise FrameError("no JSON") from error
    if not isinstance(value, dict):
        raise FrameError("no object")
    return value


def encode_page(page: EntryPage) -> list[bytes]:
    """The parts of a PAGE."""
    head = orjson.dumps([[type_, pack_entry(entry), len(entry.data)] for type_, entry in page.entries])
    return [LENGTH.pack(len(head)), head, *(entry.data for _, entry in page.entries)]


def decode_page(content: bytes) -> EntryPage:
    """The page of a PAGE, if it is as `encode_page` makes them. Raises FrameError."""
    try:
        (length,) = LENGTH.unpack_from(content)
        at, entries = LENGTH.size + length, []
        for object_type, packed, size in orjson.loads(content[LENGTH.size : at]):
            entries.append((object_type, unpack_entry(packed, content[at : at + size])))
            at += size
    except (struct.error, ValueError, TypeError) as error:
        raise FrameError("no page") from error
    if at != len(content) or not all(_is_sound(object_type, entry) for object_type, entry in entries):
        raise FrameError("no page")
    return EntryPage(entries)


def _is_sound(object_type: object, entry: Entry) -> bool:
    """Whether every part of an entry is of its type. Where it comes from is compared, and no more."""
    numbers = [object_type, entry.content, entry.order, *_numbers(entry.moment, entry.window)]
    texts = [entry.entity_id]
    if (mark := entry.mark) is not None:
        numbers += [mark.order, *_numbers(mark.version.number, mark.version.updated)]
        texts += [mark.subject, mark.origin.server, mark.origin.folder, mark.origin.file]
    is_sound = all(isinstance(number, int) for number in numbers) and all(isinstance(text, str) for text in texts)
    return is_sound and b"\n" not in entry.data


def _numbers(number: int | None, window: Window | None) -> list[int]:
    bounds = (window.start, window.end) if window is not None else ()
    return [one for one in (number, *bounds) if one is not None]
