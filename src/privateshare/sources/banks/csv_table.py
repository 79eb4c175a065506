"""A reader for the tables in a CSV file. Delimiter, headers, and lines around tables are detected by their content."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.amounts import written_amount
from privateshare.sources.banks.csv_words import AMOUNTS, DATES, REPEATED, Role, plain, role_of
from privateshare.sources.banks.dates import possible_dates, split_time
from privateshare.sources.banks.reasons import Problem, UnreadableStatement
from privateshare.sources.banks.text import bounded_lines, encoding_of, opened_text

SAMPLE_CHARACTERS = 128 * 1024
MAX_PREAMBLE_ROWS = 100
MAX_COLUMNS = 200
GENERIC_NAMES = frozenset({"name", "naam", "nimi", "partner"})
DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Form:
    """The encoding, delimiter and quoting of a file."""

    encoding: str
    delimiter: str
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The content of the columns of a table.

    Attributes:
        headers: The bank's headers.
        places: The positions of the columns of each role.
        currency: The currency in the header of the amounts.
        always: In a table without headers, the columns that every booking fills.
    """

    headers: tuple[str, ...]
    places: Mapping[Role, tuple[int, ...]]
    currency: str | None = None
    always: tuple[int, ...] = ()


class Row:
    """A row with its texts by role."""

    __slots__ = ("_cells", "_texts", "columns")

    def __init__(self, columns: TableColumns, cells: Sequence[str]) -> None:
        self.columns, self._cells = columns, cells
        self._texts: dict[Role, str] = {}
        for role, places in columns.places.items():
            for place in places:
                if place < len(cells) and (text := cells[place].strip()):
                    self._texts[role] = text
                    break

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def is_whole(self) -> bool:
        """Whether the row fills all columns that every booking fills."""
        return all(place < len(self._cells) and self._cells[place].strip() for place in self.columns.always)

    def other_cells(self) -> Iterator[str]:
        """Yield the cells of columns without a role."""
        known = {place for places in self.columns.places.values() for place in places}
        yield from (text.strip() for place, text in enumerate(self._cells) if place not in known)

    def cell(self, role: Role) -> str:
        """Return the first cell of a role that is not empty."""
        return self._texts.get(role, "")

    def cells(self, role: Role) -> list[str]:
        """Return all cells of a role that are not empty, without repetitions."""
        if role not in self._texts:
            return []
        places = self.columns.places[role]
        texts = (self._cells[place].strip() for place in places if place < len(self._cells))
        return list(dict.fromkeys(" ".join(text.split()) for text in texts if text))


@dataclass(slots=True)
class Section:
    """A table with the lines before it. A file can have several, such as one for each account."""

    number: int
    columns: TableColumns
    preamble: list[list[str]] = field(default_factory=list)


def columns_of(row: Sequence[str]) -> TableColumns | None:
    """Parse a header row.

    Returns:
        Its columns, or None if the row is not a header, which must have a date and an amount.
    """
    if not 2 <= len(row) <= MAX_COLUMNS or any(cell[:1].isdigit() for cell in row):
        return None
    found: dict[Role, tuple[int, ...]] = {}
    currency = None
    for place, header in enumerate(row):
        role, its_currency = role_of(header) if header.strip() else (Role.UNNAMED, None)
        if role is None or (role in found and role not in REPEATED):
            continue
        found[role] = (*found.get(role, ()), place)
        if role in AMOUNTS:
            currency = currency or its_currency
    if not DATES & found.keys() or not AMOUNTS & found.keys() or any(map(_is_value, row)):
        return None
    if parties := found.get(Role.PARTY):
        # A column that is only called "name" may contain the person's own name if another column has the counterparty.
        found[Role.PARTY] = tuple(sorted(parties, key=lambda place: plain(row[place]) in GENERIC_NAMES))
    return TableColumns(tuple(row), found, currency)


