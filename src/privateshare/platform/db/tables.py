"""Every table. What belongs to a person carries their library's id first, so that the tables distribute by it.

partners ─ applications ─ contracts          who may ask
libraries ─ accounts ─ files                 what a person keeps; sealed with the library's own key
          ├ browsers, recovery_codes         by what they prove that it is theirs; hashes only
          ├ archives                         exports that they uploaded and that wait to be imported
          ├ pushed_files                     what apps pushed to them
          ├ syncs                            one row per account and run
          ├ consents ─ consent_accounts      what they allowed
          └ library_partners                 the name a partner knows them by
journeys                                     a person's way through the consent pages
authorization_codes, tokens                  hashes only
sessions ─ session_syncs                     an app's reads
signing_keys, nonces, clock_readings         the platform's own
keys_to_destroy, blobs_to_delete                    what is still to be destroyed of what was erased
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from privateshare.protocol.contract_document import ContractDocument, parse_document

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class ContractDocumentColumn(TypeDecorator[ContractDocument]):
    """A contract document, stored as the JSON object that it was received as."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: ContractDocument | None, _dialect: Dialect) -> Mapping[str, Any] | None:
        """Convert to what is stored."""
        return None if value is None else value.raw

    def process_result_value(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> ContractDocument | None:
        """Parse what is stored. A document that no longer parses raises: nothing may be read under it."""
        return None if value is None else parse_document(value)


class Base(DeclarativeBase):
    """What all tables share: names of constraints, and the SQL types of Python's."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
        str: String,
        dict[str, Any]: JSONB,
        ContractDocument: ContractDocumentColumn,
        list[str]: ARRAY(String),
    }


def _created() -> Mapped[datetime]:
    return mapped_column(server_default=func.clock_timestamp())


class PartnerRow(Base):
    """An organisation that owns applications. People are known to it by one id, whichever application asks."""

    __tablename__ = "partners"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = _created()


class ApplicationRow(Base):
    """An app of a partner."""

    __tablename__ = "applications"
    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id))
    name: Mapped[str]
    created_at: Mapped[datetime] = _created()
    partner: Mapped[PartnerRow] = relationship(lazy="joined", innerjoin=True)


class ContractRow(Base):
    """What an application may ask a person for; `document` is what the person sees. `kind`: read, write, read-raw."""

    __tablename__ = "contracts"
    id: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), index=True)
    kind: Mapped[str]
    document: Mapped[ContractDocument]
    public_key: Mapped[str]
    redirect_uris: Mapped[list[str]]
    once: Mapped[bool] = mapped_column(default=False)
    legacy: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = _created()
    application: Mapped[ApplicationRow] = relationship(lazy="joined", innerjoin=True)


class SigningKeyRow(Base):
    """A key the platform signs answers with: the newest. The private part is sealed. Protocol 3.2."""

    __tablename__ = "signing_keys"
    kid: Mapped[str] = mapped_column(primary_key=True)
    sealed_private_key: Mapped[bytes]
    public_key: Mapped[str]
    created_at: Mapped[datetime] = _created()


class CertificateAuthorityRow(Base):
    """What signs the certificates of contracts; the private part is sealed. Protocol 12.1."""

    __tablename__ = "certificate_authorities"
    id: Mapped[str] = mapped_column(primary_key=True)
    sealed_private_key: Mapped[bytes]
    certificate: Mapped[str]
    created_at: Mapped[datetime] = _created()


class LibraryRow(Base):
    """A person's library. Everything sealed in it takes its data key to read.

    `wrapped_key` is the data key, wrapped with the master key and an erasure key, which the key store has under the
    library's id. Destroying that one makes all of it unreadable, backups of the database included.
    """

    __tablename__ = "libraries"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    wrapped_key: Mapped[bytes]
    last_account_number: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = _created()


class LibraryPartnerRow(Base):
    """The id by which one partner knows one person: `sub` of protocol 4.2."""

    __tablename__ = "library_partners"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey(PartnerRow.id), primary_key=True)
    sub: Mapped[str] = mapped_column(unique=True)


class AccountRow(Base):
    """A source that a person connected. What would tell who they are is sealed. Protocol 7.1.

    What came from the source, its token included, is sealed with the account's own key, which the key store has under
    the account's id.
    `unproven_on`: the journey that it was connected on, if nobody proved there that the library is theirs; then it is
    for the consent of that journey alone. `signed_in`: whether they ever signed in at the source to connect it, so
    that signing in there again proves who they are.
    """

    __tablename__ = "accounts"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    number: Mapped[int]
    public_id: Mapped[str] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(unique=True)
    source_id: Mapped[int]
    service_type: Mapped[int]
    service_group: Mapped[int]
    type: Mapped[str]
    sample: Mapped[str | None]
    identity_hash: Mapped[bytes]
    sealed_details: Mapped[bytes]
    sealed_credentials: Mapped[bytes | None]
    sealed_cursors: Mapped[bytes | None]
    sealed_collected: Mapped[bytes | None]
    needs_login: Mapped[bool] = mapped_column(default=False)
    unproven_on: Mapped[UUID | None]
    signed_in: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _created()
    __table_args__ = (UniqueConstraint("library_id", "source_id", "identity_hash"),)


class BrowserRow(Base):
    """A browser that a person consented from, and that proves who they are from then on.

    Its secret changes with each use. `previous_hash` is of the one before, which counts until the new one was seen.
    """

    __tablename__ = "browsers"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    secret_hash: Mapped[bytes]
    previous_hash: Mapped[bytes | None]
    sealed_description: Mapped[bytes]
    created_at: Mapped[datetime] = _created()
    rotated_at: Mapped[datetime] = _created()
    used_at: Mapped[datetime] = _created()


class RecoveryCodeRow(Base):
    """The code that a person printed, which proves once who they are in another browser. A new one replaces it."""

    __tablename__ = "recovery_codes"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime] = _created()


class ArchiveRow(Base):
    """An export that a person uploaded, until it is imported. Those of an account are imported in the order they came.

    `journey_id` is there until the person agreed on that journey: before, nothing of it is imported, and it goes if
    they decline. `sealed_key` is the key of the blob; None if that is the library's. `fingerprint` tells whether the
    same file is there already. `sealed_left_out`: what of it cannot be read.
    """

    __tablename__ = "archives"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    account_id: Mapped[UUID]
    journey_id: Mapped[UUID | None] = mapped_column(ForeignKey("journeys.id", ondelete="CASCADE"), index=True)
    blob: Mapped[str] = mapped_column(index=True)
    sealed_key: Mapped[bytes | None]
    fingerprint: Mapped[bytes]
    sealed_left_out: Mapped[bytes | None]
    created_at: Mapped[datetime] = _created()
    __table_args__ = (
        ForeignKeyConstraint(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id], ondelete="CASCADE"),
        Index(None, "library_id", "account_id"),
    )


class FileRow(Base):
    """A mapped file: objects of one type, of one account, of one month (yyyymm, UTC). Protocol 6.2, 6.6.

    `updated_at` in milliseconds; it grows only when the content changed. `size` and the hash are of the plain JSON.
    `sealed_dates`: between which dates everything in it lies that has one, so that a file can be passed on unread where
    that is inside of what may be read. `sealed_origins`: where its objects are from, if that is known.
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
    __table_args__ = (
        ForeignKeyConstraint(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id], ondelete="CASCADE"),
        UniqueConstraint("library_id", "name"),
        Index(None, "library_id", "account_id", "object_type"),
    )


