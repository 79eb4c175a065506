"""Erasure keys as files of one folder, which only its owner can read.

A key is one file, written under its own name from the start: there is never a second copy, not even for a moment. It
fills a whole block, so that no file system keeps it within its own structures, which a journal copies.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from privateshare.errors import ConfigurationError
from privateshare.platform.keystore.store import KEY_BYTES, OWNER, KeyMissing, KeyStoreAway, read_name

FILE_BYTES = 4096  # one block of most file systems: the key, and zeros after it
DESTROYED = bytes(FILE_BYTES)


class LocalKeys:
    """A folder of keys. Raises ConfigurationError if others may enter it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(FileNotFoundError):
            if folder.stat().st_mode & 0o077:
                raise ConfigurationError(f"others may read the erasure keys; run: chmod -R go= {folder}")

    def create(self, name: UUID, key: bytes) -> None:
        """Returns when the key is durable under a name that was never used before."""
        with _away():
            _write_new(self._folder / str(name), key.ljust(FILE_BYTES, b"\0"))
            _sync_folder(self._folder)

    def read(self, name: UUID) -> bytes:
        """The key of this name. Raises KeyMissing, also for one that is cut short or already overwritten."""
        with _away():
            try:
                content = (self._folder / str(name)).read_bytes()
            except FileNotFoundError as error:
                raise KeyMissing(f"there is no key {name}") from error
        if len(content) != FILE_BYTES or content == DESTROYED:
            raise KeyMissing(f"the key {name} is damaged")
        return content[:KEY_BYTES]

    def destroy(self, name: UUID) -> None:
        """Overwrites the key where it lies, then unlinks it; returns when both are durable."""
        with _away():
            path = self._folder / str(name)
            with suppress(FileNotFoundError):
                _overwrite(path)
                path.unlink()
            _sync_folder(self._folder)  # also if it was gone: whoever unlinked it may have died before this

    def names_between(self, start: datetime, end: datetime) -> Iterator[UUID]:
        """The names of the keys that were created in this time, by the store's clock."""
        with _away(), os.scandir(self._folder) as entries:
            for entry in entries:
                name = read_name(entry.name)
                with suppress(FileNotFoundError):  # it was destroyed meanwhile
                    created = entry.stat(follow_symlinks=False).st_mtime
                    if name is not None and start.timestamp() <= created < end.timestamp():
                        yield name

    def owner(self) -> str | None:
        """Which database the keys belong to; None if nobody has claimed the folder yet."""
        with _away():
            try:
                return (self._folder / OWNER).read_text() or None
            except FileNotFoundError:
                return None

    def claim(self, owner: str) -> None:
        """Makes the folder, if it is missing, and records whose it is."""
        with _away():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            aside = self._folder / f"{OWNER}.{uuid4()}"
            _write_new(aside, owner.encode())
            aside.rename(self._folder / OWNER)
            _sync_folder(self._folder)
            _sync_folder(self._folder.parent)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyStoreAway(f"the folder of the erasure keys cannot be used: {error.strerror}") from error


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:  # no room, perhaps: nobody uses what was not written whole
        path.unlink(missing_ok=True)
        raise


def _overwrite(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)  # never truncated: that would free the block as it is
    with os.fdopen(descriptor, "wb") as file:
        file.write(bytes(max(FILE_BYTES, os.fstat(descriptor).st_size)))
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
