"""Safe access to the files of an upload. Files are streamed within limits, and never unpacked to disk.

The format is detected by the first bytes, not by the name: a zip or tar archive, gzip, or a plain file. Compressed
files are decompressed twice: once to check that they are complete, and then to be read.
"""

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from privateshare.sources.failures import THE_FILE, Broken, LeftOut, shown_name
from privateshare.sources.tar_files import BLOCK_BYTES, TarEntry, TarTooLarge, is_tar, tar_entries

MEGABYTE = 1024 * 1024
MAX_ENTRIES = 250_000
MAX_DECOMPRESSED_BYTES = 16 * 1024 * MEGABYTE  # Applies to the whole upload.
# Decompressed JSON exports are 10 to 40 times as large as compressed; a zip bomb more than 1000 times.
MAX_COMPRESSION_RATIO = 200
MIN_BYTES_FOR_RATIO_CHECK = 50 * MEGABYTE
# The parts of an export that were zipped again. They are decompressed to find their directory, at their end.
MAX_WRAPPED, MAX_WRAPPED_BYTES = 50, 2 * 1024 * 1024 * 1024
MAX_IN_MEMORY_BYTES = MEGABYTE
# A file of an archive in an archive is read once from the start of that archive to the file each time it is opened.
MAX_INNER_IN_MEMORY_BYTES = 64 * MEGABYTE
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
MAGIC_BYTES = 4
ENCRYPTED_FLAG = 1  # A bit in the flags of a zip entry.
READABLE_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
OTHER_METHODS = {1: "Shrink", 6: "Implode", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 97: "WavPack", 98: "PPMd"}
# The errors that the standard library raises for damaged data.
DAMAGE_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, ValueError)
SYSTEM_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})  # Operating systems add these.

