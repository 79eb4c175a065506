"""Writing FIT files for samples and tests: a header, definitions and messages, without a valid checksum."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

EPOCH = datetime(1989, 12, 31, tzinfo=UTC)
ENUM, UINT8, SINT16, UINT16, UINT32, SINT32 = 0x00, 0x02, 0x83, 0x84, 0x86, 0x85
_SIZES = {ENUM: "B", UINT8: "B", SINT16: "h", UINT16: "H", UINT32: "I", SINT32: "i"}

Field = tuple[int, int, int]
"""The number of a field, its type, and its value."""


def message(number: int, fields: Sequence[Field]) -> bytes:
    """Return a definition, and one message after it."""
    defined = b"".join(struct.pack("BBB", one, struct.calcsize(_SIZES[kind]), kind) for one, kind, _ in fields)
    values = b"".join(struct.pack("<" + _SIZES[kind], value) for _, kind, value in fields)
    return struct.pack("<BBBHB", 0x40, 0, 0, number, len(fields)) + defined + b"\x00" + values


def fit(messages: Sequence[bytes], length: int | None = None) -> bytes:
    """Return a file of these messages. `length` is what its header says of it."""
    data = b"".join(messages)
    return struct.pack("<BBHI4s", 12, 0x20, 2132, length or len(data), b".FIT") + data + b"\0\0"


def seconds(moment: datetime) -> int:
    """Return a moment as FIT counts it."""
    return int((moment - EPOCH).total_seconds())
