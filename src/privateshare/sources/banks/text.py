"""Reading statements as text. The encoding is detected, because banks use many and often declare a wrong one."""

import codecs
import io
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.reasons import Problem, UnreadableStatement
from privateshare.sources.charsets import older_encoding
from privateshare.sources.text_files import wide_encoding

CHUNK_BYTES = 256 * 1024
SAMPLE_BYTES = 256 * 1024
MAX_LINE_CHARACTERS = 64 * 1024
LATIN_ENCODINGS = ("cp1252", "cp1250", "mac_roman", "cp850", "iso8859_15", "cp1254", "cp1257")
OTHER_ENCODINGS = ("cp1251", "gb18030", "cp932", "cp949", "cp1253", "cp866")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CURRENCY_SYMBOLS = frozenset("€£")


def encoding_of(file: UploadedFile, likeness: Callable[[str], float] | None = None) -> str:
    """Detect the encoding of a file.

    Args:
        file: The statement.
        likeness: Rates how well a text matches what is expected, such as known headers. It decides between encodings in
            which every byte is valid.

    Returns:
        The name of a Python codec.
    """
    with file.open() as stream:
        sample = stream.read(SAMPLE_BYTES)
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if (wide := wide_encoding(sample)) is not None:
        return wide
    return "utf-8" if _is_utf8(file) else _legacy_encoding(_non_ascii_sample(file), likeness)


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
    """Return the start of a file, and the next part that is not ASCII."""
    with file.open() as stream:
        sample = stream.read(SAMPLE_BYTES)
        if not sample.isascii():
            return sample
        while chunk := stream.read(CHUNK_BYTES):
            if not chunk.isascii():
                return sample + chunk
    return sample


def _legacy_encoding(sample: bytes, likeness: Callable[[str], float] | None) -> str:
    usual = older_encoding(sample)

    def score(name: str) -> tuple[float, bool, float]:
        text = sample.decode(name, errors="replace")
        return (likeness(text) if likeness else 0, name == usual != LATIN_ENCODINGS[0], _plausibility(text))

    candidates: tuple[str, ...] = LATIN_ENCODINGS
    if usual in OTHER_ENCODINGS:
        candidates += OTHER_ENCODINGS
    return max(candidates, key=score)  # The first one wins among equals.


def _plausibility(text: str) -> float:
    """Return the share of the non-ASCII characters that are plausible: letters inside words, or currency symbols."""
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
            # A capital letter after a small one is a sign of a wrong encoding.
            fitting += 0 if before.islower() else 1
    return fitting / others if others else 1.0


@contextmanager
def opened_text(file: UploadedFile, encoding: str, newline: str | None = None) -> Iterator[io.TextIOWrapper]:
    """Open a statement as text. Invalid bytes become U+FFFD."""
    with file.open() as stream:
        text = io.TextIOWrapper(_buffered(stream), encoding, errors="replace", newline=newline)
        try:
            yield text
        finally:
            text.detach()


def _buffered(stream: IO[bytes]) -> IO[bytes]:
    return stream if isinstance(stream, io.BufferedIOBase) else io.BufferedReader(stream)  # type: ignore[type-var]


def text_start(file: UploadedFile, encoding: str, length: int) -> str:
    """Return the first characters of a statement."""
    with opened_text(file, encoding) as text:
        return text.read(length).replace("\0", "")


def bounded_lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Yield the lines of a statement, without NUL characters.

    Raises:
        UnreadableStatement: A line is too long.
    """
    while line := text.readline(MAX_LINE_CHARACTERS):
        if len(line) == MAX_LINE_CHARACTERS and not line.endswith(("\n", "\r")):
            raise UnreadableStatement(Problem.TOO_LONG_LINE)
        yield line.replace("\0", "") if "\0" in line else line
