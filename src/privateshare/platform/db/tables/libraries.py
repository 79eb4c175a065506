"""The libraries of people, and the accounts and files in them."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.applications import ContractRow, PartnerRow
from privateshare.platform.db.tables.columns import Base, created, erased_with


class LibraryRow(Base):
    """A person's library. Reading anything sealed in it needs its data key.

    `wrapped_key` is the data key, wrapped with the master key and an erasure key. The key store holds the erasure key
    under the library's id. Destroying the erasure key makes the library unreadable, in backups of the database too.
    `log_id` names the library in the audit log. It is derived from the data key, so erasure leaves no link to it.
    """

    __tablename__ = "libraries"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    wrapped_key: Mapped[bytes]
    log_id: Mapped[UUID] = mapped_column(index=True)
    last_account_number: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = created()


class FormerLibraryRow(Base):
    """A library that was moved into another one of the same person. Its key is destroyed.

    `id` lets browsers that know this library find the other one. `sealed_log_key` opens the entries of the audit log
    that were written for it under `log_id`; it is sealed with the key of the library that it is now part of.
    """

    __tablename__ = "former_libraries"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, index=True)
    log_id: Mapped[UUID] = mapped_column(index=True)
    sealed_log_key: Mapped[bytes]
    merged_at: Mapped[datetime] = created()


class MergeRow(Base):
    """The move of another library of the same person into this one, which a job makes.

    `other_browser_id` is the browser that proved the other library. It proves this one too, so it is not moved.
    `files_done` of `files_total` are copied so far. `problem` says why it ended without a change: "gone" or
    "unreadable".
    """

    __tablename__ = "merges"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    other_id: Mapped[UUID] = mapped_column(index=True)
    other_browser_id: Mapped[UUID]
    files_done: Mapped[int] = mapped_column(default=0)
    files_total: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str | None]
    created_at: Mapped[datetime] = created()
    finished_at: Mapped[datetime | None]


class LibraryPartnerRow(Base):
    """The id by which one partner knows one person: `sub` in protocol 4.2."""

    __tablename__ = "library_partners"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id), primary_key=True)
    sub: Mapped[str] = mapped_column(index=True)


class AccountRow(Base):
    """A source that a person connected. Everything that could identify the person is sealed. Protocol 7.1.

    Data from the source, including its token, is sealed with the account's own key. That is derived from an erasure
    key, which the key store holds under the account's id.

    `unproven_on` is the journey in which the account was connected by somebody who did not prove that the library is
    theirs; the account is then only for the consent of that journey. `signed_in` is true once the person signed in at
    the source to connect it, so that signing in there again proves who they are. While it is `paused`, nothing is
    fetched from the source. `sealed_imports` says which exports are in it already; only the import loads it.

    While it is `undecided`, it was created on a journey and nobody has agreed to it yet. See
    library/undecided_accounts.py.
    `emptied_at` is when all of its data was removed last; a sync that began before has to begin again.
    """

    __tablename__ = "accounts"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    number: Mapped[int]
    public_id: Mapped[str]
    reference: Mapped[str]
    source_id: Mapped[int]
    service_type: Mapped[int]
    service_group: Mapped[int]
    type: Mapped[str]
    sample: Mapped[str | None]
    identity_hash: Mapped[bytes]
    sealed_details: Mapped[bytes]
    sealed_credentials: Mapped[bytes | None]
    sealed_cursors: Mapped[bytes | None]
    sealed_imports: Mapped[bytes | None] = mapped_column(deferred=True)
    sealed_medmij_requests: Mapped[bytes | None]
    needs_login: Mapped[bool] = mapped_column(default=False)
    unproven_on: Mapped[UUID | None]
    signed_in: Mapped[bool] = mapped_column(default=False)
    paused: Mapped[bool] = mapped_column(default=False)
    undecided: Mapped[bool] = mapped_column(default=False)
    emptied_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = created()
    updated_at: Mapped[datetime] = created()
    __table_args__ = (
        UniqueConstraint("library_id", "source_id", "identity_hash"),
        UniqueConstraint("library_id", "public_id"),
        UniqueConstraint("library_id", "reference"),
    )


class FileRow(Base):
    """A mapped file: the objects of one type, one account and one month (yyyymm, UTC). Protocol 6.2, 6.6.

    `updated_at` is in milliseconds and grows only when the content changes. `size` and the hash are of the plain JSON.
    `sealed_dates` is the range of the dates of its objects: a file whose range lies within what may be read is
    delivered without parsing it. `sealed_origins` says where its objects are from, if that is known.

    `lost` is None unless the blob was found to be missing or damaged: "found" until its source was asked for everything
    again, and "asked" if the source did not bring its objects. Writing the file again makes it None.
    """

    __tablename__ = "files"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    account_id: Mapped[UUID]
    name: Mapped[str]
    service_group: Mapped[int]
    service_type: Mapped[int]
    object_type: Mapped[int]
    month: Mapped[int | None]
    part: Mapped[int]
    schema_standard: Mapped[str]
    schema_version: Mapped[str]
    object_count: Mapped[int]
    updated_at: Mapped[int] = mapped_column(BigInteger)
    blob: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sealed_sha256: Mapped[bytes]
    sealed_dates: Mapped[bytes | None]
    sealed_origins: Mapped[bytes | None]
    lost: Mapped[str | None]
    __table_args__ = (
        erased_with(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
        UniqueConstraint("library_id", "name"),
        Index(None, "library_id", "account_id", "object_type"),
    )


class PushedFileRow(Base):
    """A raw file that an app pushed. Clients read it by its `name`; its metadata is sealed. Protocol 10.1, 6.4.

    `library_before` is the library that it was pushed to, if that was merged with another one since.
    """

    __tablename__ = "pushed_files"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    name: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    created_at: Mapped[datetime] = created()
    sealed_metadata: Mapped[bytes]
    blob: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sealed_sha256: Mapped[bytes]
    library_before: Mapped[UUID | None]


class ExportRow(Base):
    """An archive in which a person takes everything with them. A job makes it; it is deleted after a week.

    `files_done` of `files_total` are in it so far. `size` is None until it is finished, and `failed` if that failed.
    """

    __tablename__ = "exports"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    blob: Mapped[str] = mapped_column(index=True)
    language: Mapped[str]
    files_done: Mapped[int] = mapped_column(default=0)
    files_total: Mapped[int] = mapped_column(default=0)
    size: Mapped[int | None] = mapped_column(BigInteger)
    failed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = created()


class UsagePersonRow(Base):
    """A person of whom a contract read or wrote something in one month, to count each of them once."""

    __tablename__ = "usage_people"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id), primary_key=True)
    month: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    __table_args__ = (Index(None, "month", "contract_id"),)
