"""Repositories of the AT Protocol: CAR files (version 1) with blocks in DAG-CBOR, read one block at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import cbor2

CID_TAG = 42
MAX_BLOCK_BYTES = 4 * 1024 * 1024
MAX_VARINT_BYTES = 9
DAG_CBOR = 0x71
SHA_256 = 0x12
MARK_BITS = 21
BYTE_ORDER_MARK = 0x6F | 0x3B << 7 | 0x3F << 14  # EF BB BF, as the lowest digits of a number.
MAX_DEPTH = 64  # Lists and maps in a block may be nested so deeply.


class NotACar(Exception):
    """The file is no CAR file."""


class DamagedCar(Exception):
    """The rest of the file cannot be read."""


@dataclass(frozen=True, slots=True)
class CarBlock:
    """A block: its content id, and its content; None if it cannot be read."""

    cid: bytes
    content: Any


@dataclass(frozen=True, slots=True)
class Cid:
    """A reference to another block."""

    data: bytes


def blocks_of(stream: IO[bytes]) -> Iterator[CarBlock]:
    """Yield the blocks of a file.

    Raises:
        NotACar: It does not begin as a CAR file.
        DamagedCar: It was cut off, or the rest is damaged.
    """
    try:
        length = _header_length(stream)
        header = _decoded(_exactly(stream, length)) if length is not None and 0 < length <= MAX_BLOCK_BYTES else None
    except DamagedCar as error:
        raise NotACar from error
    if not isinstance(header, dict) or header.get("version") != 1 or not isinstance(header.get("roots"), list):
        raise NotACar
    while (length := _varint(stream)) is not None:
        if not 0 < length <= MAX_BLOCK_BYTES:
            raise DamagedCar
        data = _exactly(stream, length)
        size = _cid_size(data)
        yield CarBlock(data[:size], _decoded(data[size:]))


def _header_length(stream: IO[bytes]) -> int | None:
    """Read the length of the header. A byte order mark, which some programs add, reads as its lowest digits."""
    length = _varint(stream)
    if length is not None and length & ((1 << MARK_BITS) - 1) == BYTE_ORDER_MARK:
        return length >> MARK_BITS
    return length


def _varint(stream: IO[bytes]) -> int | None:
    """Read a number; None at the end of the file. Raises DamagedCar if it is incomplete."""
    value = 0
    for number in range(MAX_VARINT_BYTES):
        byte = stream.read(1)
        if not byte:
            if number:
                raise DamagedCar
            return None
        value |= (byte[0] & 0x7F) << (7 * number)
        if byte[0] < 0x80:
            return value
    raise DamagedCar


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise DamagedCar
    return data


def _cid_size(data: bytes) -> int:
    """Return the size of the content id at the start of a section: version 1, its codec, and a SHA-256 hash."""
    if data[:1] != b"\x01" or data[2:4] != bytes((SHA_256, 32)):
        raise DamagedCar
    return 36


def _decoded(data: bytes) -> Any:
    """Return the content of a block; None if it is not DAG-CBOR."""
    try:
        return cbor2.loads(data, tag_hook=_reference, max_depth=MAX_DEPTH)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError):
        return None


def _reference(tag: Any, _immutable: bool = False) -> Any:
    return Cid(tag.value) if tag.tag == CID_TAG and isinstance(tag.value, bytes) else None
