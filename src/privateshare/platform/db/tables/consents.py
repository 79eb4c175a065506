"""What people consented to, their receipts, and the tokens that apps got for it."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from privateshare.platform.db.tables.applications import ContractRow
from privateshare.platform.db.tables.columns import Base, created, erased_with
from privateshare.platform.db.tables.libraries import AccountRow, LibraryRow
from privateshare.protocol.choice import Choice
from privateshare.protocol.contract_document import ContractDocument


class PostboxRow(Base):
    """A postbox, to which clients of version 1.6 push files for a person. Protocol 14 (d).

    Its private key is sealed with the library's data key.
    """

    __tablename__ = "postboxes"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True, index=True)
    consent_id: Mapped[UUID]
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    sealed_private_key: Mapped[bytes]
    public_key: Mapped[str]
    created_at: Mapped[datetime] = created()
    __table_args__ = (
        erased_with(["library_id", "consent_id"], ["consents.library_id", "consents.id"]),
        Index(None, "library_id", "consent_id"),
    )


class ConsentRow(Base):
    """A person's consent to a contract: `consentid` in protocol 4.2. `document` is what they saw when they agreed.

    `choice` is what they share of what the document asks for. `once` is true if it allows one read only, because of the
    contract or because they chose so. `sub` is the id by which the partner knows the person under this consent, if that
    differs from the library's: the consent was given in a library that was moved into this one.

    `library_before` is the library in which the consent was given, if that was merged with another one since. Of pushed
    files it then covers only those of that library, until the person agrees again.

    `unproven` is true if nobody proved that the library is theirs: the consent then covers only the accounts that were
    connected in that journey. `deletion_asked_at` is when the person asked the app to delete what it has read, and
    `deletion_confirmed_at` when the app confirmed that it has.
    """

    __tablename__ = "consents"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, index=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id), index=True)
    document: Mapped[ContractDocument]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    unproven: Mapped[bool] = mapped_column(default=False)
    choice: Mapped[Choice]
    sub: Mapped[str | None]
    library_before: Mapped[UUID | None]
    once: Mapped[bool] = mapped_column(default=False)
    deletion_asked_at: Mapped[datetime | None]
    deletion_confirmed_at: Mapped[datetime | None]


def live_consents(now: datetime) -> ColumnElement[bool]:
    """Return the condition for consents that were not withdrawn and have not expired."""
    return ConsentRow.revoked_at.is_(None) & (ConsentRow.expires_at.is_(None) | (ConsentRow.expires_at > now))


class ConsentAccountRow(Base):
    """An account that a consent covers."""

    __tablename__ = "consent_accounts"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    __table_args__ = (
        erased_with(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id]),
        erased_with(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
        Index(None, "library_id", "account_id"),
    )


class ReceiptRow(Base):
    """A signed receipt of what a person agreed to, changed or withdrew. It stays when the consent is deleted."""

    __tablename__ = "receipts"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    consent_id: Mapped[UUID]
    event: Mapped[str]
    created_at: Mapped[datetime]
    sealed: Mapped[bytes]


class ReferenceRow(Base):
    """An opaque handle for a storage or an account, used in a browser's URL. Protocol 4.5."""

    __tablename__ = "references"
    handle_hash: Mapped[bytes] = mapped_column(primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    kind: Mapped[str]
    value: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuthorizationCodeRow(Base):
    """A code that the person's browser takes back to the app. Protocol 4.2.

    A second use revokes the tokens with its `family_id`.
    """

    __tablename__ = "authorization_codes"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID]
    challenge: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    family_id: Mapped[UUID | None]
    __table_args__ = (
        erased_with(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id]),
        Index(None, "library_id", "consent_id"),
    )


class TokenRow(Base):
    """An access or refresh token, stored as a hash. A family is all tokens that result from one code. Protocol 4.2."""

    __tablename__ = "tokens"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    use: Mapped[str]
    consent_id: Mapped[UUID]
    family_id: Mapped[UUID]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime] = mapped_column(index=True)
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    consent: Mapped[ConsentRow] = relationship(lazy="joined", innerjoin=True)
    __table_args__ = (
        erased_with(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id]),
        Index(None, "library_id", "consent_id"),
        Index(None, "library_id", "family_id"),
    )
