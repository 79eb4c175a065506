"""The file systems that the platform writes to."""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from privateshare.platform.operating.settings import Settings

MIN_FREE_INODES = 1000


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that the platform writes to, and what it is used for."""

    use: str
    path: Path

    def free_bytes(self) -> int | None:
        """Return the free space, or None if there is no such folder yet. Other problems are found by writing there."""
        found = self._state()
        return found.f_bavail * found.f_frsize if found is not None else None

    def is_full(self, settings: Settings) -> bool:
        """Return whether there is less space than the settings demand, or hardly a free inode."""
        found = self._state()
        if found is None:
            return False
        few_inodes = found.f_files > 0 and found.f_favail < MIN_FREE_INODES
        return found.f_bavail * found.f_frsize < settings.min_free_bytes or few_inodes

    def _state(self) -> os.statvfs_result | None:
        try:
            return os.statvfs(self.path)
        except OSError:
            return None


def disks(settings: Settings) -> Iterable[Disk]:
    """List the file systems that the platform writes to, each once. Blocks."""
    places = [Disk("the data folder", settings.data), Disk("temporary files", Path(tempfile.gettempdir()))]
    for use, url in (("files", settings.blob_address()), ("keys", settings.key_address())):
        parts = urlsplit(url)
        if parts.scheme == "file":
            places.append(Disk(use, Path(unquote(parts.path))))
    seen = set()
    for place in places:
        try:
            device = place.path.stat().st_dev
        except OSError:
            continue
        if device not in seen:
            seen.add(device)
            yield place
