"""What a folder already holds, so that reading into it can go on where it was stopped, however it was stopped.

One line of JSON for each file, written after the file is whole under its name. A line that is torn counts for nothing.
"""

import json
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from privateshare.protocol.messages import FileEntry
from privateshare.sdk.safe_files import open_own_file, safe_name
from privateshare.sdk.sinks import File

NAME = ".privateshare-manifest.jsonl"


class Manifest:
    """The files of one folder, by the names that the platform gave them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[int, int]] = {}
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Read what is there, and remove what an interrupted run left half-written.

        Raises ConfigurationError if a symbolic link is in the place of the manifest.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file = open_own_file(self._folder / NAME, append=True)
        for half_written in self._folder.glob(".*.part"):
            half_written.unlink(missing_ok=True)
        self._file.seek(0)
        self._known = _noted(self._file)
        self._file.write("\n")  # ends a line that may have been torn

    def has(self, entry: FileEntry) -> bool:
        """Whether the folder holds this file, as new as this, in its whole size, and not as a link to another."""
        known = self._known.get(entry.name)
        if known is None or known[0] < entry.updated_date:
            return False
        try:
            found = self.path(entry.name).lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == known[1]

    def path(self, name: str) -> Path:
        """Return where a file goes: into the folder, whatever its name."""
        return self._folder / safe_name(name)

    def add(self, entry: FileEntry, file: File) -> None:
        """Notes a file that is whole."""
        assert self._file is not None
        line = {"name": entry.name, "updatedDate": entry.updated_date, "size": file.size}
        with self._lock:
            self._known[entry.name] = (entry.updated_date, file.size)
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Makes what was noted durable."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()


def updated_dates(folder: Path) -> dict[str, int]:
    """Return how new each file of a folder is, by its name there, in milliseconds since the epoch.

    Nothing if none were read into it. Raises ConfigurationError if a symbolic link is in the place of the manifest.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return {}
    with open_own_file(path, append=False) as file:
        return {safe_name(name): updated for name, (updated, _) in _noted(file).items()}


def _noted(lines: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Read the date and the size of each file that was noted; the last note of a file counts."""
    noted: dict[str, tuple[int, int]] = {}
    for line in lines:
        try:
            note = json.loads(line)
            noted[str(note["name"])] = int(note["updatedDate"]), int(note["size"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return noted
