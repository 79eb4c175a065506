"""A file of secrets: only its owner can read it, it is whole at any time, and one process at a time changes it."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from privateshare.errors import ConfigurationError

Contents = dict[str, Any]

REPLACE_SECONDS = 5.0  # how long Windows may refuse to replace a file because somebody is reading it


class PrivateFile:
    """A JSON object in a file, 0600 where the system knows that. Any number of threads and processes may use it.

    `holds` is what it holds, for errors: "tokens".
    """

    def __init__(self, path: str | os.PathLike[str], holds: str) -> None:
        self._path, self._holds = Path(path), holds
        self._lock = threading.Lock()

    def read(self) -> Contents:
        """What it holds; nothing if it is not there. Raises ConfigurationError if it cannot be read or is another's."""
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigurationError(f"cannot read {self._path}: {error.strerror}") from error
        except ValueError as error:
            raise self._not_ours() from error
        if not isinstance(found, dict):
            raise self._not_ours()
        return found

    def change(self, change: Callable[[Contents], Contents]) -> None:
        """Replaces what it holds by what `change` makes of it. Raises ConfigurationError."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock, _locked(self._path.with_name(f".{self._path.name}.lock")):
                self._write(change(self.read()))
        except OSError as error:
            raise ConfigurationError(f"cannot write {self._path}: {error.strerror}") from error

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


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds a lock that other processes see, and that ends with this one, however it ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)  # gives up after ten seconds
                    break
                except OSError:
                    continue
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
