"""Blobs as files: written aside, fsynced, renamed."""

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
_ASIDE = ".aside"


class LocalBlobs:
    """A folder of blobs that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._aside = folder / _ASIDE
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._aside.mkdir(exist_ok=True, mode=0o700)

    def clear_aside(self) -> None:
        """Removes what a process that died left half-written. Only while no other process writes here."""
        for path in self._aside.iterdir():
            path.unlink(missing_ok=True)

    def writer(self, key: str) -> "LocalWriter":
        """A writer that puts a blob whole and durably, or not at all."""
        return LocalWriter(self._path(key), self._aside / uuid4().hex)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` on, `length` at most, in pieces. Raises BlobNotFound, before the first piece."""
        try:
            file = self._path(key).open("rb", buffering=0)
        except (FileNotFoundError, IsADirectoryError) as error:
            raise BlobNotFound(key) from error
        return _pieces(file, start, length)

    def size(self, key: str) -> int:
        """How many bytes it has. Raises BlobNotFound."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError as error:
            raise BlobNotFound(key) from error

    def delete(self, keys: Iterable[str]) -> None:
        """Removes blobs; those that are not there are no error."""
        for key in keys:
            self._path(key).unlink(missing_ok=True)

    def delete_prefix(self, prefix: str) -> None:
        """Removes every blob whose key begins with `prefix`, which ends in "/"."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self._path(prefix.rstrip("/")))

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, which ends in "/"."""
        for path in self._path(prefix.rstrip("/")).rglob("*"):
            if path.is_file():
                yield path.relative_to(self._folder).as_posix()

    def keys_between(self, prefix: str, start: datetime, end: datetime) -> Iterator[str]:
        """The keys that begin with `prefix`, of blobs last written in this time by the store's clock."""
        for path, written in _files(self._path(prefix.rstrip("/"))):
            key = path.relative_to(self._folder).as_posix()
            if start.timestamp() <= written < end.timestamp() and is_key(key):
                yield key

    def discard_unfinished(self, end: datetime) -> None:
        """Removes what writers that died before `end` left half-written: one that lives writes now and then."""
        for path, written in _files(self._aside):
            if written < end.timestamp():
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / check_key(key)


class LocalWriter:
    """A file written aside until it is whole."""

    def __init__(self, path: Path, aside: Path) -> None:
        self._path, self._aside = path, aside
        self._file = os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def write(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._file.write(data)

    def commit(self) -> None:
        """Returns when the whole blob is durable under its key."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        created = _make_folders(self._path.parent)
        self._aside.rename(self._path)
        for folder in created:
            _sync_folder(folder)

    def abort(self) -> None:
        """Leaves nothing behind; safe to call at any time."""
        with suppress(OSError):  # closing writes what is still held back, and the disk may be full
            self._file.close()
        self._aside.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[Path, float]]:
    """Every file below a folder and when it was last written; those that go meanwhile are left out."""
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
        left = length if length is not None else sys.maxsize
        while left and (piece := file.read(min(left, READ_BYTES))):
            left -= len(piece)
            yield piece


def _make_folders(folder: Path) -> list[Path]:
    """Makes a folder with its parents, for the owner alone; gives those whose entries change with a new file in it."""
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
