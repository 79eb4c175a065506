"""What the platform knows of sources: how much it requested, its registrations, and the directory of providers."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Computed, ForeignKey, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.columns import Base, created


class SourceUseRow(Base):
    """The requests to a source in one window, or a pause that it asked for, which is over at `begun_at`.

    `scope` names the source, or one account if the limit applies to each account. `seconds` is the length of the
    window, and 0 for a pause. The table is not logged, since at worst a source refuses some requests after a crash.
    """

    __tablename__ = "source_uses"
    scope: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    begun_at: Mapped[datetime]
    requests: Mapped[int]
    __table_args__ = {"prefixes": ["UNLOGGED"]}


class ServerClientRow(Base):
    """The registration of the platform at one server of a source, for all people who sign in there. RFC 7591.

    Its secret is sealed. Accounts have a copy of it, so they go on when the platform registers itself anew.
    """

    __tablename__ = "server_clients"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    source_id: Mapped[int]
    server: Mapped[str]
    redirect_uri: Mapped[str]
    client_id: Mapped[str]
    sealed_client: Mapped[bytes]
    registered_at: Mapped[datetime] = created()
    __table_args__ = (UniqueConstraint("source_id", "server", "redirect_uri"),)


class ProviderListRow(Base):
    """A list of health providers that the operator imported. `origin` is the file or address that it came from."""

    __tablename__ = "provider_lists"
    name: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str]
    imported_at: Mapped[datetime] = created()


class ProviderRow(Base):
    """A health provider by whose name people find its server.

    `id` is derived from what the list says of it, so it stays the same when the list is imported again. `words` are
    those by which it is found, and `searched` is an index of them.
    """

    __tablename__ = "providers"
    id: Mapped[str] = mapped_column(primary_key=True)
    list_name: Mapped[str] = mapped_column(ForeignKey(ProviderListRow.name, ondelete="CASCADE"), index=True)
    name: Mapped[str]
    place: Mapped[str]
    server: Mapped[str]
    words: Mapped[list[str]]
    searched: Mapped[Any] = mapped_column(TSVECTOR, Computed("array_to_tsvector(words)", persisted=True))
    __table_args__ = (Index(None, "searched", postgresql_using="gin"),)
