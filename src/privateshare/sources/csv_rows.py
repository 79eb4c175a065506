"""Rows of CSV tables of any size, as a stream."""

import csv
from collections.abc import Iterator
from io import TextIOWrapper

from privateshare.sources.archive import UploadedFile
from privateshare.sources.text_files import opened_text

MAX_LINE_CHARACTERS = 64 * 1024
DELIMITERS = (",", ";", "\t")


class BadTable(Exception):
    """The rest of a file cannot be read as a table."""


def rows_of(file: UploadedFile, delimiter: str | None = None) -> Iterator[list[str]]:
    """Yield the rows of a table, without white space around the cells. Rows without content are passed over.

    Args:
        file: The file.
        delimiter: What separates cells; if it is not given, what the first line has most of.

    Raises:
        BadTable: The rest of the file is no table.
    """
    with opened_text(file) as text:
        lines = _lines(text)
        try:
            if delimiter is None:
                first = next(lines, "")
                delimiter = max(DELIMITERS, key=first.count)
                lines = _with_first(first, lines)
            for row in csv.reader(lines, delimiter=delimiter):
                cells = [cell.strip() for cell in row]
                if any(cells):
                    yield cells
        except csv.Error as error:
            raise BadTable from error


def number_in(text: str) -> float | None:
    """Return the number in a cell; None if it is none. A comma is the decimal point if it is the only mark."""
    plain = text.replace("\xa0", "").replace(" ", "")
    if "," in plain:
        plain = plain.replace(",", "") if "." in plain else plain.replace(",", ".")
    try:
        number = float(plain)
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None


def _lines(text: TextIOWrapper) -> Iterator[str]:
    """Yield the lines of a text. Raises csv.Error if one is longer than any of a table."""
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS:
            raise csv.Error("the line is too long")
        yield line.replace("\0", "")


def _with_first(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
