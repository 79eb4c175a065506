"""Records of any table or JSON file, with plain names of their fields, and their values."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone

from privateshare.sources.archive import UploadedFile
from privateshare.sources.csv_rows import count_in, number_in, rows_of
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.failures import Broken, Reason
from privateshare.sources.object_building import EARLIEST, LATEST, milliseconds

UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s records has no date or value that can be read.",
    "%(num)s of %(total)s records have no date or value that can be read.",
    Broken("The records of the file have no dates or values that can be read. Export your data again."),
)
COMMENT = "comment"
MAX_SECONDS = 2 * 86_400

Record = Mapping[str, str]

_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})")
_FRACTION = re.compile(r"[.,](\d+)")


def plain(name: str) -> str:
    """Return the name of a field as all layouts have it: `Bedtime Start` and `bedtime_start` are the same."""
    return _NOT_LETTERS.sub("_", name.casefold()).strip("_")


def plain_names(header: list[str]) -> list[str]:
    """Return the names of all columns as all layouts have them."""
    return [plain(name) for name in header]


def table_of(
    file: UploadedFile,
    export: UploadedExport,
    *,
    skipped_lines: int = 0,
    names: Callable[[list[str]], list[str]] = plain_names,
) -> Iterator[Record]:
    """Yield the rows of a table by the names of its columns. Damage is reported, and the rest is read.

    A row with more cells than there are columns is yielded without any: nobody knows which cell is of which column.
    """
    header: list[str] = []
    try:
        for number, row in enumerate(rows_of(file)):
            if number == skipped_lines:
                header = names(row)
            elif header:
                yield _record_of(header, row)
    except csv.Error:
        export.left_out.name_damaged_file(file.path)


def _record_of(header: list[str], row: list[str]) -> Record:
    surplus = len(row) - len(header)
    if surplus > 0 and any(row[len(header) :]):
        # Samsung Health does not quote what a person wrote, which is the only text that may have commas.
        place = header.index(COMMENT) if COMMENT in header else None
        if place is None:
            return {}
        if header[-1] and not row[-1]:  # Its rows end with a comma, and its header does not.
            surplus -= 1
        row = [*row[:place], ",".join(row[place : place + surplus + 1]), *row[place + surplus + 1 :]]
    return dict(zip(header, row, strict=False))


def first_rows(file: UploadedFile, number: int = 2) -> list[list[str]]:
    """Return the first rows of a table; fewer if it is no table."""
    found: list[list[str]] = []
    try:
        for row in rows_of(file):
            found.append(row)
            if len(found) == number:
                break
    except csv.Error:
        pass
    return found


def moment_in(text: str, offset: timedelta = timedelta()) -> int | None:
    """Read a time, in milliseconds since the epoch: text with or without a zone, or a number.

    Args:
        text: The time.
        offset: The offset from UTC of times without a zone.
    """
    if text.isascii() and text.isdigit():
        return milliseconds(text)
    try:
        found = datetime.fromisoformat(_FRACTION.sub(lambda part: f".{part[1][:6]}", text.strip()))
        found = found if found.tzinfo else found.replace(tzinfo=timezone(offset))
        return round(found.timestamp() * 1000) if EARLIEST <= found.astimezone(UTC) < LATEST else None
    except (ValueError, OverflowError):
        return None


def offset_in(text: str) -> timedelta | None:
    """Read an offset from UTC such as `UTC+0200`; None if it is none."""
    found = _OFFSET.search(text)
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return offset if found[1] == "+" else -offset


def day_at(moment: int, offset: timedelta | None) -> str:
    """Return the day of a moment where the person was."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC) + (offset or timedelta()):%Y-%m-%d}"


def number(record: Record, *names: str) -> float | None:
    """Return the first of some numbers that is there, and is not negative."""
    for name in names:
        found = number_in(record.get(name, ""))
        if found is not None and found >= 0:
            return found
    return None


def count(record: Record, name: str) -> int | None:
    """Return a count, such as steps; None if it is not there or negative."""
    found = count_in(record.get(name, ""))
    return found if found is not None and found >= 0 else None


def seconds(record: Record, *names: str, factor: float = 1.0) -> int | None:
    """Return a time in seconds; None if it is not there or longer than a sleep."""
    found = number(record, *names)
    return round(found * factor) if found is not None and found * factor <= MAX_SECONDS else None


def positive(value: float | None, factor: float = 1.0, digits: int = 3) -> float | None:
    """Return a number in another unit, if it is greater than 0."""
    rounded = round(value * factor, digits) if value is not None else 0
    return rounded if rounded > 0 else None


def whole(value: float | None) -> int | None:
    """Return a count as a whole number."""
    return round(value) if value is not None else None
