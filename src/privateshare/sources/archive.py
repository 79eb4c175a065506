"""Reading what people upload, without trusting it: never unpacked to disk, never beyond a limit, always a stream."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import ijson

from privateshare.sources.contract import Broken, JsonObject

MEGABYTE = 1024 * 1024
BUFFER_BYTES = 256 * 1024
MAX_ENTRIES = 10_000
MAX_PLAIN_BYTES = 16 * 1024 * MEGABYTE  # of all that is read from one archive
MAX_RATIO = 200  # JSON of histories and records packs 10 to 40 times smaller; a bomb, over 1000
MIN_BOMB_BYTES = 50 * MEGABYTE  # below this no ratio matters
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK"
BOM = b"\xef\xbb\xbf"


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
    if size_of(archive) == 0:
        raise Broken("The file is empty. Download the archive again and upload that.")
    if not begins_with(archive).startswith(ZIP_MAGIC):
        raise Broken("The file is not a zip archive. Upload the .zip as you received it, without unpacking it.")
    try:
        with zipfile.ZipFile(archive) as found:
            _check_entries(found.infolist())
            yield found
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, OSError) as error:
        raise Broken("The zip archive is damaged or was not downloaded to its end. Download it again.") from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise Broken("The zip archive is empty. Request the export again.")
    if len(entries) > MAX_ENTRIES:
        raise Broken(f"The zip archive holds {len(entries)} files; no export that is known here has so many.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise Broken("The zip archive is protected with a password. Upload it without one.")
    packed = sum(entry.compress_size for entry in entries)
    plain = sum(entry.file_size for entry in entries)
    if plain > MAX_PLAIN_BYTES or (plain > MIN_BOMB_BYTES and plain > packed * MAX_RATIO):
        raise Broken("The zip archive would unpack to far more than an export holds, so it was not opened.")


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
            raise Broken("The file unpacks to far more than an export holds, so reading it was stopped.")
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
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Broken("The file is damaged or was not downloaded to its end. Download it again.") from error


def json_items(stream: io.BufferedReader, path: str, name: str) -> Iterator[JsonObject]:
    """The objects at a path of a JSON document, one by one. Raises Broken if it is not JSON."""
    skip_byte_order_mark(stream)
    try:
        for item in ijson.items(stream, path, use_float=True):
            if not isinstance(item, dict):
                raise Broken(f"{name} does not hold what this export should hold: its entries are not objects.")
            yield item
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise Broken(f"{name} is not readable JSON: {_first_line(error)}. Download the export again.") from error


def skip_byte_order_mark(stream: io.BufferedReader) -> None:
    """Leaves out the mark that some systems put before UTF-8."""
    if stream.peek(len(BOM)).startswith(BOM):
        stream.read(len(BOM))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:80] if str(error) else "it ends too early"
