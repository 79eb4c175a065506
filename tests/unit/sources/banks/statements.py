"""Reading statements in tests."""

import io
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.sources.banks.booking import Booking
from privateshare.sources.banks.mapping import transaction
from privateshare.sources.banks.statements import NumberedBooking, read_upload
from privateshare.sources.failures import LeftOut

TODAY = date(2026, 11, 29)


def numbered(data: bytes, left_out: LeftOut | None = None) -> list[NumberedBooking]:
    """Every booking of an upload with its id."""
    found = list(read_upload(io.BytesIO(data), left_out or LeftOut(), TODAY, 201))
    check_objects(201, [transaction(one.booking, one.day, one.id, "17_x") for one in found])
    return found


def bookings(data: bytes | str, left_out: LeftOut | None = None) -> list[Booking]:
    """Every booking of a statement."""
    return [found.booking for found in numbered(data.encode() if isinstance(data, str) else data, left_out)]


def moves(data: bytes | str) -> list[tuple[str, Decimal]]:
    """The days and amounts of a statement."""
    return [(str(booking.day), booking.amount) for booking in bookings(data)]


def ids(files: Mapping[str, bytes | str]) -> list[str]:
    """The ids of the bookings in a zip of these files."""
    data = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    return [found.id for found in numbered(zipped(data))]


def reasons(left_out: LeftOut) -> dict[str, int]:
    """How many entries were left out, by the code of the reason."""
    return {reason.code: number for reason, number in left_out.by_reason().items()}
