"""Syncs of accounts, and the sessions of apps that wait for them."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.applications import ContractRow
from privateshare.platform.db.tables.columns import Base, created, erased_with
from privateshare.platform.db.tables.consents import ConsentRow
from privateshare.platform.db.tables.libraries import AccountRow
from privateshare.protocol.messages import SessionOptions

# The library of sessions that nobody has consented to yet. No library has this id.
NO_LIBRARY_YET = UUID(int=0)


class SyncRow(Base):
    """One sync of one account. An account has at most one unfinished sync, which later sessions join.

    `outcome` is None while it runs, then one of those in sync/outcomes.py. `error` has the form of protocol 6.1. With
    `by_person` the person asked for it, so it runs although no session waits for it.
    """

    __tablename__ = "syncs"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    account_id: Mapped[UUID]
    outcome: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    by_person: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = created()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        erased_with(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
        Index("syncs_unfinished_key", "library_id", "account_id", unique=True, postgresql_where="finished_at IS NULL"),
    )


class SessionRow(Base):
    """An app's session. Library and consent are unknown until the person has consented. Protocol 5.

    Until then, `library_id` is `NO_LIBRARY_YET`. Later the app's access token tells in which library the session is.

    `sealed_criteria` selects pushed files. They may name the person, so only the session key can decrypt them.
    `ended_by` is the error code (protocol 8.3) that explains why the session will never start, once that is known.
    """

    __tablename__ = "sessions"
    library_id: Mapped[UUID] = mapped_column(primary_key=True, default=NO_LIBRARY_YET)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key_hash: Mapped[bytes]
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    consent_id: Mapped[UUID | None]
    options: Mapped[SessionOptions]
    sealed_criteria: Mapped[bytes | None]
    created_at: Mapped[datetime] = created()
    started_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = (
        erased_with(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id]),
        Index(None, "library_id", "consent_id"),
        Index(None, "key_hash", "library_id"),
    )


class SessionSyncRow(Base):
    """A sync that a session waits for, or waited for."""

    __tablename__ = "session_syncs"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    sync_id: Mapped[UUID] = mapped_column(primary_key=True)
    __table_args__ = (
        erased_with(["library_id", "session_id"], [SessionRow.library_id, SessionRow.id]),
        erased_with(["library_id", "sync_id"], [SyncRow.library_id, SyncRow.id]),
        Index(None, "library_id", "sync_id"),
    )
