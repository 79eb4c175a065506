"""All tables. Rows that belong to a person have the library id first in their key, so that the tables can be sharded.

partners ─ applications ─ contracts          who may ask for data
libraries ─ accounts ─ files                 a person's data, sealed with the library's own key
          ├ browsers, recovery_codes         how a person proves that the library is theirs; stored as hashes only
          ├ passkeys                         the same, by a key that the person's device holds
          ├ archives                         exports that the person uploaded, until they are imported
          ├ pushed_files                     files that apps pushed to the person
          ├ exports                          archives in which the person takes everything with them
          ├ syncs                            one row per account and run
          ├ merges, former_libraries         other libraries of the same person that are moved into this one, or were
          ├ consents ─ consent_accounts      what the person allowed
          ├ receipts                         what they allowed and withdrew, signed for them
          ├ postboxes                        where an app of an older protocol version pushes files to
          └ library_partners                 the id by which a partner knows the person
storages ─ stored_files                      an app's own files, which it encrypts itself
journeys ─ previews                          the progress of a person through the consent pages
passkey_challenges                           what a passkey has to sign next, in one browser
authorization_codes, tokens, references      stored as hashes only
sessions ─ session_syncs                     sessions in which an app reads
webhook_endpoints ─ webhook_messages         where apps are told what happened, and what they are told
signing_keys, certificate_authorities        the platform's own keys
hint_keys                                    the key that hides the library's id in tokens and codes
audit_entries, audit_heads                   what happened, in a chain that shows changes; the signed ends of it
alerts                                       problems that the operator is told about
usage_counts, usage_people                   how much apps read and wrote in each month, and of how many people
nonces, call_counts, clock_readings          what the platform remembers of requests and of the time
source_uses                                  how often the platform sent requests to sources, and when it may again
server_clients                               where the platform registered itself as a client, and as what
provider_lists ─ providers                   the directory of health providers, by which people find theirs
keys_to_destroy, blobs_to_delete             keys and blobs of erased data that still have to be destroyed
unjournaled                                  erasures and withdrawals that are not in the journal of erasures yet
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Computed,
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
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from privateshare.protocol.choice import Choice
from privateshare.protocol.contract_document import ContractDocument, parse_document
from privateshare.protocol.messages import SessionOptions

# The library of sessions that nobody has consented to yet. No library has this id.
NO_LIBRARY_YET = UUID(int=0)
NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class ContractDocumentColumn(TypeDecorator[ContractDocument]):
    """The column type of a contract document, which is stored as the JSON object that was received."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: ContractDocument | None, _dialect: Dialect) -> Mapping[str, Any] | None:
        """Convert a document to the JSON that is stored."""
        return None if value is None else value.raw

    def process_result_value(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> ContractDocument | None:
        """Parse the stored JSON. Raises ConfigurationError if it is invalid: then nothing may be read under it."""
        return None if value is None else parse_document(value)


class SessionOptionsColumn(TypeDecorator[SessionOptions]):
    """The options of a session, parsed as they are loaded. Protocol 5.1."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: SessionOptions | None, _dialect: Dialect) -> Mapping[str, Any] | None:
        """Write the options as they came."""
        return None if value is None else value.to_wire()

    def process_result_value(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> SessionOptions | None:
        """Parse the options."""
        return None if value is None else SessionOptions.model_validate(value)


class ChoiceColumn(TypeDecorator[Choice]):
    """The column type of what a person chose to share."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Choice | None, _dialect: Dialect) -> Mapping[str, Any] | None:
        """Convert a choice to the JSON that is stored."""
        return None if value is None else value.to_json()

    def process_result_value(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> Choice | None:
        """Parse the stored JSON. Raises ValueError if it is invalid: then nothing may be read under it."""
        return None if value is None else Choice.from_json(value)


class Base(DeclarativeBase):
    """The base class of all tables, with the names of constraints and the SQL types of Python types."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
        str: String,
        dict[str, Any]: JSONB,
        ContractDocument: ContractDocumentColumn,
        SessionOptions: SessionOptionsColumn,
        Choice: ChoiceColumn,
        list[str]: ARRAY(String),
    }


def _created() -> Mapped[datetime]:
    return mapped_column(server_default=func.clock_timestamp())


def _with_its_library(columns: list[str], owner: list[Any], *, deferrable: bool | None = None) -> ForeignKeyConstraint:
    """Let rows be erased with what they belong to, and follow it when its library is moved into another one.

    A row that follows two others needs one constraint that is `deferrable`: they are moved one after the other.
    """
    return ForeignKeyConstraint(columns, owner, ondelete="CASCADE", onupdate="CASCADE", deferrable=deferrable)


class PartnerRow(Base):
    """An organisation that owns applications. All its applications know a person by the same id."""

    __tablename__ = "partners"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = _created()


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
    created_at: Mapped[datetime] = _created()
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
    created_at: Mapped[datetime] = _created()
    application: Mapped[ApplicationRow] = relationship(lazy="joined", innerjoin=True)


class WebhookEndpointRow(Base):
    """An address that an app is told at what happens under a contract. The secret is sealed. Protocol 16."""

    __tablename__ = "webhook_endpoints"
    id: Mapped[str] = mapped_column(primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id), index=True)
    url: Mapped[str]
    sealed_secret: Mapped[bytes]
    created_at: Mapped[datetime] = _created()


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


class SigningKeyRow(Base):
    """A key for signing responses: the newest one is used, from `active_at` on. It is sealed. Protocol 3.2."""

    __tablename__ = "signing_keys"
    kid: Mapped[str] = mapped_column(primary_key=True)
    sealed_private_key: Mapped[bytes]
    public_key: Mapped[str]
    active_at: Mapped[datetime] = _created()
    created_at: Mapped[datetime] = _created()


class HintKeyRow(Base):
    """The key of the hints in tokens and codes, from which the platform learns the library. It is sealed."""

    __tablename__ = "hint_keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    sealed_key: Mapped[bytes]
    created_at: Mapped[datetime] = _created()


class CertificateAuthorityRow(Base):
    """The authority that signs the certificates of contracts. The private key is sealed. Protocol 12.1."""

    __tablename__ = "certificate_authorities"
    id: Mapped[str] = mapped_column(primary_key=True)
    sealed_private_key: Mapped[bytes]
    certificate: Mapped[str]
    created_at: Mapped[datetime] = _created()


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
    created_at: Mapped[datetime] = _created()


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
    merged_at: Mapped[datetime] = _created()


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
    created_at: Mapped[datetime] = _created()
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
    created_at: Mapped[datetime] = _created()
    updated_at: Mapped[datetime] = _created()
    __table_args__ = (
        UniqueConstraint("library_id", "source_id", "identity_hash"),
        UniqueConstraint("library_id", "public_id"),
        UniqueConstraint("library_id", "reference"),
    )


class BrowserRow(Base):
    """A browser from which a person consented, and which proves who they are from then on.

    Its secret changes with each use. `previous_hash` is the hash of the previous secret, which is valid until the new
    secret is used. `shared` is true if other people use this browser too. It then proves nothing by itself if the
    library has a passkey: the passkey must have confirmed the person shortly before, at `confirmed_at`.
    `sealed_sign_in` is the sign-in at a source that was begun in it on the person's own pages.
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
    shared: Mapped[bool] = mapped_column(default=False)
    confirmed_at: Mapped[datetime | None]
    sealed_sign_in: Mapped[bytes | None]


class PasskeyRow(Base):
    """A passkey with which a person proves that the library is theirs, in any browser. WebAuthn.

    `credential_hash` finds the row. The id of the passkey, its public key and where it was made are sealed.
    `sign_count` is the highest count that the passkey reported, which detects a copied one.
    """

    __tablename__ = "passkeys"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    credential_hash: Mapped[bytes] = mapped_column(unique=True)
    sealed_credential: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = _created()
    used_at: Mapped[datetime | None]


class PasskeyChallengeRow(Base):
    """The challenge that a passkey has to sign next on one journey, or in one browser. It can be used once.

    `bound_hash` is a hash of the purpose, and of what the challenge is bound to.
    """

    __tablename__ = "passkey_challenges"
    bound_hash: Mapped[bytes] = mapped_column(primary_key=True)
    challenge: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RecoveryCodeRow(Base):
    """A code that a person printed, and that proves once in another browser who they are. A new code replaces it."""

    __tablename__ = "recovery_codes"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(index=True)
    created_at: Mapped[datetime] = _created()
    expires_at: Mapped[datetime | None]


class ArchiveRow(Base):
    """An export that a person uploaded, until it is imported. An account's archives are imported in order of upload.

    `journey_id` is set until the person agrees in that journey: the archive is deleted if they decline. Before they
    agree it is imported only into an account that the journey itself created, to show what is in it; `imported` is true
    then. `sealed_key` is the key of the blob. `fingerprint` detects a file that was uploaded before. `sealed_left_out`
    counts the entries that cannot be read. `was_read` is true if the blob holds the objects of the export, and not
    the file that was uploaded.
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
    was_read: Mapped[bool] = mapped_column(default=False)
    sealed_left_out: Mapped[bytes]
    created_at: Mapped[datetime] = _created()
    __table_args__ = (
        _with_its_library(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
        Index(None, "library_id", "account_id"),
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
        _with_its_library(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
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
    created_at: Mapped[datetime] = _created()
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
    created_at: Mapped[datetime] = _created()


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
    created_at: Mapped[datetime] = _created()
    __table_args__ = (
        _with_its_library(["library_id", "consent_id"], ["consents.library_id", "consents.id"]),
        Index(None, "library_id", "consent_id"),
    )


class StorageRow(Base):
    """A storage for an application's own encrypted files. Consent can tie it to a person. Protocol 11.

    `sub` is that of the consents that it is found by: another one than the library's if the library was merged.
    """

    __tablename__ = "storages"
    id: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id))
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    library_id: Mapped[UUID | None] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), index=True)
    sub: Mapped[str | None]
    created_at: Mapped[datetime] = _created()


class StoredFileRow(Base):
    """A file in a storage, as the client encrypted it. `key` is the path in lower case, by which paths are compared.

    `created_at` is when its content was uploaded: a file that replaces another one gets a new time.
    """

    __tablename__ = "stored_files"
    storage_id: Mapped[str] = mapped_column(ForeignKey(StorageRow.id, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(collation="C"), primary_key=True)
    id: Mapped[UUID] = mapped_column(default=uuid4)
    path: Mapped[str]
    blob: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = _created()


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
    created_at: Mapped[datetime] = _created()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        _with_its_library(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
        Index("syncs_unfinished_key", "library_id", "account_id", unique=True, postgresql_where="finished_at IS NULL"),
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
    created_at: Mapped[datetime] = _created()
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


class ConsentAccountRow(Base):
    """An account that a consent covers."""

    __tablename__ = "consent_accounts"
    library_id: Mapped[UUID] = mapped_column(primary_key=True)
    consent_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    __table_args__ = (
        _with_its_library(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id], deferrable=True),
        _with_its_library(["library_id", "account_id"], [AccountRow.library_id, AccountRow.id]),
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
    created_at: Mapped[datetime] = _created()
    started_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    __table_args__ = (
        _with_its_library(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id]),
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
        _with_its_library(["library_id", "session_id"], [SessionRow.library_id, SessionRow.id], deferrable=True),
        _with_its_library(["library_id", "sync_id"], [SyncRow.library_id, SyncRow.id]),
        Index(None, "library_id", "sync_id"),
    )


class JourneyRow(Base):
    """The progress of a person through the consent pages. It belongs to the browser that sends the first form.

    `kind` is known from the first form on: authorize, onboard, reauthorize, user-reauth or revoke (protocol 8.1). A
    `provisional` library was created by this journey, and is deleted if the person declines. `proof` says how the
    person proved that the library is theirs, or that they said that it is not. `linked_consent_id` is the consent whose
    token the app showed, so that it knows the person by the same id afterwards. `sealed_return` is the return address
    of the app and its state, and `sealed_parameters` the parameters of protocol 8.2; the code in the link decrypts
    both. `sealed_draft` is what the person has chosen so far on the consent page. `sealed_outcome` is the address at
    which the journey ended, for a form that is sent twice, and `sealed_sign_in` a sign-in at a source in progress; only
    the person's browser has the key of these three. `undone_at` is when what it created was erased because it expired.
    `consent_id` names a consent of `library_id`, and `session_id` a session that waits for one.
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
    account_id: Mapped[UUID | None]
    provisional: Mapped[bool] = mapped_column(default=False)
    proof: Mapped[str | None]
    sealed_draft: Mapped[bytes | None]
    sealed_outcome: Mapped[bytes | None]
    sealed_sign_in: Mapped[bytes | None]
    created_at: Mapped[datetime] = _created()
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
        _with_its_library(["library_id", "sync_id"], [SyncRow.library_id, SyncRow.id]),
        Index(None, "library_id", "sync_id"),
    )


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
        _with_its_library(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id]),
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
    created_at: Mapped[datetime] = _created()
    expires_at: Mapped[datetime] = mapped_column(index=True)
    rotated_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    consent: Mapped[ConsentRow] = relationship(lazy="joined", innerjoin=True)
    __table_args__ = (
        _with_its_library(["library_id", "consent_id"], [ConsentRow.library_id, ConsentRow.id]),
        Index(None, "library_id", "consent_id"),
        Index(None, "library_id", "family_id"),
    )


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


