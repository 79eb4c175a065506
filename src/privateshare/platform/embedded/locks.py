"""Locks on files: held by a process, and let go by the system when it ends, however it ends."""

import fcntl
import os
from pathlib import Path


class Locked(Exception):
    """Another process holds the lock."""


class FileLock:
    """A lock on a file. A child process that inherits `descriptor` holds it on."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self) -> None:
        """Takes the lock now. Raises Locked if another process has it."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Locked from error

    def close(self) -> None:
        """Lets go of it, unless a child holds it on."""
        os.close(self.descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on this file."""
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire()
    except Locked:
        return True
    finally:
        lock.close()
    return False
