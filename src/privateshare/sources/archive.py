"""The files of what people upload, without trusting it: never unpacked to disk, never beyond a limit, always a stream.

What an upload is, its first bytes tell, not its name: a zip with whatever is in it, gzip, or anything else as it is.
What is compressed is decompressed once to see that it is whole, and then again to be read.
"""

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from privateshare.sources.failures import Broken, LeftOut, shown_name

MEGABYTE = 1024 * 1024
MAX_ENTRIES = 250_000
MAX_PLAIN_BYTES = 16 * 1024 * MEGABYTE  # of all that is read from one archive
MAX_RATIO = 200  # JSON of histories and records is compressed 10 to 40 times; a bomb, over 1000 times
MIN_BOMB_BYTES = 50 * MEGABYTE  # below this no ratio matters
SMALL_BYTES = MEGABYTE  # a file of a zip of up to this size is read into memory
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
MAGIC_BYTES = 4
ENCRYPTED = 1  # the bit of a zip entry's flags
READABLE_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
OTHER_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 97: "WavPack", 98: "PPMd"}
# What the standard library raises over bytes that are not what they should be.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError)
SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})  # which systems add to folders

Opening = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of an upload, or the upload itself, which has no path.

    Attributes:
        path: Where it is in the zip.
        open: Opens it to be read from its start; to be closed before the next file is asked for.
        size: How many bytes it has.
    """

    path: str
    open: Opening
    size: int


class _TooMuch(Exception):
    """More comes out of an upload than any export holds."""


def uploaded_files(
    archive: BinaryIO, left_out: LeftOut, skip: Callable[[str], bool] | None = None
) -> Iterator[UploadedFile]:
    """The files of an upload, one by one. Those that cannot be opened are named in `left_out`.

    Args:
        archive: The upload; it is read from its start.
        left_out: Where it is noted what cannot be opened.
        skip: Tells by its path which file of a zip is of no interest, so that nothing is said of it.

    Raises:
        Broken: It is empty, damaged, or unpacks to more than any export.
    """
    with opened_upload(archive, left_out, skip, keep_small_files=True) as files:
        yield from files


@contextmanager
def opened_upload(
    archive: BinaryIO,
    left_out: LeftOut,
    skip: Callable[[str], bool] | None = None,
    *,
    keep_small_files: bool = False,
) -> Iterator[Iterator[UploadedFile]]:
    """Like `uploaded_files`, but the files can be opened in any order until the end of the context.

    With `keep_small_files`, each holds what it has while it is held, which spares decompressing it twice: not for those
    who hold many.
    """
    with ExitStack() as stack:
        yield _files(archive, left_out, skip, stack, keep_small_files)


def _files(
    archive: BinaryIO, left_out: LeftOut, skip: Callable[[str], bool] | None, stack: ExitStack, keep_small_files: bool
) -> Iterator[UploadedFile]:
    size = archive.seek(0, io.SEEK_END)
    archive.seek(0)
    start = archive.read(MAGIC_BYTES)
    if not start:
        raise Broken("The file is empty. Download the export again and upload that.")
    files = _Files(archive, left_out, max(MIN_BOMB_BYTES, min(MAX_PLAIN_BYTES, size * MAX_RATIO)), keep_small_files)
    try:
        if start.startswith(ZIP_MAGICS):
            yield from files.of_zip(size, skip, stack)
        elif start.startswith(GZIP_MAGIC):
            yield files.of_gzip()
        else:
            yield UploadedFile("", files.from_start, size)
    except _TooMuch as error:
        raise Broken("The file unpacks to far more than an export holds. Download the export again.") from error


@dataclass(slots=True)
class _Files:
    archive: BinaryIO
    left_out: LeftOut
    bytes_left: int  # that may come out of the archive
    keep_small_files: bool

    def from_start(self) -> AbstractContextManager[IO[bytes]]:
        """Opens the upload itself, which stays open."""
        self.archive.seek(0)
        return nullcontext(self.archive)

    def of_gzip(self) -> UploadedFile:
        """The one file that is compressed. Raises Broken if it is damaged."""
        try:
            return self._checked("", partial(_open_gzip, self.from_start))
        except DAMAGE as error:
            raise Broken("The file is damaged or was not downloaded to its end. Download it again.") from error

    def of_zip(self, size: int, skip: Callable[[str], bool] | None, stack: ExitStack) -> Iterator[UploadedFile]:
        """The files of a zip, which is closed with `stack`. Raises Broken if it cannot be opened."""
        try:
            archive = zipfile.ZipFile(self.archive)
        except DAMAGE as error:
            raise Broken("The zip archive is damaged or was not downloaded to its end. Download it again.") from error
        stack.enter_context(archive)
        entries = archive.infolist()
        _check_entries(entries, size)
        for entry in entries:
            path = entry.filename.replace("\\", "/")
            if not (path.endswith("/") or _is_added_by_system(path) or (skip is not None and skip(path))):
                yield from self._entry(archive, entry, path)

    def _entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> Iterator[UploadedFile]:
        name = shown_name(path)
        try:
            file = self._open_entry(archive, entry, path)
        except Broken as error:
            self.left_out.name_damaged(name, error, entry.file_size)
        except (*DAMAGE, RuntimeError):
            damaged = Broken("%(name)s is damaged in the zip archive. Download the export again.", name=name)
            self.left_out.name_damaged(name, damaged, entry.file_size)
        else:
            yield file

    def _open_entry(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> UploadedFile:
        """A file of a zip, without the gzip that it may be in. Raises Broken, or what DAMAGE has."""
        _check_readable(entry, shown_name(path))
        if self.keep_small_files and entry.file_size <= SMALL_BYTES:
            opened: Opening = partial(_from_memory, archive.read(entry))
        else:
            opened = partial(archive.open, entry)
        with opened() as stream:
            start = stream.read(MAGIC_BYTES)
        if start.startswith(ZIP_MAGICS):
            raise Broken(
                "The zip archive holds another zip, %(name)s. Unpack the outer one and upload the inner one.",
                name=shown_name(path),
            )
        return self._checked(path, partial(_open_gzip, opened) if start.startswith(GZIP_MAGIC) else opened)

    def _checked(self, path: str, opened: Opening) -> UploadedFile:
        """A file, once it was read to its end: only there it is known that it is whole. Raises what DAMAGE has."""
        size = 0
        with opened() as stream:
            while piece := stream.read(MEGABYTE):
                size += len(piece)
                if size > self.bytes_left:
                    raise _TooMuch
        self.bytes_left -= size
        return UploadedFile(path, opened, size)


def _from_memory(data: bytes) -> AbstractContextManager[IO[bytes]]:
    return io.BytesIO(data)


def _open_gzip(opened: Opening) -> AbstractContextManager[IO[bytes]]:
    return _Gzip(opened)


class _Gzip(AbstractContextManager[IO[bytes]]):
    """A gzip file with what it is read from, which are closed together."""

    def __init__(self, opened: Opening) -> None:
        self._inner = opened()
        self._file: gzip.GzipFile | None = None

    def __enter__(self) -> IO[bytes]:
        self._file = gzip.GzipFile(fileobj=self._inner.__enter__())
        return cast(IO[bytes], self._file)

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()
        self._inner.__exit__(None, None, None)


def _check_entries(entries: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    if not entries:
        raise Broken("The zip archive is empty. Request the export again.")
    if len(entries) > MAX_ENTRIES:
        raise Broken(
            "The zip archive holds %(count)d files, more than any export. Upload the archive as you received it.",
            count=len(entries),
        )
    plain_bytes = sum(entry.file_size for entry in entries)
    # Compared with the archive itself: the sizes that its entries tell can be of overlapping parts.
    if plain_bytes > MAX_PLAIN_BYTES or plain_bytes > max(MIN_BOMB_BYTES, packed_bytes * MAX_RATIO):
        raise _TooMuch


def _check_readable(entry: zipfile.ZipInfo, name: str) -> None:
    if entry.flag_bits & ENCRYPTED:
        raise Broken(
            "%(name)s is protected with a password. "
            "Unpack the archive, make a zip without a password, and upload that.",
            name=name,
        )
    if entry.compress_type not in READABLE_METHODS:
        raise Broken(
            "%(name)s is compressed with %(method)s, which cannot be read here. "
            "Unpack the archive, make an ordinary zip of its files, and upload that.",
            name=name,
            method=OTHER_METHODS.get(entry.compress_type, str(entry.compress_type)),
        )


def _is_added_by_system(path: str) -> bool:
    """Whether a file was added to the archive by a system, such as the resource forks of macOS."""
    name = PurePosixPath(path).name
    return path.startswith("__MACOSX/") or "/__MACOSX/" in path or name.startswith("._") or name.lower() in SYSTEM_FILES
