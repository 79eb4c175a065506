"""Erasure keys as files in one folder that only its owner can read.

Each key is one file, written under its final name, so that a second copy never exists. The file fills a whole block:
file systems may store smaller files inside their metadata, which is copied to the journal.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from privateshare.errors import ConfigurationError
from privateshare.platform.keystore.store import KEY_BYTES, OWNER_ENTRY, KeyMissing, KeyStoreUnavailable, read_name

FILE_BYTES = 4096  # One block of most file systems holds the key, followed by zeros.
DESTROYED = bytes(FILE_BYTES)


class LocalKeys:
    """A folder of keys. Raises ConfigurationError if other users may read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(FileNotFoundError):
            if folder.stat().st_mode & 0o077:
                raise ConfigurationError(f"other users may read the erasure keys; run: chmod -R go= {folder}")

    def create(self, name: UUID, key: bytes) -> None:
        """Store a key under a name that was never used before. The key is durable when this returns."""
        with _store_errors():
            _write_new(self._folder / str(name), key.ljust(FILE_BYTES, b"\0"))
            _sync_folder(self._folder)

    def read(self, name: UUID) -> bytes:
        """Return the key of this name. Raises KeyMissing, also if the key is truncated or already overwritten."""
        with _store_errors():
            try:
                content = (self._folder / str(name)).read_bytes()
            except FileNotFoundError as error:
                raise KeyMissing(f"there is no key {name}") from error
        if len(content) != FILE_BYTES or content == DESTROYED:
            raise KeyMissing(f"the key {name} is damaged")
        return content[:KEY_BYTES]

    def destroy(self, name: UUID) -> None:
        """Overwrite the key in place, then delete its file. Both are durable when this returns."""
        with _store_errors():
            path = self._folder / str(name)
            with suppress(FileNotFoundError):
                _overwrite(path)
                path.unlink()
            # Also needed if the file was already gone: the process that deleted it may have died before this line.
            _sync_folder(self._folder)

    def names_between(self, start: datetime, end: datetime) -> Iterator[UUID]:
        """List the names of the keys that were created between two times of the store's clock."""
        with _store_errors(), os.scandir(self._folder) as entries:
            for entry in entries:
                name = read_name(entry.name)
                with suppress(FileNotFoundError):  # The key was destroyed meanwhile.
                    created = entry.stat(follow_symlinks=False).st_mtime
                    if name is not None and start.timestamp() <= created < end.timestamp():
                        yield name

    def owner(self) -> str | None:
        """Return the name of the database that the keys belong to, or None if none has claimed the folder yet."""
        with _store_errors():
            try:
                return (self._folder / OWNER_ENTRY).read_text() or None
            except FileNotFoundError:
                return None

    def claim(self, owner: str) -> None:
        """Create the folder if it is missing, and record durably that it belongs to a database."""
        with _store_errors():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = self._folder / f"{OWNER_ENTRY}.{uuid4()}"
            _write_new(temporary, owner.encode())
            temporary.rename(self._folder / OWNER_ENTRY)
            _sync_folder(self._folder)
            _sync_folder(self._folder.parent)


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyStoreUnavailable(f"the folder of the erasure keys is not available: {error.strerror}") from error


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError:  # The disk may be full. An incomplete file is never used, so it can be deleted.
        path.unlink(missing_ok=True)
        raise


def _overwrite(path: Path) -> None:
    # Without O_TRUNC, which would free the block that holds the key without overwriting it.
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
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