def _is_value(cell: str) -> bool:
    """Return whether a cell is a date or an amount, so that its row is not a header."""
    return bool(possible_dates(split_time(cell)[0])) or (
        written_amount(cell) is not None and any(map(str.isdigit, cell))
    )


def form_of(file: UploadedFile) -> Form:
    """Determine the most plausible encoding and delimiter of a file."""
    encoding = encoding_of(file, _known_headers)
    with opened_text(file, encoding) as text:
        sample = text.read(SAMPLE_CHARACTERS).replace("\0", "")
    complete = sample if len(sample) < SAMPLE_CHARACTERS else sample[: sample.rfind("\n") + 1]
    delimiter = max(DELIMITERS, key=lambda mark: _fitness(complete, mark))
    quoted = all(cell.count("\n") <= 20 for row in _sample_rows(complete, delimiter) for cell in row)
    return Form(encoding, delimiter, quoted)


def _known_headers(text: str) -> float:
    """Count the known headers in a text, with any delimiter."""
    return float(max((_roles_in(row) for mark in DELIMITERS for row in _sample_rows(text[:20_000], mark)), default=0))


def _roles_in(row: Sequence[str]) -> int:
    return len({role_of(cell)[0] for cell in row} - {None}) if 2 <= len(row) <= MAX_COLUMNS else 0


def _sample_rows(text: str, delimiter: str) -> list[list[str]]:
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    found: list[list[str]] = []
    with suppress(csv.Error):  # A cell that never ends is reported when the whole file is read.
        found.extend(rows)
    return found


def _fitness(text: str, delimiter: str) -> tuple[int, int]:
    """Rate a delimiter by the headers that it yields, then by the number of rows with the same number of cells."""
    rows = _sample_rows(text, delimiter)
    header = max((_roles_in(row) for row in rows[:MAX_PREAMBLE_ROWS] if columns_of(row) is not None), default=0)
    widths = Counter(len(row) for row in rows if len(row) > 1)
    width, count = widths.most_common(1)[0] if widths else (0, 0)
    return header, count * min(width, 12)


def rows_of(file: UploadedFile, form: Form) -> Iterator[list[str]]:
    """Yield all rows that are not empty.

    Raises:
        UnreadableStatement: A line is too long.
    """
    with opened_text(file, form.encoding, newline="") as text:
        rows = csv.reader(
            bounded_lines(text),
            delimiter=form.delimiter,
            quoting=csv.QUOTE_MINIMAL if form.quoted else csv.QUOTE_NONE,
        )
        try:
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield row if form.quoted else [cell.strip('" ') for cell in row]
        except csv.Error as error:
            raise UnreadableStatement(Problem.TOO_LONG_LINE) from error


def sections_of(file: UploadedFile, form: Form, headerless: TableColumns | None) -> Iterator[tuple[Section, Row]]:
    """Yield the rows below each header, with their section.

    Args:
        file: The statement.
        form: Its encoding and delimiter.
        headerless: The columns of a file that has no header.
    """
    section = Section(0, headerless) if headerless is not None else None
    preamble: list[list[str]] = []
    count = 0
    for row in rows_of(file, form):
        found = columns_of(row)
        if found is not None:
            section = Section(count, found, preamble)
            preamble, count = [], count + 1
        elif section is None:
            if len(preamble) < MAX_PREAMBLE_ROWS:
                preamble.append(row)
        else:
            # A short line between two tables may be the title of the next one.
            filled = [cell for cell in row if cell.strip()]
            preamble = [*preamble, row][-3:] if len(filled) <= 2 else []
            yield section, Row(section.columns, row)


def has_header(file: UploadedFile, form: Form) -> bool:
    """Return whether any of a file's first rows is a header."""
    for number, row in enumerate(rows_of(file, form)):
        if columns_of(row) is not None:
            return True
        if number > MAX_PREAMBLE_ROWS:
            break
    return False
