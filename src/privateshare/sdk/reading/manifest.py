"""A list of the files that a folder holds, so that a reading that was interrupted can be continued.

The manifest has one line of JSON for each file, which is written once the file is complete. An incomplete line is
ignored.
"""

import json
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from privateshare.protocol.messages import FileEntry
from privateshare.sdk.files.file import File
from privateshare.sdk.local_files.safe_files import open_own_file, safe_name

NAME = ".privateshare-manifest.jsonl"


class Manifest:
    """The files of one folder, by the names that the platform gave them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[int, int]] = {}
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Read the manifest, and remove the incomplete files of an interrupted reading.

        Raises ConfigurationError if a symbolic link is in the place of the manifest.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file = open_own_file(self._folder / NAME, append=True)
        for incomplete in self._folder.glob(".*.part"):
            incomplete.unlink(missing_ok=True)
        self._file.seek(0)
        self._known = _entries(self._file)
        self._file.write("\n")  # This ends a line that may be incomplete.

    def has(self, entry: FileEntry) -> bool:
        """Tell whether the folder has this file: as new as the entry, of its full size, and not a link."""
        known = self._known.get(entry.name)
        if known is None or known[0] < entry.updated_date:
            return False
        try:
            found = self.path(entry.name).lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == known[1]

    def path(self, name: str) -> Path:
        """Return the path of a file, which is in the folder whatever its name is."""
        return self._folder / safe_name(name)

    def add(self, entry: FileEntry, file: File) -> None:
        """Add a file that is complete."""
        assert self._file is not None
        line = {"name": entry.name, "updatedDate": entry.updated_date, "size": file.size}
        with self._lock:
            self._known[entry.name] = (entry.updated_date, file.size)
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Write the manifest to disk and close it."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()


def updated_dates(folder: Path) -> dict[str, int]:
    """Return when each file of a folder was updated, by its name there, in milliseconds since the epoch.

    The result is empty for a folder without a manifest. Raises ConfigurationError if a symbolic link is in its place.
    """
    path = folder / NAME
    if not os.path.lexists(path):
        return {}
    with open_own_file(path, append=False) as file:
        return {safe_name(name): updated for name, (updated, _) in _entries(file).items()}


def _entries(lines: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Read the date and the size of each file. The last line of a file counts."""
    entries: dict[str, tuple[int, int]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            entries[str(entry["name"])] = int(entry["updatedDate"]), int(entry["size"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return entries
