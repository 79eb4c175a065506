"""Visits to the consent pages, and what people upload and look at before they agree."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.applications import ContractRow
from privateshare.platform.db.tables.columns import Base, created, erased_with
from privateshare.platform.db.tables.libraries import AccountRow, LibraryRow
from privateshare.platform.db.tables.sessions import SyncRow


class ArchiveRow(Base):
    """An export that a person uploaded, until it is imported. An account's archives are imported in order of upload.

    `journey_id` is set until the person agrees in that journey: the archive is deleted if they decline. Before they
    agree it is imported only into an account that the journey itself created, to show what is in it; `imported` is true
    then. `sealed_key` is the key of the blob. `fingerprint` detects a file that was uploaded before. `was_read` is
    true if the blob holds the objects of the export, and not the file that was uploaded. `sealed_upload` says what the
    file was, what is in it, and how much of it cannot be read. `age` is how old the export was, compared with what the
    library had, when its import began (ADR 64); NULL before that. An import that was interrupted goes by it, because
    what was written already would make the export seem as old as what is stored.
    """

    __tablename__ = "archives"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    account_id: Mapped[UUID]
    journey_id: Mapped[UUID | None] = mapped_column(ForeignKey("journeys.id", ondelete="CASCADE"), index=True)
    blob: Mapped[str] = mapped_column(index=True)
    sealed_key: Mapped[bytes]
    fingerprint: Mapped[bytes]
    imported: Mapped[bool] = mapped_column(default=False)
    was_read: Mapped[bool]
    age: Mapped[str | None]
    sealed_upload: Mapped[bytes]
    created_at: Mapped[datetime] = created()
    __table_args__ = (
        erased_with(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
        Index(None, "library_id", "account_id"),
    )


class JourneyRow(Base):
    """The progress of a person through the consent pages. It belongs to the browser that sends the first form.

    `kind` is known from the first form on: authorize, onboard, reauthorize, user-reauth or revoke (protocol 8.1). A
    `provisional` library was created by this journey, and is deleted if the person declines. `proof` says how the
    person proved that the library is theirs, or that they said that it is not. `account_ids` are the accounts that
    were connected on it, and `signed_in_ids` those of them that have the sign-in of this journey.
    `linked_consent_id` is the consent whose token the app showed, so that it knows the person by the same id
    afterwards. `sealed_return` is the return address of the app and its state, and `sealed_parameters` the
    parameters of protocol 8.2; the code in the link decrypts both. `sealed_draft` is what the person has chosen so
    far on the consent page. `sealed_outcome` is the address at which the journey ended, for a form that is sent
    twice, and `sealed_sign_in` a sign-in at a source in progress; only the person's browser has the key of these
    three. `undone_at` is when what it created was erased because it expired. `consent_id` names a consent of
    `library_id`, and `session_id` a session that waits for one.
    """

    __tablename__ = "journeys"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    browser_hash: Mapped[bytes | None] = mapped_column(unique=True)
    kind: Mapped[str | None]
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    library_id: Mapped[UUID | None] = mapped_column(ForeignKey(LibraryRow.id, ondelete="SET NULL"), index=True)
    consent_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    linked_consent_id: Mapped[UUID | None]
    sealed_return: Mapped[bytes]
    sealed_parameters: Mapped[bytes | None]
    challenge: Mapped[str | None]
    account_ids: Mapped[list[str]] = mapped_column(default=list)
    signed_in_ids: Mapped[list[str]] = mapped_column(default=list)
    account_id: Mapped[UUID | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    proof: Mapped[str | None]
    sealed_draft: Mapped[bytes | None]
    sealed_outcome: Mapped[bytes | None]
    sealed_sign_in: Mapped[bytes | None]
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]


class PreviewRow(Base):
    """The sync of an account that was connected on a journey, which shows the person what is in it before they agree.

    The sync runs on while the journey is unfinished, although no session waits for it.
    """

    __tablename__ = "previews"
    journey_id: Mapped[UUID] = mapped_column(ForeignKey(JourneyRow.id, ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    sync_id: Mapped[UUID]
    __table_args__ = (
        erased_with(["library_id", "sync_id"], [SyncRow.library_id, SyncRow.id]),
        Index(None, "library_id", "sync_id"),
    )
