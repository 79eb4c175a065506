"""The values on the wire, as the SDK gives them and the platform sends them. New fields go last and have defaults."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from privateshare.protocol.wire import Wire

# --- what a session asks for: protocol 5.1, 5.2 ---


class TimeRange(Wire):
    """`from_` and `to` in seconds since the epoch, or `last` such as "12m" (h, d, m months, y). Protocol 5.2."""

    from_: int | None = None
    to: int | None = None
    last: str | None = Field(default=None, max_length=16)


class ServiceObjectTypeScope(Wire):
    """One object type, by id."""

    id: int


class ServiceTypeScope(Wire):
    """One service type, and which of its object types."""

    id: int
    service_object_types: list[ServiceObjectTypeScope] | None = None


class ServiceGroupScope(Wire):
    """One service group, and which of its service types; none given means the whole group."""

    id: int
    service_types: list[ServiceTypeScope] | None = None


class CriteriaMetadata(Wire):
    """What the metadata of a pushed file must hold."""

    app_id: list[str] | None = None
    accounts: list[dict[str, str]] | None = None
    contract_id: list[str] | None = None
    mime_type: list[str] | None = None
    reference: list[str] | None = None
    tags: list[str] | None = None


class Criterion(Wire):
    """Which pushed (raw) files: when they were pushed (seconds since the epoch) and what their metadata holds."""

    from_: int | None = None
    last: str | None = Field(default=None, max_length=16)
    metadata: CriteriaMetadata | None = None


class Scope(Wire):
    """What to read, of what the contract and the person allow. Protocol 5.2."""

    time_ranges: list[TimeRange] | None = None
    service_groups: list[ServiceGroupScope] | None = None
    criteria: list[Criterion] | None = None


class Compression(StrEnum):
    """How a file's data is compressed inside its envelope. Protocol 5.1."""

    GZIP = "gzip"
    BROTLI = "brotli"
    NONE = "none"
    ZSTD = "zstd"


class Accept(Wire):
    """What the reader can take."""

    compression: Compression | None = None


class DurationLimit(Wire):
    """`source_fetch`: the seconds that fetching may take; 0 bounds nothing, as iOS has it."""

    source_fetch: int | None = Field(default=None, ge=0)


class Limits(Wire):
    """Bounds on the session's work."""

    duration: DurationLimit | None = None


class AccountIds(Wire):
    """Some accounts, by id."""

    id: list[str] = []


class SourceFetchFilter(Wire):
    """Which accounts are fetched."""

    account: AccountIds | None = None


class SessionOptions(Wire):
    """How a session reads. Protocol 5.1."""

    limits: Limits | None = None
    scope: Scope | None = None
    source_fetch: bool | None = None
    source_fetch_filter: SourceFetchFilter | None = None
    accept: Accept | None = None


class Session(Wire):
    """A reading session; `expiry` in milliseconds since the epoch. Its key stays out of `repr`. Protocol 5.3."""

    key: str = Field(repr=False)
    expiry: int


# --- querying: protocol 6 ---


class SessionState(StrEnum):
    """Where a session, or one account in it, stands. Protocol 6.1."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"


class ErrorSummary(Wire):
    """What went wrong, in one object type or one account."""

    code: str
    status_code: int | None = None
    message: str | None = None


class ObjectTypeError(Wire):
    """An object type that could not be fetched."""

    object_type: int
    error: ErrorSummary


class AccountError(ErrorSummary):
    """Why an account is `partial`; with `reauth` the person must sign in to the source again (protocol 7.3)."""

    reauth: bool | None = None
    retry_after: int | None = None
    object_type_errors: list[ObjectTypeError] | None = None


class AccountStatus(Wire):
    """One account's part of a session."""

    state: SessionState
    error: AccountError | None = None


class Status(Wire):
    """A session's state, and that of each account by id.

    `error` says why a session ended before it began: the person declined, or did not use the link. Its code is one of
    protocol 8.3.
    """

    state: SessionState
    details: dict[str, AccountStatus] | None = None
    error: ErrorSummary | None = None


