"""Opening files of an upload as text."""

import codecs
import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedIOBase, BufferedReader, TextIOWrapper
from typing import IO, cast

from privateshare.sources.archive import UploadedFile
from privateshare.sources.charsets import older_encoding

MAX_LINE_BYTES = 64 * 1024

SAMPLE_BYTES = 64 * 1024
OLDER_ENCODING = "cp1252"
BYTE_FOR_BYTE = "latin-1"
END_OF_TABLE = "\0"  # No line of a table has this character.
MAX_LINE_CHARACTERS = 1024 * 1024

# The limit of Python would end a table at the first long text, such as a review or a message.
csv.field_size_limit(MAX_LINE_CHARACTERS)


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text that begins with these bytes: UTF-16, UTF-8, or an older one of its language."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if (wide := wide_encoding(start)) is not None:
        return wide
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(start)  # It may end within a letter.
    invalid = text.count("\ufffd")
    # A damaged text in UTF-8 still has more valid letters than invalid ones.
    is_older = invalid > 0 and 2 * invalid > sum(1 for sign in text if sign > "\x7f")
    return older_encoding(start) if is_older else "utf-8-sig"


def wide_encoding(start: bytes) -> str | None:
    """Return the form of UTF-16 without a byte order mark that a text has, in which every other byte is mostly zero."""
    start = start[:2000]
    if len(start) < 4 or start.count(0) * 4 < len(start):
        return None
    return "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"


def _in_older_encoding(error: UnicodeError) -> tuple[str, int]:
    """Decode bytes that are not UTF-8, for texts of which the beginning does not show the encoding."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode(OLDER_ENCODING, "replace"), error.end


codecs.register_error("privateshare.older", _in_older_encoding)


@contextmanager
def opened_text(file: UploadedFile) -> Iterator[TextIOWrapper]:
    """Open a file as text, in the encoding that `encoding_of` finds. Invalid bytes become U+FFFD."""
    with file.open() as stream:
        start = stream.read(SAMPLE_BYTES)
    encoding = encoding_of(start)
    errors = "privateshare.older" if start.isascii() else "replace"
    # Lines may end as on old Macs: the module csv rejects a carriage return within a line.
    with file.open() as stream, _decoded(stream, encoding, errors=errors, newline="") as text:
        yield text


@contextmanager
def _decoded(
    stream: IO[bytes], encoding: str, *, newline: str | None, errors: str = "strict"
) -> Iterator[TextIOWrapper]:
    buffered = stream if isinstance(stream, BufferedIOBase) else BufferedReader(stream)  # type: ignore[type-var]
    text = TextIOWrapper(cast(BufferedReader, buffered), encoding, errors=errors, newline=newline)
    try:
        yield text
    finally:
        text.detach()


def byte_lines(file: UploadedFile) -> Iterator[bytes]:
    """Yield the lines of a file, without its byte order mark; UTF-16 becomes UTF-8. Long lines are split.

    Lines that end as on old Macs end with a line feed.
    """
    with file.open() as stream:
        start = stream.read(SAMPLE_BYTES)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or wide_encoding(start) is not None:
        with opened_text(file) as text:
            while written := text.readline(MAX_LINE_BYTES):
                yield (f"{written[:-1]}\n" if written.endswith("\r") else written).encode("utf-8", "replace")
        return
    is_of_old_mac = b"\r" in start and b"\n" not in start
    with file.open() as stream:
        reader = _lines_of_old_mac(stream) if is_of_old_mac else iter(partial(stream.readline, MAX_LINE_BYTES), b"")
        yield from (line.removeprefix(codecs.BOM_UTF8) if number == 0 else line for number, line in enumerate(reader))


def _lines_of_old_mac(stream: IO[bytes]) -> Iterator[bytes]:
    with _decoded(stream, BYTE_FOR_BYTE, newline=None) as text:
        while line := text.readline(MAX_LINE_BYTES):
            yield line.encode(BYTE_FOR_BYTE)


def table_lines(text: TextIOWrapper) -> Iterator[str]:
    """Yield the lines of a text for the module csv. Raises csv.Error if one is longer than any of an export."""
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS:
            raise csv.Error("the line is too long")
        yield line.replace("\0", "")


def whole_rows(lines: Iterable[str], delimiter: str = ",", escape: str | None = None) -> Iterator[list[str]]:
    """Yield the rows of a table. Raises csv.Error if it ends within quotes, with the rest of the file in one cell."""
    is_over = False

    def lines_and_end() -> Iterator[str]:
        nonlocal is_over
        yield from lines
        is_over = True
        yield END_OF_TABLE

    for row in csv.reader(lines_and_end(), delimiter=delimiter, escapechar=escape):
        if not is_over:
            yield row
        elif row != [END_OF_TABLE]:
            raise csv.Error("the table ends within quotes")
