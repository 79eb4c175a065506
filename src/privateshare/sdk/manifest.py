"""What a folder already holds, so that reading into it can go on where it was stopped, however it was stopped.

One line of JSON for each file, written after the file is whole under its name. A line that is torn counts for nothing.
"""

import json
import os
import re
import threading
from pathlib import Path
from typing import IO

from privateshare.errors import ConfigurationError
from privateshare.protocol.messages import FileEntry
from privateshare.sdk.sinks import File

NAME = ".privateshare-manifest.jsonl"
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,200}")


class Manifest:
    """The files of one folder, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[int, int]] = {}
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Reads what is there, and removes what an interrupted run left half-written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for torn in self._folder.glob(".*.part"):
            torn.unlink(missing_ok=True)
        self._known = _noted(self._folder)
        self._file = (self._folder / NAME).open("a", encoding="utf-8")
        self._file.write("\n")  # ends a line that may have been torn

    def has(self, entry: FileEntry) -> bool:
        """Whether the folder holds this file, as new as this, in its whole size."""
        known = self._known.get(entry.name)
        if known is None or known[0] < entry.updated_date:
            return False
        try:
            return self.path(entry.name).stat().st_size == known[1]
        except FileNotFoundError:
            return False

    def path(self, name: str) -> Path:
        """Where a file goes. Raises ConfigurationError for a name that would lead elsewhere."""
        if not _FILE_NAME.fullmatch(name):
            raise ConfigurationError(f"the platform names a file {name!r}, which is no good name on a disk")
        return self._folder / name

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
    """How new each file of a folder is, by name, in milliseconds since the epoch; nothing if none were read into it."""
    return {name: updated for name, (updated, _) in _noted(folder).items()}


def _noted(folder: Path) -> dict[str, tuple[int, int]]:
    """The date and the size of each file that was noted; the last note of a file counts."""
    noted: dict[str, tuple[int, int]] = {}
    path = folder / NAME
    for line in path.read_text("utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            note = json.loads(line)
            noted[note["name"]] = int(note["updatedDate"]), int(note["size"])
        except (ValueError, KeyError, TypeError):
            continue
    return noted
