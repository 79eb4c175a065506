"""Rows of CSV tables of any size, as a stream."""

import re
from collections.abc import Iterator
from itertools import chain

from privateshare.sources.archive import UploadedFile
from privateshare.sources.text_files import opened_text, table_lines, whole_rows

DELIMITERS = (",", ";", "\t")
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_COUNT = re.compile(r"[1-9]\d{0,2}([.,'\s\xa0\u202f])\d{3}(?:\1\d{3})*")
_NOT_DIGITS = re.compile(r"\D")
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,3})?")


def rows_of(file: UploadedFile) -> Iterator[list[str]]:
    """Yield the rows of a table, without white space around the cells. Rows without content are passed over.

    The delimiter is the one that the first line has most of. Raises csv.Error if the rest of the file is no table.
    """
    with opened_text(file) as text:
        lines = table_lines(text)
        first = next((line for line in lines if line.strip()), "")
        delimiter = max(DELIMITERS, key=first.count)
        for row in whole_rows(chain([first], lines), delimiter):
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield cells


def number_in(text: str) -> float | None:
    """Return the number in a cell; None if it is none, or may be two, such as 1,234.

    A comma is the decimal point if it is the only mark. Of commas and points, the last mark is the decimal point.
    """
    if _AMBIGUOUS.fullmatch(text.strip()):
        return None
    plain = text.replace("\xa0", "").replace("\u202f", "").replace(" ", "").replace("\u2212", "-")
    if "," in plain:
        thousands = "." if plain.rfind(",") > plain.rfind(".") else ","
        plain = plain.replace(thousands, "").replace(",", ".")
    if _NUMBER.fullmatch(plain) is None:
        return None
    number = float(plain)
    return number if abs(number) < 1e15 else None


def count_in(text: str) -> int | None:
    """Return the whole number in a cell, in which marks only separate thousands; None if it is none."""
    if _COUNT.fullmatch(text.strip()):
        return int(_NOT_DIGITS.sub("", text))
    number = number_in(text)
    return int(number) if number is not None and number.is_integer() else None
