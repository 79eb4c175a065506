"""Whether this process can serve: its database answers, its disks have room, its blob store takes what is written."""

import asyncio
import math
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from urllib.parse import unquote, urlsplit

import structlog
from sqlalchemy.exc import SQLAlchemyError

from privateshare.errors import Unavailable
from privateshare.platform.blobs.store import put
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.clock import is_clock_suspect

KEPT_SECONDS = 2.0  # for which an answer is given again: health checks must not be work
WRITTEN_EVERY_SECONDS = 30.0  # how often the blob store is written to: some stores are paid for it
PATIENCE_SECONDS = 5.0
RETRY_SECONDS = 10
MIN_FREE_INODES = 1000
PROBE = "probe/readiness"  # one small blob, written again and again
CLOCK = "The clock is far from the newest time that the database knows; nothing is deleted by age until it is set right"

log = structlog.get_logger()


class Readiness:
    """Tells whether a platform can serve. Those who ask at once share one look."""

    def __init__(self, platform: Platform, clock: Callable[[], float] = monotonic) -> None:
        self._platform, self._clock = platform, clock
        self._looking = asyncio.Lock()
        self._problems: list[str] = []
        self._warnings: list[str] = []
        self._looked = self._wrote = -math.inf
        self._writing: asyncio.Task[int] | None = None
        self._unwritable: list[str] = []

    async def check(self) -> list[str]:
        """Return what an operator should look at though the platform serves.

        Raises Unavailable, saying why, if it cannot serve.
        """
        asked = self._clock()
        async with self._looking:
            kept_since = asked if self._problems else asked - KEPT_SECONDS
            if self._looked < kept_since:
                await self._look()
        if self._problems:
            raise Unavailable("; ".join(self._problems), retry_after=RETRY_SECONDS)
        return self._warnings

    async def _look(self) -> None:
        found = [*await self._ask_database(), *await asyncio.to_thread(_full_disks, self._platform.settings)]
        if self._unwritable or self._clock() - self._wrote >= WRITTEN_EVERY_SECONDS:
            self._unwritable, self._wrote = await self._write(), self._clock()
        found += self._unwritable
        if found and found != self._problems:
            log.error("not ready", problems=found)
        self._problems, self._looked = found, self._clock()

    async def _ask_database(self) -> list[str]:
        try:
            async with self._platform.database.transaction() as db:
                self._warnings = [CLOCK] if await is_clock_suspect(db, datetime.now(UTC)) else []
        except SQLAlchemyError:
            return ["The database does not answer"]
        return []

    async def _write(self) -> list[str]:
        """Write to the blob store; a write that hangs is waited for again, so that not many hang."""
        if self._writing is None:
            self._writing = asyncio.create_task(asyncio.to_thread(put, self._platform.blobs, PROBE, [b"written"]))
        await asyncio.wait({self._writing}, timeout=PATIENCE_SECONDS)
        if not self._writing.done():
            return ["The blob store does not answer"]
        error, self._writing = self._writing.exception(), None
        if error is None:
            return []
        log.warning("the blob store cannot be written", error=repr(error))
        return ["The blob store cannot be written"]


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that the platform writes to, and what for."""

    use: str
    path: Path


def _full_disks(settings: Settings) -> list[str]:
    """Return in words which disks have too little room. Blocks."""
    return [f"The disk of {disk.use} is full" for disk in _disks(settings) if _is_full(disk.path, settings)]


def _is_full(path: Path, settings: Settings) -> bool:
    try:
        found = os.statvfs(path)
    except OSError:  # what is not there yet has no room to lack; whoever writes there is told
        return False
    few_inodes = found.f_files > 0 and found.f_favail < MIN_FREE_INODES
    return found.f_bavail * found.f_frsize < settings.min_free_bytes or few_inodes


def _disks(settings: Settings) -> Iterable[Disk]:
    """Give each file system once."""
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