class PushedFileRow(Base):
    """A raw file that an app pushed; `name` is what clients read it by, the metadata is sealed. Protocol 10.1, 6.4."""

    __tablename__ = "pushed_files"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    name: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    created_at: Mapped[datetime] = _created()
    sealed_metadata: Mapped[bytes]
    blob: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    sealed_sha256: Mapped[bytes]


class PostboxRow(Base):
    """Where clients of v1.6 put files for a person; the private key is sealed with their library's. Protocol 14 (d)."""

    __tablename__ = "postboxes"
    id: Mapped[str] = mapped_column(primary_key=True)
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), index=True)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey("consents.id", ondelete="CASCADE"), index=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    sealed_private_key: Mapped[bytes]
    public_key: Mapped[str]
    created_at: Mapped[datetime] = _created()


class StorageRow(Base):
    """A place for an application's own encrypted files, tied to a person once one consents with it. Protocol 11."""

    __tablename__ = "storages"
    id: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id))
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    library_id: Mapped[UUID | None] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = _created()


class StoredFileRow(Base):
    """A file of a storage, as the client encrypted it. `key` is its path without case, as paths compare."""

    __tablename__ = "stored_files"
    storage_id: Mapped[str] = mapped_column(ForeignKey(StorageRow.id, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(collation="C"), primary_key=True)
    id: Mapped[UUID] = mapped_column(default=uuid4)
    path: Mapped[str]
    blob: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = _created()


class SyncRow(Base):
    """One run that fetches one account. At most one is unfinished per account; later sessions join it.

    `outcome`: None while it runs, else one of sync/outcomes.py; `error` as protocol 6.1 words it.
    """

    __tablename__ = "syncs"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    account_id: Mapped[UUID]
    outcome: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = _created()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        ForeignKeyConstraint(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id], ondelete="CASCADE"),
        Index("syncs_unfinished_key", "library_id", "account_id", unique=True, postgresql_where="finished_at IS NULL"),
    )


class ConsentRow(Base):
    """What a person allowed one contract: `consentid` of protocol 4.2. `document` is what they saw when they agreed.

    `unproven`: nobody proved that the library is theirs, so it covers what was connected on that journey, and never
    more.
    """

    __tablename__ = "consents"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), index=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id), index=True)
    document: Mapped[ContractDocument]
    created_at: Mapped[datetime] = _created()
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    unproven: Mapped[bool] = mapped_column(default=False)


