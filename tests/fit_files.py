"""FIT files that tests write: a header, definitions and messages, and a checksum that no reader of ours needs."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime

EPOCH = datetime(1989, 12, 31, tzinfo=UTC)
ENUM, UINT8, UINT16, UINT32, SINT32 = 0x00, 0x02, 0x84, 0x86, 0x85
_SIZES = {ENUM: "B", UINT8: "B", UINT16: "H", UINT32: "I", SINT32: "i"}
FILE_ID, SESSION, RECORD, ACTIVITY = 0, 18, 20, 34
RUNNING, CYCLING = 1, 2

Field = tuple[int, int, int]
"""The number of a field, its type, and its value."""


def message(number: int, fields: Sequence[Field]) -> bytes:
    """A definition, and one message after it."""
    defined = b"".join(struct.pack("BBB", one, struct.calcsize(_SIZES[kind]), kind) for one, kind, _ in fields)
    values = b"".join(struct.pack("<" + _SIZES[kind], value) for _, kind, value in fields)
    return struct.pack("<BBBHB", 0x40, 0, 0, number, len(fields)) + defined + b"\x00" + values


def fit(messages: Sequence[bytes], length: int | None = None) -> bytes:
    """A file of these messages. `length` is what its header says of it."""
    data = b"".join(messages)
    return struct.pack("<BBHI4s", 12, 0x20, 2132, length or len(data), b".FIT") + data + b"\0\0"


def seconds(moment: datetime) -> int:
    """A moment as FIT counts it."""
    return int((moment - EPOCH).total_seconds())


def semicircles(degrees: float) -> int:
    return round(degrees * 2**31 / 180)


def point(moment: datetime, latitude: float = 52.0, longitude: float = 5.0, heart: int = 140) -> bytes:
    """A point, at 20 m of height."""
    place = [(0, SINT32, semicircles(latitude)), (1, SINT32, semicircles(longitude)), (2, UINT16, (20 + 500) * 5)]
    return message(RECORD, [(253, UINT32, seconds(moment)), *place, (3, UINT8, heart)])


def session(start: datetime, lasted: int, sport: int = RUNNING, metres: int = 1000) -> bytes:
    """A session of so many seconds."""
    times = [(253, UINT32, seconds(start) + lasted), (2, UINT32, seconds(start)), (7, UINT32, lasted * 1000)]
    rates = [(16, UINT8, 150), (17, UINT8, 170), (18, UINT8, 85), (11, UINT16, 99)]
    return message(SESSION, [*times, (8, UINT32, lasted * 1000), (5, ENUM, sport), (9, UINT32, metres * 100), *rates])


def file_id() -> bytes:
    """The head of an activity by Garmin."""
    return message(FILE_ID, [(0, ENUM, 4), (1, UINT16, 1)])


def activity(moment: datetime, offset_hours: int) -> bytes:
    """The last message, with the local time."""
    local = seconds(moment) + offset_hours * 3600
    return message(ACTIVITY, [(253, UINT32, seconds(moment)), (5, UINT32, local)])


def run(start: datetime, lasted: int = 600) -> bytes:
    """A run with a point each minute."""
    points = [
        point(datetime.fromtimestamp(start.timestamp() + second, UTC), 52 + second / 100_000)
        for second in range(0, lasted + 1, 60)
    ]
    return fit([file_id(), *points, session(start, lasted), activity(start, 2)])
