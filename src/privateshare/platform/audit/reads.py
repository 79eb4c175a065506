"""The reads of apps, on their way to the audit log.

A read is counted in memory, and a background task writes what was counted about once a second. So a read waits for no
query of the log. The reads of one consent within that second become one entry. The memory is bounded: when too many
consents are in use at once, further reads wait until the earlier ones are written, and fail if that is not possible.

If the process is killed, the reads of the last second are not in the log. A normal end writes them.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError

from privateshare.errors import Unavailable
from privateshare.platform.audit.chain import BATCH_ENTRIES, append_entries
from privateshare.platform.audit.entries import Event, EventKind, LoggedLibrary, sealed_entry, store_entries
from privateshare.platform.db.engine import Database
from privateshare.platform.keys.signing import Signer

WRITE_SECONDS = 1.0
APPEND_SECONDS = 5.0
MAX_CONSENTS = 10_000  # Counted at once in one process, of about 1 KB each.
LONGEST_WAIT_SECONDS = 5.0
FAILURES = (SQLAlchemyError, DriverError, OSError)

log = structlog.get_logger()


@dataclass(slots=True)
class CountedReads:
    """The reads under one consent that are not written yet: files and bytes for each kind of data."""

    library: LoggedLibrary = field(repr=False)
    consent_id: UUID
    contract_id: str
    since: datetime
    kinds: dict[str, list[int]] = field(default_factory=dict)

    def count(self, kind: str, files: int, size: int) -> None:
        """Add files of a kind."""
        total = self.kinds.setdefault(kind, [0, 0])
        total[0], total[1] = total[0] + files, total[1] + size

    def event(self) -> Event:
        """Describe the reads for the log."""
        facts = {"consent": str(self.consent_id), "contract": self.contract_id, "read": self.kinds}
        return Event(EventKind.READ, facts)


class ReadLog:
    """Counts the reads of one process, and writes them to the audit log."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        *,
        max_consents: int = MAX_CONSENTS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._signer, self._max_consents, self._now = database, signer, max_consents, now
        self._counted: dict[tuple[UUID, UUID], CountedReads] = {}
        self._full, self._written, self._writing = asyncio.Event(), asyncio.Condition(), asyncio.Lock()

    async def add(
        self, library: LoggedLibrary, consent_id: UUID, contract_id: str, kind: str, size: int, files: int = 1
    ) -> None:
        """Count a read that is about to be answered. Raises Unavailable if the log cannot take it."""
        key = (library.id, consent_id)
        while key not in self._counted and len(self._counted) >= self._max_consents:
            await self._wait_for_space()
        if key not in self._counted:
            self._counted[key] = CountedReads(library, consent_id, contract_id, self._now())
        self._counted[key].count(kind, files, size)

    async def _wait_for_space(self) -> None:
        self._full.set()
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS), self._written:
                await self._written.wait()
        except TimeoutError as error:
            raise Unavailable("The audit log cannot take this read. Try again later", retry_after=1) from error

    async def run(self) -> None:
        """Write reads and append entries to the chain until this is cancelled."""
        appended = asyncio.get_running_loop().time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._full.wait()
            self._full.clear()
            try:
                await self.write()
                if asyncio.get_running_loop().time() - appended >= APPEND_SECONDS:
                    appended = asyncio.get_running_loop().time()
                    await self.append()
            except FAILURES as error:
                log.warning("the audit log cannot be written yet", error=type(error).__name__, waiting=self.waiting)
                await asyncio.sleep(WRITE_SECONDS)

    @property
    def waiting(self) -> int:
        """The number of consents whose reads are not written yet."""
        return len(self._counted)

    async def write(self) -> None:
        """Write the reads that were counted. If that fails, they stay counted, and the error is raised."""
        async with self._writing:
            taken, self._counted = self._counted, {}
            if not taken:
                return
            try:
                rows = await asyncio.to_thread(_seal, list(taken.values()))
                async with self._database.statements() as sql:
                    await store_entries(sql, rows)
            except BaseException:  # Reads that were not written, also after a cancellation, are written next time.
                self._put_back(taken)
                raise
        async with self._written:
            self._written.notify_all()

    def _put_back(self, taken: dict[tuple[UUID, UUID], CountedReads]) -> None:
        """Count reads again that could not be written. Their number is at most that of two full buffers."""
        for key, reads in taken.items():
            later = self._counted.get(key)
            for kind, (files, size) in (later.kinds if later else {}).items():
                reads.count(kind, files, size)
            self._counted[key] = reads

    async def append(self) -> None:
        """Append all entries that wait to the chain, unless another process is doing so."""
        while True:
            async with self._database.transaction() as db:
                if await append_entries(db, self._signer, self._now()) < BATCH_ENTRIES:
                    return

    async def close(self) -> None:
        """Write what is left at the end of the process."""
        try:
            await self.write()
            await self.append()
        except FAILURES as error:
            log.error("reads are missing in the audit log", consents=self.waiting, error=type(error).__name__)


def _seal(counted: Sequence[CountedReads]) -> list[dict[str, Any]]:
    return [sealed_entry(reads.library, reads.event(), reads.since) for reads in counted]