class Schema(Wire):
    """What shape the objects have: `digime`, `fhir` or `me.digi`, and its version."""

    standard: str
    version: str


class FileEntry(Wire):
    """A file that can be read; `updated_date` in milliseconds, growing only with its content. Protocol 6.2."""

    name: str
    updated_date: int
    object_version: str | None = None
    schema_: Schema | None = None
    service_group: str | None = None
    service_name: str | None = None
    object_type: str | None = None
    object_count: int | None = None


class FileList(Wire):
    """What a session holds so far; `file_list` is absent while it is `pending`. Protocol 6.1."""

    status: Status
    file_list: list[FileEntry] | None = None


class RawAccount(Wire):
    """An account that a pushed file belongs to."""

    accountid: str


class FileMetadata(BaseModel):
    """What `X-Metadata` says of the content: mapped objects, or a pushed file (`mimetype` set). Protocol 6.4."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", defer_build=True, populate_by_name=True
    )

    object_count: int | None = Field(default=None, alias="objectCount")
    object_type: str | None = Field(default=None, alias="objectType")
    service_group: str | None = Field(default=None, alias="serviceGroup")
    service_name: str | None = Field(default=None, alias="serviceName")
    schema_: Schema | None = Field(default=None, alias="schema")
    mimetype: str | None = None
    accounts: list[RawAccount] | None = None
    appid: str | None = None
    contractid: str | None = None
    created: int | None = None
    partnerid: str | None = None
    reference: list[str] | None = None
    tags: list[str] | None = None
    objecttypes: list[dict[str, Any]] | None = None
    servicegroups: list[int] | None = None


class FileHeader(BaseModel):
    """The whole of `X-Metadata`: `size` and `sha256` are of the plain data. Protocol 6.3."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    metadata: FileMetadata = FileMetadata()
    compression: str | None = None
    size: int | None = None
    sha256: str | None = None


# --- accounts: protocol 7 ---


class AccessTokenStatus(Wire):
    """Whether the source still lets the platform in; `expires_at` in milliseconds."""

    authorized: bool
    expires_at: int | None = None


class Account(Wire):
    """A source that the person connected. Dates in milliseconds since the epoch. Protocol 7.1."""

    id: str
    reference: str
    type: str
    created_date: int
    updated_date: int
    service_group_id: int
    service_group_name: str
    service_type_id: int
    service_type_name: str
    service_type_reference: str
    source_id: int
    access_token_status: AccessTokenStatus | None = None
    service_provider_id: int | str | None = None
    service_provider_name: str | None = None
    service_provider_reference: str | None = None
    username: str | None = None
    provider_fav_icon: str | None = None
    provider_logo: str | None = None
    sample: bool | None = None


# --- pushing and storage: protocol 10, 11 ---


class AccountRef(Wire):
    """An account that a pushed file belongs to, by an id of the app's own."""

    account_id: str


class PushDescriptor(Wire):
    """What the app says of a file that it pushes. Protocol 10.1."""

    mime_type: str
    accounts: list[AccountRef]
    reference: list[str] | None = None
    tags: list[str] | None = None


class Storage(Wire):
    """A storage, and the name of the key that its files are encrypted with. Protocol 11.1."""

    id: str
    kid: str


class StorageFile(Wire):
    """A file of a storage: `path`, its folder, with `name` behind it is its address. Protocol 11.3.

    Both are in lower case; the originals are as they were written.
    """

    id: str
    name: str
    original_name: str
    original_path: str
    path: str


class StorageListing(Wire):
    """The files of a folder."""

    files: list[StorageFile]
    total: int


# --- contracts: protocol 12.1 ---


class ContractApplication(Wire):
    """The application that a contract belongs to."""

    id: str
    name: str
    resources: dict[str, Any] = {}
    status: int


class ContractDetails(Wire):
    """A contract; `certificate` holds its document, `expiration_date` is in milliseconds. Protocol 12.1."""

    access_type: str
    application: ContractApplication
    certificate: str
    certificate_contract_schema_version: str
    expiration_date: int
    id: str
    partner_id: str
    type: str
