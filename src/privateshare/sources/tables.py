"""Tables in the files of exports: CSV with columns in any order and language.

Encoding, delimiter and header are found by the content. Lines before the header, such as notes, are passed over.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from typing import Any

from privateshare.sources.archive import UploadedFile
from privateshare.sources.csv_rows import number_in
from privateshare.sources.object_building import Mapped, exact_moment
from privateshare.sources.text_files import opened_text, table_lines, whole_rows
from privateshare.sources.written_dates import MAX_CHARACTERS, WrittenDates

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_CHARACTERS = 32 * 1024
MAX_ROWS_BEFORE_HEADER = 30
MAX_COLUMNS = 500
MIDNIGHT = " 00:00"  # Written dates are read with a time.
ESCAPE = "\\"
_YEAR_FIRST = re.compile(r"\d{4}")
_SHORTENED = re.compile(r"\d[.,]\d+E\+\d+")
_CLOCK = re.compile(r"\d:\d\d|\d\.\d\d\b.*\d\.\d\d\.")


class NotATable(Exception):
    """The file contains none of the tables that are looked for."""


class UnclearTableDates(Exception):
    """The dates of a table do not show the order of day and month."""


@dataclass(frozen=True, slots=True)
class TableKind:
    """One of the tables of an export.

    Attributes:
        columns: The names that each column has had, in all years and languages. Case, spaces and signs do not matter.
        needed: The columns by which the table is recognized.
        objects: Yields the objects of a row. Its first argument is the reader of the export. It raises ValueError if
            the row cannot be read, and yields nothing for a row that is not imported.
        written: The columns with dates in the notation of a country, such as 3/4/23.
        complete: The object types of which such a table has everything that the source has.
        files: A pattern of the names of its files, if tables of something else have the same columns.
    """

    columns: Mapping[str, Sequence[str]]
    needed: Sequence[str]
    objects: Callable[[Any, "TableRow"], Iterator[Mapped]]
    written: Sequence[str] = ()
    files: str = ""
    complete: Sequence[int] = ()

    def may_be_in(self, path: str) -> bool:
        """Return whether a file with this path may contain such a table."""
        return not self.files or re.search(self.files, path.rsplit("/", 1)[-1], re.IGNORECASE) is not None


@dataclass(slots=True)
class TableRow:
    """A row of a table."""

    cells: Sequence[str]
    places: Mapping[str, int]
    file: str = ""
    dates: WrittenDates | None = None

    def text(self, column: str) -> str:
        """Return the text in a column; empty if there is none."""
        place = self.places.get(column, len(self.cells))
        return self.cells[place].strip() if place < len(self.cells) else ""

    def identifier(self, column: str) -> str:
        """Return the id in a column; empty if there is none, or a spreadsheet made it a number such as 1.12346E+17."""
        text = self.text(column)
        return "" if _SHORTENED.fullmatch(text) else text

    def moment(self, column: str) -> int | None:
        """Return the date in a column in milliseconds since the epoch; None if there is none that can be read."""
        text = self.text(column)
        if (moment := exact_moment(text)) is not None:
            return moment
        return self.dates.read(_with_time(text)) if self.dates is not None and text else None

    def needed_moment(self, column: str) -> int:
        """Return the date in a column. Raises ValueError if there is none that can be read."""
        moment = self.moment(column)
        if moment is None:
            raise ValueError("the row has no date")
        return moment

    def needed_text(self, column: str) -> str:
        """Return the text in a column. Raises ValueError if there is none."""
        if not (text := self.text(column)):
            raise ValueError("the row has no text")
        return text

    def number(self, column: str) -> float | None:
        """Return the number in a column; None if there is none, or it may be two, such as 1,234."""
        return number_in(self.text(column))


@dataclass(frozen=True, slots=True)
class Notation:
    """How the cells of a table are written: the delimiter, and whether quotes in cells have a backslash before them."""

    delimiter: str
    escaped: bool

    def rows(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Yield the rows. Raises csv.Error if the table is damaged or was cut off."""
        return whole_rows(lines, self.delimiter, ESCAPE if self.escaped else None)


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table that was found in a file."""

    kind: TableKind
    file: UploadedFile
    notation: Notation
    header: int
    places: Mapping[str, int] = field(repr=False)

    def rows(self, now: datetime) -> Iterator[TableRow]:
        """Yield the rows.

        Raises:
            UnclearTableDates: Its dates can be read in two ways.
            csv.Error: The table is damaged.
        """
        dates = self._dates(now)
        for cells in self._cells():
            yield TableRow(cells, self.places, self.file.path, dates)

    def _dates(self, now: datetime) -> WrittenDates | None:
        columns = [column for column in self.kind.written if column in self.places]
        if not columns:
            return None
        dates, unclear = WrittenDates(now), ""
        with suppress(csv.Error):  # What is before the damage is read.
            for cells in self._cells():
                row = TableRow(cells, self.places)
                for column in columns:
                    text = row.text(column)
                    # Also dates with one meaning, such as 4/25/2023, show the order of the others.
                    is_date = bool(text) and not _YEAR_FIRST.match(text) and dates.learn(_with_time(text))
                    if is_date and not unclear and WrittenDates.is_ambiguous(_with_time(text)):
                        unclear = text
        if unclear and dates.read(_with_time(unclear)) is None:
            raise UnclearTableDates
        return dates

    def _cells(self) -> Iterator[list[str]]:
        with opened_text(self.file) as text:
            for number, cells in enumerate(self.notation.rows(table_lines(text))):
                if number > self.header and any(cell.strip() for cell in cells):
                    yield cells


def find_table(file: UploadedFile, kinds: Sequence[TableKind]) -> FoundTable:
    """Find the table that has most columns of one of the kinds. Raises NotATable."""
    with opened_text(file) as text:
        sample = text.read(SAMPLE_CHARACTERS).replace("\0", "")
    kinds = [kind for kind in kinds if kind.may_be_in(file.path)]
    best: tuple[int, FoundTable] | None = None
    for delimiter in DELIMITERS:
        if delimiter not in sample:
            continue
        # A backslash before a quote that ends a cell is a part of the text.
        escaped = re.search(rf'[^\\]\\"(?![{re.escape(delimiter)}\r\n]|$)', sample) is not None
        notation = Notation(delimiter, escaped)
        for number, cells in enumerate(_sample_rows(sample, notation)):
            if not 1 < len(cells) <= MAX_COLUMNS:
                continue
            names = _places(cells)
            for kind in kinds:
                places = _places_of(kind, names)
                if places is not None and (best is None or len(places) > best[0]):
                    best = len(places), FoundTable(kind, file, notation, number, places)
    if best is None:
        raise NotATable
    return best[1]


def plain_name(text: str) -> str:
    """Return the name of a column with only its letters and digits, without case."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _places(cells: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        found.setdefault(plain_name(cell), place)
    return found


def _places_of(kind: TableKind, names: Mapping[str, int]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for column, spellings in kind.columns.items():
        place = next((names[name] for spelling in spellings if (name := plain_name(spelling)) in names), None)
        if place is not None:
            found[column] = place
    return found if all(column in found for column in kind.needed) else None


def _sample_rows(sample: str, notation: Notation) -> Iterator[list[str]]:
    rows = notation.rows(StringIO(sample, newline=""))
    for _ in range(MAX_ROWS_BEFORE_HEADER):
        try:
            yield next(rows)
        except (csv.Error, StopIteration):
            return


def _with_time(text: str) -> str:
    return text if len(text) > MAX_CHARACTERS or _CLOCK.search(text) else text + MIDNIGHT
