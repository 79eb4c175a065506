"""A file of secrets: only its owner can read it, it is whole at any time, and one process at a time changes it."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from filelock import FileLock

Contents = dict[str, Any]

REPLACE_SECONDS = 5.0  # how long Windows may refuse to replace a file because somebody is reading it
LOCK_SECONDS = 600.0  # that another may hold an entry: a refresh with all its retries takes less


class PrivateFile:
    """A JSON object in a file, 0600 where the system knows that. Any number of threads and processes may use it.

    `holds` is what it holds, for errors: "tokens".
    """

    def __init__(self, path: str | os.PathLike[str], holds: str) -> None:
        self._path, self._holds = Path(path), holds
        self._seen: tuple[tuple[int, ...], Contents] | None = None  # what was read, and of which version of the file

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> Contents:
        """What it holds; nothing if it is not there. Raises ConfigurationError if it cannot be read or is another's."""
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._seen is not None and self._seen[0] == version:
                return self._seen[1]
            contents = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigurationError(f"cannot read {self._path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise self._not_ours() from error
        if not isinstance(contents, dict):
            raise self._not_ours()
        self._seen = version, contents
        return contents

    def change(self, change: Callable[[Contents], Contents]) -> None:
        """Replaces what it holds by what `change` makes of it. Raises ConfigurationError."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock(self._path.with_name(f".{self._path.name}.lock")):
                self._seen = None
                self._write(change(self.read()))
        except OSError as error:
            raise ConfigurationError(f"cannot write {self._path}: {error.strerror or error}") from error

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold an entry: of all threads and processes that ask for this key, one at a time. Others change meanwhile.

        Raises ConfigurationError if it cannot be had.
        """
        folder = self._path.with_name(f".{self._path.name}.locks")
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = self._lock(folder / f"{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:2]}.lock")
            lock.acquire()
        except OSError as error:
            raise ConfigurationError(f"cannot lock {self._path}: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()

    def _lock(self, path: Path) -> "FileLock":
        """Make a lock that other processes see, and that ends with this one, however it ends."""
        from filelock import FileLock

        return FileLock(path, timeout=LOCK_SECONDS, mode=0o600)

    def _write(self, contents: Contents) -> None:
        aside = self._path.with_name(f".{self._path.name}.{uuid4().hex}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(contents, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            _replace(aside, self._path)
        except BaseException:  # Ctrl-C too: secrets must not lie about
            aside.unlink(missing_ok=True)
            raise

    def _not_ours(self) -> ConfigurationError:
        return ConfigurationError(f"{self._path} is not a file of {self._holds}", hint="Move it away, or name another")


def _replace(aside: Path, path: Path) -> None:
    give_up = time.monotonic() + REPLACE_SECONDS
    while True:
        try:
            aside.replace(path)
            break
        except PermissionError:
            if sys.platform != "win32" or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
    if sys.platform != "win32":  # a token that was rotated must not come back after a power cut
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