class ConsentAccountRow(Base):
    """An account that a consent lets its contract see."""

    __tablename__ = "consent_accounts"
    consent_id: Mapped[UUID] = mapped_column(ForeignKey(ConsentRow.id, ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    library_id: Mapped[UUID]
    __table_args__ = (
        ForeignKeyConstraint(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id], ondelete="CASCADE"),
        Index(None, "library_id", "account_id"),
    )


class SessionRow(Base):
    """An app's reading session; the library and the consent are unknown until the person consented. Protocol 5.

    `sealed_criteria`: which pushed files it asks for. They may name the person; only the session's key opens them.
    `ended_by`: the error code of protocol 8.3 for which it never will start, once that is known.
    """

    __tablename__ = "sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    consent_id: Mapped[UUID | None] = mapped_column(ForeignKey(ConsentRow.id, ondelete="CASCADE"), index=True)
    library_id: Mapped[UUID | None] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), index=True)
    options: Mapped[dict[str, Any]]
    sealed_criteria: Mapped[bytes | None]
    created_at: Mapped[datetime] = _created()
    started_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SessionSyncRow(Base):
    """A sync that a session waits for."""

    __tablename__ = "session_syncs"
    session_id: Mapped[UUID] = mapped_column(ForeignKey(SessionRow.id, ondelete="CASCADE"), primary_key=True)
    sync_id: Mapped[UUID] = mapped_column(primary_key=True)
    library_id: Mapped[UUID]
    __table_args__ = (
        ForeignKeyConstraint(["library_id", "sync_id"], [SyncRow.library_id, SyncRow.id], ondelete="CASCADE"),
        Index(None, "library_id", "sync_id"),
    )


class JourneyRow(Base):
    """A person's way through the consent pages, taken by the browser that sends the first form.

    `kind`, known from then on: authorize, onboard, reauthorize, user-reauth or revoke (protocol 8.1). A `provisional`
    library was made by this journey, and goes if the person declines. `proof`: how the person proved that the library
    is theirs, or that they said that it is not. `sealed_return`: where the app wants them back,
    and its state; `sealed_parameters`: those of 8.2; the code in the link is the key. `sealed_outcome`: the address it
    ended with, for a person who pressed twice; `sealed_sign_in`: the sign-in at a source that is under way; their
    browser alone has the key.
    """

    __tablename__ = "journeys"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    code_hash: Mapped[bytes] = mapped_column(unique=True)
    browser_hash: Mapped[bytes | None] = mapped_column(unique=True)
    kind: Mapped[str | None]
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    library_id: Mapped[UUID | None] = mapped_column(ForeignKey(LibraryRow.id, ondelete="SET NULL"), index=True)
    consent_id: Mapped[UUID | None] = mapped_column(ForeignKey(ConsentRow.id, ondelete="SET NULL"), index=True)
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey(SessionRow.id, ondelete="SET NULL"), index=True)
    sealed_return: Mapped[bytes]
    sealed_parameters: Mapped[bytes | None]
    challenge: Mapped[str | None]
    account_ids: Mapped[list[str]] = mapped_column(default=list)
    account_id: Mapped[UUID | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    proof: Mapped[str | None]
    sealed_outcome: Mapped[bytes | None]
    sealed_sign_in: Mapped[bytes | None]
    created_at: Mapped[datetime] = _created()
    expires_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]


class ReferenceRow(Base):
    """An opaque handle for a storage or an account in a browser's URL. Protocol 4.5."""

    __tablename__ = "references"
    handle_hash: Mapped[bytes] = mapped_column(primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    kind: Mapped[str]
    value: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuthorizationCodeRow(Base):
    """A code that the person's browser brings back to the app. Used twice, it revokes `family_id`. Protocol 4.2."""

    __tablename__ = "authorization_codes"
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(ForeignKey(ConsentRow.id, ondelete="CASCADE"), index=True)
    challenge: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    family_id: Mapped[UUID | None]


class TokenRow(Base):
    """An access or refresh token, by hash. A family is what one exchanged code led to. Protocol 4.2, 4.3."""

    __tablename__ = "tokens"
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    use: Mapped[str]
    consent_id: Mapped[UUID] = mapped_column(ForeignKey(ConsentRow.id, ondelete="CASCADE"), index=True)
    family_id: Mapped[UUID] = mapped_column(index=True)
    created_at: Mapped[datetime] = _created()
    expires_at: Mapped[datetime] = mapped_column(index=True)
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    consent: Mapped[ConsentRow] = relationship(lazy="joined", innerjoin=True)


class NonceRow(Base):
    """A nonce that changed something, and the sealed answer for an identical repeat. Protocol 2.3."""

    __tablename__ = "nonces"
    client_id: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    sealed_answer: Mapped[bytes | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ClockReadingRow(Base):
    """The newest time that can be believed, in one row; and if another is claimed, since when and until when it was."""

    __tablename__ = "clock_readings"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime]
    doubted_from: Mapped[datetime | None]
    doubted_at: Mapped[datetime | None]


class KeyToDestroyRow(Base):
    """An erasure key whose library or account was erased, until it is destroyed for certain."""

    __tablename__ = "keys_to_destroy"
    name: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = _created()


class BlobToDeleteRow(Base):
    """A blob, or all blobs below a prefix ending in "/", that nothing refers to any more and a job deletes."""

    __tablename__ = "blobs_to_delete"
    key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = _created()
