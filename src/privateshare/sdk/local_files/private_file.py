"""A file of secrets: only its owner can read it, it is complete at any time, and one process at a time changes it."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock

from privateshare.errors import ConfigurationError
from privateshare.sdk.arguments import path_of

Contents = dict[str, Any]

REPLACE_SECONDS = 5.0
"""How long Windows may refuse to replace a file because another process reads it."""
LOCK_SECONDS = 600.0
"""How long another process may hold an entry. A token refresh with all its retries takes less."""


class PrivateFile:
    """A JSON object in a file with the mode 0600, on systems that have modes. Threads and processes may share it.

    `holds` says what the file holds, such as "tokens". It is used in error messages.
    """

    def __init__(self, path: str | os.PathLike[str], holds: str) -> None:
        self._path, self._holds = path_of("path", path), holds
        self._seen: tuple[tuple[int, ...], Contents] | None = None  # What was read last, and its version.

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> Contents:
        """Return the content, which is empty if there is no file.

        Raises:
            ConfigurationError: The file cannot be read, or was not written by the SDK.
        """
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._seen is not None and self._seen[0] == version:
                return self._seen[1]
            contents = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigurationError(f"Cannot read {self._path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise self._not_ours() from error
        if not isinstance(contents, dict):
            raise self._not_ours()
        self._seen = version, contents
        return contents

    def change(self, change: Callable[[Contents], Contents]) -> None:
        """Replace the content by what `change` makes of it. Raise ConfigurationError if it cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock(self._path.with_name(f".{self._path.name}.lock")):
                self._seen = None
                self._write(change(self.read()))
        except OSError as error:
            raise ConfigurationError(f"Cannot write {self._path}: {error.strerror or error}") from error

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Lock an entry for one thread of one process at a time. Other entries can change meanwhile.

        Raises:
            ConfigurationError: The lock cannot be acquired.
        """
        folder = self._path.with_name(f".{self._path.name}.locks")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = self._lock(folder / f"{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:2]}.lock")
            lock.acquire()
        except OSError as error:
            raise ConfigurationError(f"Cannot lock {self._path}: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()

    def _lock(self, path: Path) -> FileLock:
        """Make a lock that other processes respect, and that the system releases when this process ends."""
        return FileLock(path, timeout=LOCK_SECONDS, mode=0o600)

    def _write(self, contents: Contents) -> None:
        partial = self._path.with_name(f".{self._path.name}.{uuid4().hex}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(contents, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            _replace(partial, self._path)
        except BaseException:  # This includes Ctrl-C: secrets must not stay in an incomplete file.
            partial.unlink(missing_ok=True)
            raise

    def _not_ours(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._path} is not a file of {self._holds}", hint="Move the file away, or name another one"
        )


def _replace(partial: Path, path: Path) -> None:
    give_up = time.monotonic() + REPLACE_SECONDS
    while True:
        try:
            partial.replace(path)
            break
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
    if sys.platform != "win32":  # A token that was replaced must not come back after a power cut.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
