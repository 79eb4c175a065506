"""Partners, their applications and contracts, and the webhooks of applications."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column, relationship

from privateshare.platform.db.tables.columns import Base, created
from privateshare.protocol.contract_document import ContractDocument


class PartnerRow(Base):
    """An organisation that owns applications. All its applications know a person by the same id."""

    __tablename__ = "partners"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = created()


class ApplicationRow(Base):
    """An app of a partner.

    `verified_at` is when the operator verified who is behind it, and `suspended_at` since when it may do nothing.
    """

    __tablename__ = "applications"
    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id))
    name: Mapped[str]
    verified_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created()
    partner: Mapped[PartnerRow] = relationship(lazy="joined", innerjoin=True)


class ContractRow(Base):
    """What an application may ask a person for. `document` is shown to the person. `kind`: read, write, read-raw.

    While the app changes its key, `previous_public_key` is valid too, until `previous_key_until`.
    """

    __tablename__ = "contracts"
    id: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), index=True)
    kind: Mapped[str]
    document: Mapped[ContractDocument]
    public_key: Mapped[str]
    previous_public_key: Mapped[str | None]
    previous_key_until: Mapped[datetime | None]
    redirect_uris: Mapped[list[str]]
    once: Mapped[bool] = mapped_column(default=False)
    legacy: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created()
    application: Mapped[ApplicationRow] = relationship(lazy="joined", innerjoin=True)


class WebhookEndpointRow(Base):
    """An address that an app is told at what happens under a contract. The secret is sealed. Protocol 16."""

    __tablename__ = "webhook_endpoints"
    id: Mapped[str] = mapped_column(primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id), index=True)
    url: Mapped[str]
    sealed_secret: Mapped[bytes]
    created_at: Mapped[datetime] = created()


class WebhookMessageRow(Base):
    """A message to an endpoint, which a job delivers. It holds only ids that the app has.

    `status` and `problem` are those of the last attempt: what the app answered, or why no answer came. `held_at` is
    since when it waits for the operator to resume its app, which is suspended.
    """

    __tablename__ = "webhook_messages"
    id: Mapped[str] = mapped_column(primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey(WebhookEndpointRow.id, ondelete="CASCADE"), index=True)
    event: Mapped[str]
    body: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]
    problem: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), index=True)
    tried_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    held_at: Mapped[datetime | None]
    __table_args__ = (Index("webhook_messages_held_idx", "endpoint_id", postgresql_where="held_at IS NOT NULL"),)


class UsageCountRow(Base):
    """What a contract did in one month (yyyymm, UTC): numbers for the operator, without anything about people."""

    __tablename__ = "usage_counts"
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id), primary_key=True)
    month: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    calls: Mapped[int] = mapped_column(BigInteger)
    files_read: Mapped[int] = mapped_column(BigInteger)
    bytes_read: Mapped[int] = mapped_column(BigInteger)
    files_received: Mapped[int] = mapped_column(BigInteger)
    bytes_received: Mapped[int] = mapped_column(BigInteger)
