"""The readiness check: the database responds, the disks have space, and blobs can be written."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic

import structlog
from sqlalchemy.exc import SQLAlchemyError

from privateshare.errors import Unavailable
from privateshare.platform.blobs.store_errors import describe_store_error
from privateshare.platform.keys.rewrapping import rows_without_key
from privateshare.platform.operating.disks import disks
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.clock import is_clock_suspect

CACHE_SECONDS = 2.0  # Frequent health checks must not cause load.
WRITE_INTERVAL_SECONDS = 30.0  # Some blob stores charge for each write.
WRITE_TIMEOUT_SECONDS = 5.0
RETRY_SECONDS = 10
CLOCK_WARNING = (
    "The clock is far from the newest time that the database knows. Set the clock; until then nothing is deleted by age"
)
UNLISTED_KEY = "The database needs a master key that is not listed in PRIVATESHARE_MASTER_KEY of this process"

log = structlog.get_logger()


class Readiness:
    """Checks whether a platform is ready to handle requests. Concurrent callers share one check."""

    def __init__(self, platform: Platform, clock: Callable[[], float] = monotonic) -> None:
        self._platform, self._clock = platform, clock
        self._checking = asyncio.Lock()
        self._problems: list[str] = []
        self._warnings: list[str] = []
        self._checked = self._wrote = -math.inf
        self._writing: asyncio.Task[None] | None = None
        self._unwritable: list[str] = []

    async def check(self) -> list[str]:
        """Return warnings for the operator, if the platform is ready.

        Raises Unavailable with the problems if it is not ready.
        """
        now = self._clock()
        async with self._checking:
            valid_since = now if self._problems else now - CACHE_SECONDS
            if self._checked < valid_since:
                await self._run_checks()
        if self._problems:
            raise Unavailable("; ".join(self._problems), retry_after=RETRY_SECONDS)
        return self._warnings

    async def _run_checks(self) -> None:
        found = [*await self._check_database(), *await asyncio.to_thread(_full_disks, self._platform.settings)]
        if self._unwritable or self._clock() - self._wrote >= WRITE_INTERVAL_SECONDS:
            self._unwritable, self._wrote = await self._write(), self._clock()
        found += self._unwritable
        if self._platform.missing_keys.suspected:
            found += await self._check_master_keys()
        if found and found != self._problems:
            log.error("not ready", problems=found)
        self._problems, self._checked = found, self._clock()

    async def _check_database(self) -> list[str]:
        try:
            async with self._platform.database.transaction() as db:
                self._warnings = [CLOCK_WARNING] if await is_clock_suspect(db, datetime.now(UTC)) else []
        except SQLAlchemyError:
            return ["The database does not respond"]
        return []

    async def _check_master_keys(self) -> list[str]:
        """Look whether a row needs a master key that is not listed. This reads whole tables."""
        try:
            async with self._platform.database.transaction() as db:
                missing = await rows_without_key(db, self._platform.master_key)
        except SQLAlchemyError:
            return []  # The check of the database reports this.
        if missing:
            return [UNLISTED_KEY]
        self._platform.missing_keys.clear()
        return []

    async def _write(self) -> list[str]:
        """Write a small blob, and check whose the store is.

        If the last write still hangs, wait for that one instead of starting another.
        """
        if self._writing is None:
            self._writing = asyncio.create_task(asyncio.to_thread(self._platform.blob_ownership.probe))
        await asyncio.wait({self._writing}, timeout=WRITE_TIMEOUT_SECONDS)
        if not self._writing.done():
            return ["The blob store does not respond"]
        error, self._writing = self._writing.exception(), None
        if error is None:
            return []
        reason = describe_store_error(error)
        log.warning("the blob store cannot be used", reason=reason)
        return [f"The blob store cannot be used: {reason}"]


def _full_disks(settings: Settings) -> list[str]:
    """Describe the disks that have too little space. Blocks."""
    return [f"The disk of {disk.use} is full" for disk in disks(settings) if disk.is_full(settings)]
