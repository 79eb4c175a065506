"""Blobs as local files. Each is written to a temporary file, synced to disk, then renamed."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from io import RawIOBase
from pathlib import Path
from uuid import uuid4

from privateshare.platform.blobs.store import BlobNotFound, check_key, is_key

READ_BYTES = 256 * 1024
MAX_AT_HAND_BYTES = 16 * 1024
_TEMPORARY_FOLDER = ".aside"


class LocalBlobs:
    """A folder of blobs that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary = folder / _TEMPORARY_FOLDER
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._temporary.mkdir(exist_ok=True, mode=0o700)

    def remove_temporary_files(self) -> None:
        """Remove the temporary files of processes that died. Call only while no other process writes to this folder."""
        for path in self._temporary.iterdir():
            path.unlink(missing_ok=True)

    def writer(self, key: str) -> "LocalWriter":
        """Return a writer that stores a blob completely and durably, or not at all."""
        return LocalWriter(self._path(key), self._temporary / uuid4().hex)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Return the bytes from `start` on, at most `length`, in pieces. Raises BlobNotFound before the first piece."""
        try:
            file = self._path(key).open("rb", buffering=0)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise BlobNotFound(key) from error
        return _pieces(file, start, length)

    def size(self, key: str) -> int:
        """Return the size of a blob in bytes. Raises BlobNotFound."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError as error:
            raise BlobNotFound(key) from error

    def is_at_hand(self, key: str, /) -> bool:
        """Return whether all of a small blob is in the memory of the operating system."""
        try:
            descriptor = os.open(self._path(key), os.O_RDONLY)
        except OSError:
            return False
        try:
            # The flag makes reading fail, or end early, where it would wait for the disk. Only Linux has it.
            return (
                0
                < os.preadv(descriptor, [bytearray(MAX_AT_HAND_BYTES)], 0, os.RWF_NOWAIT)
                == os.stat(descriptor).st_size
            )
        except (OSError, AttributeError):
            return False
        finally:
            os.close(descriptor)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove blobs. Missing blobs are ignored."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def delete_prefix(self, prefix: str) -> None:
        """Remove every blob whose key begins with `prefix`, which ends in "/"."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._path(prefix.rstrip("/")))

    def keys(self, prefix: str) -> Iterator[str]:
        """List the keys that begin with `prefix`, which ends in "/"."""
        for path in self._path(prefix.rstrip("/")).rglob("*"):
            if path.is_file():
                yield path.relative_to(self._folder).as_posix()

    def keys_between(self, prefix: str, start: datetime, end: datetime) -> Iterator[str]:
        """List the keys that begin with `prefix` of blobs last written between two times of the store's clock."""
        for path, written in _files(self._path(prefix.rstrip("/"))):
            key = path.relative_to(self._folder).as_posix()
            if start.timestamp() <= written < end.timestamp() and is_key(key):
                yield key

    def discard_unfinished(self, end: datetime) -> None:
        """Remove temporary files that were last written before `end`. A writer that is alive writes more often."""
        for path, written in _files(self._temporary):
            if written < end.timestamp():
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)


class LocalWriter:
    """A writer of one blob, to a temporary file that gets its name when it is complete."""

    def __init__(self, path: Path, temporary: Path) -> None:
        self._path, self._temporary = path, temporary
        self._file = os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, data: bytes) -> None:
        """Write the next bytes."""
        self._file.write(data)

    def commit(self) -> None:
        """Complete the blob. It is durable under its key when this returns."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        created = _make_folders(self._path.parent)
        self._temporary.rename(self._path)
        for folder in created:
            _sync_folder(folder)

    def abort(self) -> None:
        """Discard what was written, unless it was committed. Safe to call at any time."""
        with suppress(OSError):  # Closing flushes the buffer, which fails when the disk is full.
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, float]]:
    """Yield every file below a folder with its modification time, except files that are deleted meanwhile."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
                continue
            with suppress(FileNotFoundError):
                yield Path(entry.path), entry.stat(follow_symlinks=False).st_mtime


def _pieces(file: RawIOBase, start: int, length: int | None) -> Iterator[bytes]:
    with file:
        file.seek(start)
        remaining = length if length is not None else sys.maxsize
        while remaining and (piece := file.read(min(remaining, READ_BYTES))):
            remaining -= len(piece)
            yield piece


def _make_folders(folder: Path) -> list[Path]:
    """Create a folder and its parents, private to the owner. Return the folders to sync to disk after adding a file."""
    changed = [folder]
    while not changed[-1].is_dir():
        changed.append(changed[-1].parent)
    for missing in reversed(changed[:-1]):
        missing.mkdir(mode=0o700, exist_ok=True)
    return changed


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