class NonceRow(Base):
    """A nonce of a request that changes something, and the sealed response for a repeated request. Protocol 2.3."""

    __tablename__ = "nonces"
    client_id: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    sealed_response: Mapped[bytes | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ClockReadingRow(Base):
    """The newest plausible time, in a single row, to detect a wrong clock.

    `doubted_from` and `doubted_at` are the first and last reading of a clock that is far from `seen_at`.
    """

    __tablename__ = "clock_readings"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime]
    doubted_from: Mapped[datetime | None]
    doubted_at: Mapped[datetime | None]


class CallCountRow(Base):
    """The requests of one caller in one minute since 1970, for rate limits. `caller` is a keyed hash.

    The table is not logged, since nobody needs it after a crash.
    """

    __tablename__ = "call_counts"
    caller: Mapped[bytes] = mapped_column(primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, index=True)
    number: Mapped[int]
    __table_args__ = {"prefixes": ["UNLOGGED"]}


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
    registered_at: Mapped[datetime] = _created()
    __table_args__ = (UniqueConstraint("source_id", "server", "redirect_uri"),)


class ProviderListRow(Base):
    """A list of health providers that the operator imported. `origin` is the file or address that it came from."""

    __tablename__ = "provider_lists"
    name: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str]
    imported_at: Mapped[datetime] = _created()


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


class UsagePersonRow(Base):
    """A person of whom a contract read or wrote something in one month, to count each of them once."""

    __tablename__ = "usage_people"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id), primary_key=True)
    month: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    __table_args__ = (Index(None, "month", "contract_id"),)


class AlertRow(Base):
    """A problem that the operator is told about, once. The row is deleted once it is told that the problem is gone.

    `told_at` and `gone_at` are None until the operator was told, and until the problem was gone.
    """

    __tablename__ = "alerts"
    subject: Mapped[str] = mapped_column(primary_key=True)
    found: Mapped[str]
    advice: Mapped[str]
    since: Mapped[datetime] = _created()
    told_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]


class KeyToDestroyRow(Base):
    """An erasure key of an erased library or account that is not yet known to be destroyed."""

    __tablename__ = "keys_to_destroy"
    name: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = _created()


class BlobToDeleteRow(Base):
    """A blob that no row refers to any more, or a prefix ending in "/" of such blobs. A job deletes them."""

    __tablename__ = "blobs_to_delete"
    key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = _created()


class UnjournaledRow(Base):
    """An erasure or a withdrawal that a job still has to record in the journal of erasures, outside of the database."""

    __tablename__ = "unjournaled"
    kind: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
