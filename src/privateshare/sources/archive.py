"""Reading what people upload, without trusting it: never unpacked to disk, never beyond a limit, always a stream."""

import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import ijson
import orjson

from privateshare.sources.contract import Broken, JsonObject

MEGABYTE = 1024 * 1024
BUFFER_BYTES = 256 * 1024
MAX_ENTRIES = 10_000
MAX_PLAIN_BYTES = 16 * 1024 * MEGABYTE  # of all that is read from one archive
MAX_RATIO = 200  # JSON of histories and records packs 10 to 40 times smaller; a bomb, over 1000
MIN_BOMB_BYTES = 50 * MEGABYTE  # below this no ratio matters
MAX_ITEM_BYTES = 64 * MEGABYTE  # of one object with all its text and attachments
PARSE_BYTES = 256 * 1024  # at a time: the parser begins a string that goes on in the next piece again
MAX_DEPTH = 64  # of nested objects and arrays
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK"
BOM = b"\xef\xbb\xbf"
# what the unpackers of the standard library raise over bytes that are not theirs
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError)


def begins_with(archive: BinaryIO, length: int = 4) -> bytes:
    """The first bytes, with the archive back at its start."""
    archive.seek(0)
    start = archive.read(length)
    archive.seek(0)
    return start


def size_of(archive: BinaryIO) -> int:
    """The size in bytes, with the archive back at its start."""
    size = archive.seek(0, io.SEEK_END)
    archive.seek(0)
    return size


@contextmanager
def opened_zip(archive: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The archive as a zip. Raises Broken if it is none, is cut off, encrypted, empty, or would unpack to too much."""
    packed_bytes = size_of(archive)
    if packed_bytes == 0:
        raise Broken("The file is empty. Download the archive again and upload that.")
    if not begins_with(archive).startswith(ZIP_MAGIC):
        raise Broken("The file is not a zip archive. Upload the .zip as you received it, without unpacking it.")
    try:
        with zipfile.ZipFile(archive) as found:
            _check_entries(found.infolist(), packed_bytes)
            yield found
    except DAMAGE as error:
        raise Broken("The zip archive is damaged or was not downloaded to its end. Download it again.") from error


def _check_entries(entries: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    if not entries:
        raise Broken("The zip archive is empty. Request the export again.")
    if len(entries) > MAX_ENTRIES:
        raise Broken(
            "The zip archive holds %(count)d files, more than any export. Upload the archive as you received it.",
            count=len(entries),
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise Broken("The zip archive is protected with a password. Upload it without one.")
    plain_bytes = sum(entry.file_size for entry in entries)
    # against the archive itself: what its entries say of themselves can overlap
    if plain_bytes > MAX_PLAIN_BYTES or plain_bytes > max(MIN_BOMB_BYTES, packed_bytes * MAX_RATIO):
        raise Broken("The zip archive would unpack to far more than an export holds. Download the export again.")


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class Metered(io.RawIOBase):
    """A stream that raises Broken once more comes out of it than may."""

    def __init__(self, stream: _Readable, packed_bytes: int) -> None:
        self._stream = stream
        self._left = max(MIN_BOMB_BYTES, min(MAX_PLAIN_BYTES, packed_bytes * MAX_RATIO))

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, as every raw stream does."""
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise Broken("The file unpacks to far more than an export holds. Download the export again.")
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def plain_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[io.BufferedReader]:
    """One file of a zip as a bounded stream."""
    with archive.open(entry) as stream:
        yield io.BufferedReader(Metered(stream, entry.compress_size), BUFFER_BYTES)


@contextmanager
def plain_gzip(stream: BinaryIO, packed_bytes: int) -> Iterator[io.BufferedReader]:
    """A gzip file as a bounded stream. Raises Broken if it is damaged."""
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            yield io.BufferedReader(Metered(unpacked, packed_bytes), BUFFER_BYTES)
    except DAMAGE as error:
        raise Broken("The file is damaged or was not downloaded to its end. Download it again.") from error


class Guarded:
    """A JSON document on its way to the parser, which holds one item and the names of all that it is nested in.

    Raises Broken where that would be too much to hold.
    """

    _ESCAPED = re.compile(rb"\\.", re.DOTALL)
    _OTHER_BYTES = bytes(set(range(256)) - set(b'[]{}"'))

    def __init__(self, stream: _Readable, name: str) -> None:
        self._stream, self._name = stream, name
        self._item_bytes = 0
        self._open = self._escape = b""
        self._in_string = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._item_bytes += len(data)
        if self._item_bytes > MAX_ITEM_BYTES:
            raise Broken(
                "%(name)s holds an entry that is larger than any export has. Download the export again.",
                name=self._name,
            )
        self._check_depth(data)
        return data

    def next_item(self) -> None:
        """Called when an item is done with."""
        self._item_bytes = 0

    def _check_depth(self, data: bytes) -> None:
        """Keeps the brackets that are still open: every pass takes out the innermost pairs, outside of strings."""
        text = self._ESCAPED.sub(b"", self._escape + data)
        self._escape = b"\\" if text.endswith(b"\\") else b""
        parts = text.translate(None, self._OTHER_BYTES).split(b'"')
        brackets = self._open + b"".join(parts[self._in_string :: 2])
        self._in_string ^= (len(parts) - 1) % 2
        for _ in range(MAX_DEPTH):
            inner = brackets.replace(b"{}", b"").replace(b"[]", b"")
            if inner == brackets:
                break
            brackets = inner
        if len(brackets) > MAX_DEPTH:
            raise Broken(
                "%(name)s is damaged: it is nested more deeply than any export. Download the export again.",
                name=self._name,
            )
        self._open = brackets


def json_items(stream: io.BufferedReader, path: str, name: str) -> Iterator[JsonObject]:
    """The objects at a path of one JSON document, or of several in a row, one by one.

    Raises Broken if it is not JSON, or if what is there is no object.
    """
    skip_byte_order_mark(stream)
    guarded = Guarded(stream, name)
    try:
        for item in ijson.items(guarded, path, use_float=True, multiple_values=True, buf_size=PARSE_BYTES):
            yield json_object(item, name)
            guarded.next_item()
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise Broken("%(name)s is not JSON, or was cut off. Download the export again.", name=name) from error


def json_object(item: Any, name: str) -> JsonObject:
    """The item, if it is an object that can be written as JSON again. Raises Broken."""
    if not isinstance(item, dict):
        raise Broken("%(name)s does not hold what an export holds. Download the export again.", name=name)
    try:
        orjson.dumps(item)
    except TypeError as error:
        raise Broken("%(name)s holds an entry that cannot be read. Download the export again.", name=name) from error
    return item


def skip_byte_order_mark(stream: io.BufferedReader) -> None:
    """Leaves out the mark that some systems put before UTF-8."""
    if stream.peek(len(BOM)).startswith(BOM):
        stream.read(len(BOM))
