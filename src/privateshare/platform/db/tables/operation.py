"""The platform's own keys, its audit log, its alerts, and what erasures still have to destroy."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.columns import Base, created


class SigningKeyRow(Base):
    """A key for signing responses: the newest one is used, from `active_at` on. It is sealed. Protocol 3.2."""

    __tablename__ = "signing_keys"
    kid: Mapped[str] = mapped_column(primary_key=True)
    sealed_private_key: Mapped[bytes]
    public_key: Mapped[str]
    active_at: Mapped[datetime] = created()
    created_at: Mapped[datetime] = created()


class HintKeyRow(Base):
    """The key of the hints in tokens and codes, from which the platform learns the library. It is sealed."""

    __tablename__ = "hint_keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    sealed_key: Mapped[bytes]
    created_at: Mapped[datetime] = created()


class CertificateAuthorityRow(Base):
    """The authority that signs the certificates of contracts. The private key is sealed. Protocol 12.1."""

    __tablename__ = "certificate_authorities"
    id: Mapped[str] = mapped_column(primary_key=True)
    sealed_private_key: Mapped[bytes]
    certificate: Mapped[str]
    created_at: Mapped[datetime] = created()


class AuditEntryRow(Base):
    """An entry of the audit log. Its `content` is sealed with the person's key, and removed when they are erased.

    `number` and `link` are its place in the chain, which `audit/chain.py` gives it soon after it was stored.
    `log_id` is that of the person's library, which entries outlive; entries without one concern no person.
    """

    __tablename__ = "audit_entries"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    log_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    content: Mapped[bytes | None]
    digest: Mapped[bytes]
    number: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    link: Mapped[bytes | None]
    __table_args__ = (
        Index(None, "log_id", "created_at"),
        Index("audit_entries_waiting_idx", "created_at", "id", postgresql_where="number IS NULL"),
    )


class AuditHeadRow(Base):
    """The signed link of the entry with this number, at which the log ended once."""

    __tablename__ = "audit_heads"
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    signed: Mapped[str]


class AlertRow(Base):
    """A problem that the operator is told about, once. The row is deleted once it is told that the problem is gone.

    `told_at` and `gone_at` are None until the operator was told, and until the problem was gone.
    """

    __tablename__ = "alerts"
    subject: Mapped[str] = mapped_column(primary_key=True)
    found: Mapped[str]
    advice: Mapped[str]
    since: Mapped[datetime] = created()
    told_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]


class KeyToDestroyRow(Base):
    """An erasure key of an erased library or account that is not yet known to be destroyed."""

    __tablename__ = "keys_to_destroy"
    name: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = created()


class BlobToDeleteRow(Base):
    """A blob that no row refers to any more, or a prefix ending in "/" of such blobs. A job deletes them."""

    __tablename__ = "blobs_to_delete"
    key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = created()


class UnjournaledRow(Base):
    """An erasure or a withdrawal that a job still has to record in the journal of erasures, outside of the database."""

    __tablename__ = "unjournaled"
    kind: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
