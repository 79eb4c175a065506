"""The entries of the audit log, and what each says.

    event -> sealed with the person's key -> stored in the transaction of what happened -> numbered by `chain.py`

The chain is computed over digests, so erasing a person removes the content of their entries and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.statements import NoRows, Statement
from privateshare.platform.db.tables import AuditEntryRow, FormerLibraryRow, LibraryRow
from privateshare.platform.keys.wrapping import DataKey, open_value, seal_value

INSERT_ENTRY = Statement("insert_audit_entry", NoRows)
PURPOSE = "audit entry"
FORMER_LOG_KEY = "log key of a former library"  # The purpose under which such a key is sealed.
NO_PERSON = UUID(int=0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class EventKind(StrEnum):
    """What an entry is about. `facts` of an event has what belongs to its kind."""

    CONSENT_GIVEN = "consent given"
    CONSENT_CHANGED = "consent changed"
    CONSENT_WITHDRAWN = "consent withdrawn"
    ACCESS_RENEWED = "access renewed"
    READ = "read"
    PUSHED = "pushed"
    SIGNED_IN = "signed in"
    SIGN_IN_ADDED = "sign-in method added"
    SIGN_IN_REMOVED = "sign-in method removed"
    ACCOUNT_DELETED = "account deleted"
    SOURCE_WITHDRAWN = "access to a source withdrawn"
    DELETED_BY_APP = "deleted by an app"
    DELETION_ASKED = "deletion asked"
    DELETION_CONFIRMED = "deletion confirmed"
    OPERATOR = "operator's action"
    MERGED = "library merged"
    ERASED = "library erased"


@dataclass(frozen=True, slots=True)
class PersonLog:
    """A library's part of the log: its id there, and the key of its entries, which is used for nothing else.

    The key outlives a library that was moved into another one of the same person.
    """

    id: UUID
    key: DataKey

    def seal(self, entry_id: UUID, content: bytes) -> bytes:
        """Encrypt the content of an entry."""
        return seal_value(self.key, PURPOSE, entry_id, content)

    def open(self, entry_id: UUID, sealed: bytes) -> bytes:
        """Decrypt the content of an entry. Raises SealBroken."""
        return open_value(self.key, PURPOSE, entry_id, sealed)


class LoggedLibrary(Protocol):
    """An open library, as far as writing to the log needs it."""

    @property
    def id(self) -> UUID:
        """The id of the library."""
        ...

    @property
    def log(self) -> PersonLog:
        """The library's part of the log."""
        ...


class LibraryWithHistory(LoggedLibrary, Protocol):
    """An open library, as far as reading its part of the log needs it."""

    def open(self, purpose: str, owner: object, sealed: bytes) -> bytes:
        """Decrypt a value with the library's key."""
        ...


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `facts` holds ids, numbers and words of ours, and never any of the person's data."""

    kind: EventKind
    facts: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Encode the event as the content of an entry."""
        return orjson.dumps({"event": self.kind, **self.facts})


async def record_event(db: AnyTransaction, library: LoggedLibrary, event: Event, now: datetime | None = None) -> None:
    """Record what happened in a person's library, in the transaction in which it happens."""
    entry = sealed_entry(library, event, now or datetime.now(UTC))
    await (await statements_of(db)).write(INSERT_ENTRY, entry)


async def record_public_event(db: AnyTransaction, event: Event) -> None:
    """Record what concerns no person, such as an operator's change of a contract. Its content is not encrypted."""
    await store_entries(db, [_entry(uuid4(), None, datetime.now(UTC), event.encode())])


def sealed_entry(library: LoggedLibrary, event: Event, now: datetime) -> dict[str, Any]:
    """Build the row of an entry, its content sealed for the person."""
    id_, log = uuid4(), library.log
    return _entry(id_, log.id, now, log.seal(id_, event.encode()))


def open_entry(log: PersonLog, row: AuditEntryRow) -> dict[str, Any] | None:
    """Decrypt what an entry says. Returns None if its content was erased. Raises SealBroken."""
    if row.content is None:
        return None
    content: dict[str, Any] = orjson.loads(log.open(row.id, row.content))
    return content


async def store_entries(db: AnyTransaction, rows: Sequence[dict[str, Any]]) -> None:
    """Store entries. They wait for their numbers, which `chain.append_entries` gives them."""
    sql = await statements_of(db)
    for row in rows:
        await sql.write(INSERT_ENTRY, row)
        await sql.write_now()


async def erase_entries(db: AsyncSession, library_id: UUID) -> None:
    """Erase the content of a person's entries. The chain stays whole, because it is computed over their digests."""
    logs = union_all(
        select(LibraryRow.log_id).where(LibraryRow.id == library_id),
        select(FormerLibraryRow.log_id).where(FormerLibraryRow.library_id == library_id),
    )
    await db.execute(update(AuditEntryRow).where(AuditEntryRow.log_id.in_(logs)).values(content=None))


async def person_logs(db: AsyncSession, library: LibraryWithHistory) -> Mapping[UUID, PersonLog]:
    """Return a person's parts of the log, by id: that of their library, and those of libraries moved into it."""
    former = await db.scalars(select(FormerLibraryRow).where(FormerLibraryRow.library_id == library.id))
    keys = {row.log_id: library.open(FORMER_LOG_KEY, row.log_id, row.sealed_log_key) for row in former}
    return {library.log.id: library.log, **{id_: PersonLog(id_, DataKey(key)) for id_, key in keys.items()}}


def entry_digest(id_: UUID, log_id: UUID | None, created_at: datetime, content: bytes) -> bytes:
    """Compute the digest that stands for an entry in the chain."""
    microseconds = (created_at - _EPOCH) // _MICROSECOND
    parts = (id_.bytes, (log_id or NO_PERSON).bytes, microseconds.to_bytes(8, "big"), content)
    return sha256(b"privateshare audit entry 1\0" + b"".join(parts)).digest()


def _entry(id_: UUID, log_id: UUID | None, created_at: datetime, content: bytes) -> dict[str, Any]:
    return {
        "id": id_,
        "log_id": log_id,
        "created_at": created_at,
        "content": content,
        "digest": entry_digest(id_, log_id, created_at, content),
    }
