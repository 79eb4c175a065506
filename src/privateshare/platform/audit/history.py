"""What the audit log says about one person: for their own pages."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.audit.entries import EventKind, LibraryWithHistory, open_entry, person_logs
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AuditEntryRow

MAX_ENTRIES = 2000
QUIET_TIME = timedelta(minutes=10)  # Reads of one app with shorter pauses are shown as one.
READING = (EventKind.READ, EventKind.PUSHED)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Happening:
    """One event in a person's library. `facts` is what the entry says about it."""

    at: datetime
    kind: EventKind
    facts: Mapping[str, Any]

    @property
    def consent_id(self) -> UUID | None:
        """The consent that the event is about, if it is about one."""
        named = self.facts.get("consent")
        return UUID(named) if isinstance(named, str) else None


@dataclass(slots=True)
class AppActivity:
    """What an app did under one consent, without a longer pause.

    Attributes:
        kind: `EventKind.READ`, `PUSHED`, or `ACCESS_RENEWED`.
        begin: When it began.
        end: When it ended.
        times: How often it happened.
        files: Files and bytes for each kind of data: the reference of an object type, "accounts" or "pushed".
    """

    kind: EventKind
    begin: datetime
    end: datetime
    times: int = 0
    files: dict[str, list[int]] = field(default_factory=dict)

    @property
    def file_count(self) -> int:
        """The number of files of all kinds."""
        return sum(files for files, _ in self.files.values())

    @property
    def size(self) -> int:
        """The number of bytes of all kinds."""
        return sum(size for _, size in self.files.values())

    def add(self, happening: Happening) -> None:
        """Add an earlier event of the same kind."""
        self.begin, self.times = min(self.begin, happening.at), self.times + 1
        for kind, (files, size) in happening.facts.get("read", {}).items():
            total = self.files.setdefault(kind, [0, 0])
            total[0], total[1] = total[0] + files, total[1] + size


async def happenings(db: AsyncSession, library: LibraryWithHistory) -> Sequence[Happening]:
    """List what happened in a person's library, the newest first."""
    return [happening async for happening in _read(db, library)]


async def _read(db: AsyncSession, library: LibraryWithHistory) -> AsyncIterator[Happening]:
    logs = await person_logs(db, library)
    query = select(AuditEntryRow).where(AuditEntryRow.log_id.in_(logs))
    newest = query.order_by(AuditEntryRow.created_at.desc(), AuditEntryRow.id).limit(MAX_ENTRIES)
    for row in await db.scalars(newest):
        assert row.log_id is not None
        try:
            content = open_entry(logs[row.log_id], row)
        except SealBroken:
            log.error("an audit entry cannot be decrypted; run: privateshare audit verify", entry=str(row.id))
            continue
        if content is not None:
            yield Happening(row.created_at, EventKind(content.pop("event")), content)


def app_activities(events: Sequence[Happening]) -> Mapping[UUID, Sequence[AppActivity]]:
    """Sum up what apps did, by consent, the newest first. `events` are those of `happenings`."""
    found: dict[UUID, list[AppActivity]] = {}
    for event in events:
        if event.consent_id is None or event.kind not in (*READING, EventKind.ACCESS_RENEWED):
            continue
        activities = found.setdefault(event.consent_id, [])
        current = next((activity for activity in reversed(activities) if activity.kind == event.kind), None)
        if current is None or current.begin - event.at > QUIET_TIME:
            current = AppActivity(event.kind, event.at, event.at)
            activities.append(current)
        current.add(event)
    return found
