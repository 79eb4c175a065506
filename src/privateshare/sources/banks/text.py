"""The text of a statement: banks use any encoding, and name a wrong one as often as a right one."""

import codecs
import io
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.reasons import Problem, UnreadableStatement

CHUNK_BYTES = 256 * 1024
SAMPLE_BYTES = 256 * 1024
MAX_LINE_CHARACTERS = 64 * 1024
LEGACY_ENCODINGS = ("cp1252", "cp1250", "mac_roman", "cp850", "iso8859_15")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CURRENCY_SYMBOLS = frozenset("€£")


def encoding_of(file: UploadedFile, likeness: Callable[[str], float] | None = None) -> str:
    """Find the encoding of a file by its bytes.

    Args:
        file: The statement.
        likeness: How much a text is like what is expected, such as by the words of its columns; decides among
            encodings in which every byte means something.

    Returns:
        The name of a codec of Python.
    """
    with file.open() as stream:
        sample = stream.read(SAMPLE_BYTES)
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if (wide := _wide_encoding(sample)) is not None:
        return wide
    return "utf-8" if _is_utf8(file) else _legacy_encoding(_non_ascii_sample(file), likeness)


def _wide_encoding(sample: bytes) -> str | None:
    """Name UTF-16 without a mark: every other byte of most texts is zero."""
    start = sample[:2000]
    if len(start) < 4 or start.count(0) * 4 < len(start):
        return None
    return "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"


def _is_utf8(file: UploadedFile) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with file.open() as stream:
            while chunk := stream.read(CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _non_ascii_sample(file: UploadedFile) -> bytes:
    """Take the start of a file, and lines further on that are not ASCII."""
    with file.open() as stream:
        sample = stream.read(SAMPLE_BYTES)
        if not sample.isascii():
            return sample
        while chunk := stream.read(CHUNK_BYTES):
            if not chunk.isascii():
                return sample + chunk
    return sample


def _legacy_encoding(sample: bytes, likeness: Callable[[str], float] | None) -> str:
    def score(name: str) -> tuple[float, float]:
        text = sample.decode(name, errors="replace")
        return (likeness(text) if likeness else 0, _plausibility(text))

    return max(LEGACY_ENCODINGS, key=score)  # the first of equals


def _plausibility(text: str) -> float:
    """Say which share of the characters beyond ASCII are letters as people write them in words, or signs of money."""
    others = fitting = 0.0
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if character < "\x80":
            continue
        others += 1
        if character in _CURRENCY_SYMBOLS:
            fitting += 1
        elif unicodedata.category(character) == "Ll":
            fitting += 1 if before.isalpha() or after.isalpha() else 0.5
        elif unicodedata.category(character) == "Lu":
            # a capital inside of a word of small letters is the sign of a wrong encoding
            fitting += 0 if before.islower() else 1
    return fitting / others if others else 1.0


@contextmanager
def opened_text(file: UploadedFile, encoding: str, newline: str | None = None) -> Iterator[io.TextIOWrapper]:
    """Open a statement as text. Bytes that mean nothing become the sign for that, U+FFFD."""
    with file.open() as stream:
        text = io.TextIOWrapper(_buffered(stream), encoding, errors="replace", newline=newline)
        try:
            yield text
        finally:
            text.detach()


def _buffered(stream: IO[bytes]) -> IO[bytes]:
    return stream if isinstance(stream, io.BufferedIOBase) else io.BufferedReader(stream)  # type: ignore[type-var]


def text_start(file: UploadedFile, encoding: str, length: int) -> str:
    """Give the first characters of a statement."""
    with opened_text(file, encoding) as text:
        return text.read(length).replace("\0", "")


def bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Give the lines of a statement, without NUL characters.

    Raises:
        UnreadableStatement: A line is longer than any that a bank writes.
    """
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS and not line.endswith(("\n", "\r")):
            raise UnreadableStatement(Problem.TOO_LONG_LINE)
        yield line.replace("\0", "") if "\0" in line else line