Opener = Callable[[], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of an uploaded archive, or the upload itself if it is a single file.

    Attributes:
        path: The path in the zip archive; empty for the upload itself.
        open: Opens the file at its start. Close it before you request the next file.
        size: The decompressed size in bytes.
    """

    path: str
    open: Opener
    size: int


class _TooLarge(Exception):
    """The upload decompresses to more than any export contains."""


def uploaded_files(
    archive: BinaryIO,
    left_out: LeftOut,
    skip: Callable[[str], bool] | None = None,
    is_inner: Callable[[str], bool] | None = None,
) -> Iterator[UploadedFile]:
    """Yield the files of an upload. Files that cannot be opened are reported in `left_out`.

    Args:
        archive: The upload. It is read from its start.
        left_out: The report to which files are added that cannot be opened.
        skip: Returns whether a file of an archive is not read, but only counted, by its path.
        is_inner: Returns whether a zip archive in the zip archive is opened too, by its path. Others are reported.

    Raises:
        Broken: The upload is empty, damaged, or decompresses to more than any export contains.
    """
    with opened_upload(archive, left_out, skip, is_inner, keep_small_files=True) as files:
        yield from files


@contextmanager
def opened_upload(
    archive: BinaryIO,
    left_out: LeftOut,
    skip: Callable[[str], bool] | None = None,
    is_inner: Callable[[str], bool] | None = None,
    *,
    keep_small_files: bool = False,
) -> Iterator[Iterator[UploadedFile]]:
    """Provide the files like `uploaded_files`. They can be opened in any order until the context ends.

    With `keep_small_files`, small files stay in memory as long as they are referenced, which saves decompressing them
    twice. Do not use it if you keep references to many files.
    """
    with ExitStack() as stack:
        yield _files(archive, left_out, (skip or _none, is_inner or _none), stack, keep_small_files)


def _none(_path: str) -> bool:
    return False


def _files(
    archive: BinaryIO,
    left_out: LeftOut,
    rules: tuple[Callable[[str], bool], Callable[[str], bool]],
    stack: ExitStack,
    keep_small_files: bool,
) -> Iterator[UploadedFile]:
    size = archive.seek(0, io.SEEK_END)
    archive.seek(0)
    start = archive.read(MAGIC_BYTES)
    if not start:
        raise Broken("The file is empty. Download the export again and upload that.")
    files = _Files(
        archive,
        left_out,
        max(MIN_BYTES_FOR_RATIO_CHECK, min(MAX_DECOMPRESSED_BYTES, size * MAX_COMPRESSION_RATIO)),
        keep_small_files,
        *rules,
        stack,
    )
    try:
        if start.startswith(ZIP_MAGICS):
            yield from files.of_zip(archive, size)
        elif (opened := tar_opener(files.from_start, start)) is not None:
            yield from files.of_tar(opened)
        elif start.startswith(GZIP_MAGIC):
            yield files.of_gzip()
        else:
            yield UploadedFile("", files.from_start, size)
    except (_TooLarge, TarTooLarge) as error:
        raise Broken("The file unpacks to far more than an export holds. Download the export again.") from error


@dataclass(slots=True)
class _Files:
    """The files of one upload. `remaining_bytes` is how much may still be decompressed.

    Zip archives are closed with `stack`.
    """

    archive: BinaryIO
    left_out: LeftOut
    remaining_bytes: int
    keep_small_files: bool
    skip: Callable[[str], bool]
    is_inner: Callable[[str], bool]
    stack: ExitStack

    def from_start(self) -> AbstractContextManager[IO[bytes]]:
        """Open the upload itself at its start. Closing the result does not close the upload."""
        self.archive.seek(0)
        return nullcontext(self.archive)

    def of_gzip(self) -> UploadedFile:
        """Return the file in a gzip upload. Raises Broken if it is damaged."""
        try:
            return self._checked("", partial(_open_gzip, self.from_start))
        except DAMAGE_ERRORS as error:
            raise Broken("The file is damaged or was not downloaded to its end. Download it again.") from error

    def of_tar(self, opened: Opener) -> Iterator[UploadedFile]:
        """Yield the files of a tar archive. If it was cut off, what is before is read, and the rest is reported."""
        stream = self.stack.enter_context(opened())
        try:
            for entry in tar_entries(stream, self.remaining_bytes):
                if not (is_added_by_system(entry.path) or self._is_skipped(entry.path)):
                    yield self._tar_file(entry)
        except (tarfile.TarError, *DAMAGE_ERRORS):
            damaged = Broken("The file is damaged or was not downloaded to its end. Download it again.")
            self.left_out.name_damaged(THE_FILE, damaged)

    def _is_skipped(self, path: str) -> bool:
        """Return whether a file is skipped, and count it."""
        if self.skip(path):
            self.left_out.skip_file(path)
            return True
        return False

    def _tar_file(self, entry: TarEntry) -> UploadedFile:
        opened: Opener = entry.open
        if self.keep_small_files and entry.size <= MAX_IN_MEMORY_BYTES:
            with entry.open() as stream:
                opened = partial(_from_memory, stream.read())
        with opened() as stream:
            start = stream.read(MAGIC_BYTES)
        return self._checked(entry.path, partial(_open_gzip, opened) if start.startswith(GZIP_MAGIC) else opened)

    def of_zip(self, file: IO[bytes], size: int, *, is_outer: bool = True) -> Iterator[UploadedFile]:
        """Yield the files of a zip archive. Raises Broken if it cannot be opened."""
        try:
            archive = zipfile.ZipFile(file)
        except DAMAGE_ERRORS as error:
            raise Broken("The zip archive is damaged or was not downloaded to its end. Download it again.") from error
        self.stack.enter_context(archive)
        entries = archive.infolist()
        if not is_outer:
            # An archive in an archive can only be decompressed from its start, so it is read in its own order.
            entries.sort(key=lambda entry: entry.header_offset)
        _check_entries(entries, size)
        is_wrapper = is_outer and holds_only_archives(archive)
        for entry in entries:
            path = entry.filename.replace("\\", "/")
            if path.endswith("/") or is_added_by_system(path) or (not is_wrapper and self._is_skipped(path)):
                continue
            if is_wrapper or (is_outer and self.is_inner(path) and _is_zip(archive, entry)):
                yield from self._of_inner_zip(archive, entry, path)
            else:
                yield from self._entry(
                    archive, entry, path, MAX_IN_MEMORY_BYTES if is_outer else MAX_INNER_IN_MEMORY_BYTES
                )

    def _of_inner_zip(self, outer: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str) -> Iterator[UploadedFile]:
        """Yield the files of a zip archive in a zip archive, and report it if it is damaged."""
        name = shown_name(path)
        try:
            self._checked(path, partial(outer.open, entry))
            yield from self.of_zip(self.stack.enter_context(outer.open(entry)), entry.file_size, is_outer=False)
        except (Broken, *DAMAGE_ERRORS, RuntimeError):
            damaged = Broken("%(name)s is damaged in the zip archive. Download the export again.", name=name)
            self.left_out.name_damaged(name, damaged, entry.file_size)

    def _entry(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str, most_in_memory: int
    ) -> Iterator[UploadedFile]:
        name = shown_name(path)
        try:
            file = self._open_entry(archive, entry, path, most_in_memory)
        except Broken as error:
            self.left_out.name_damaged(name, error, entry.file_size)
        except (*DAMAGE_ERRORS, RuntimeError):
            damaged = Broken("%(name)s is damaged in the zip archive. Download the export again.", name=name)
            self.left_out.name_damaged(name, damaged, entry.file_size)
        else:
            yield file

    def _open_entry(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str, most_in_memory: int
    ) -> UploadedFile:
        """Open a file of a zip archive, and decompress it if it is gzip. Raises Broken or one of DAMAGE_ERRORS."""
        _check_readable(entry, shown_name(path))
        if self.keep_small_files and entry.file_size <= most_in_memory:
            opened: Opener = partial(_from_memory, archive.read(entry))
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

    def _checked(self, path: str, opened: Opener) -> UploadedFile:
        """Read a file to its end, to check that it is complete. Raises one of DAMAGE_ERRORS if it is not."""
        size = 0
        with opened() as stream:
            while piece := stream.read(MEGABYTE):
                size += len(piece)
                if size > self.remaining_bytes:
                    raise _TooLarge
        self.remaining_bytes -= size
        return UploadedFile(path, opened, size)


def tar_opener(opened: Opener, start: bytes) -> Opener | None:
    """Return what opens the tar archive in a file that begins so, decompressed if it is gzip; None if it is no tar."""
    if start.startswith(GZIP_MAGIC):
        opened = partial(_open_gzip, opened)
    try:
        with opened() as stream:
            return opened if is_tar(stream.read(BLOCK_BYTES)) else None
    except DAMAGE_ERRORS:
        return None


def holds_only_archives(archive: zipfile.ZipFile) -> bool:
    """Return whether a zip archive holds nothing but zip archives, as if the parts of an export were zipped again.

    Their files are then those of the upload. Archives beside other files are not opened, unless a source says so.
    """
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.filename.endswith("/") and not is_added_by_system(entry.filename)
    ]
    if not 0 < len(entries) <= MAX_WRAPPED or sum(entry.file_size for entry in entries) > MAX_WRAPPED_BYTES:
        return False
    return all(entry.filename.lower().endswith(".zip") and _is_zip(archive, entry) for entry in entries)


def _is_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Return whether a file of a zip archive begins as a zip archive; also if it is damaged later."""
    try:
        with archive.open(entry) as stream:
            return stream.read(MAGIC_BYTES).startswith(ZIP_MAGICS)
    except (*DAMAGE_ERRORS, RuntimeError):
        return False


def _from_memory(data: bytes) -> AbstractContextManager[IO[bytes]]:
    return io.BytesIO(data)


def _open_gzip(opened: Opener) -> AbstractContextManager[IO[bytes]]:
    return _Gzip(opened)


class _Gzip(AbstractContextManager[IO[bytes]]):
    """A gzip file that closes the underlying file when it is closed."""

    def __init__(self, opened: Opener) -> None:
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
    # The size of the archive counts, not the compressed sizes of its entries, because entries of a bomb can overlap.
    if plain_bytes > MAX_DECOMPRESSED_BYTES or plain_bytes > max(
        MIN_BYTES_FOR_RATIO_CHECK,
        packed_bytes * MAX_COMPRESSION_RATIO,
    ):
        raise _TooLarge


def _check_readable(entry: zipfile.ZipInfo, name: str) -> None:
    if entry.flag_bits & ENCRYPTED_FLAG:
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


def is_added_by_system(path: str) -> bool:
    """Return whether an operating system added the file to the archive, such as the resource forks of macOS."""
    name = PurePosixPath(path).name
    return path.startswith("__MACOSX/") or "/__MACOSX/" in path or name.startswith("._") or name.lower() in SYSTEM_FILES
