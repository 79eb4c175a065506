"""The wire types that the platform sends and the SDK returns. New fields go last and have defaults."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from privateshare.protocol.wire import Wire

# --- Options of a session: protocol 5.1, 5.2 ---


class TimeRange(Wire):
    """A time range. Protocol 5.2.

    `from_` and `to` are in seconds since the epoch. `last` is a number and a unit, such as "12m": h for hours, d for
    days, m for months, y for years.
    """

    from_: int | None = None
    to: int | None = None
    last: str | None = Field(default=None, max_length=16)


class ServiceObjectTypeScope(Wire):
    """An object type, by id."""

    id: int


class ServiceTypeScope(Wire):
    """A service type, and optionally some of its object types; without them, all are included."""

    id: int
    service_object_types: list[ServiceObjectTypeScope] | None = None


class ServiceGroupScope(Wire):
    """A service group, and optionally some of its service types; without them, all are included."""

    id: int
    service_types: list[ServiceTypeScope] | None = None


class CriteriaMetadata(Wire):
    """A condition on the metadata of a pushed file. Each field lists accepted values."""

    app_id: list[str] | None = None
    accounts: list[dict[str, str]] | None = None
    contract_id: list[str] | None = None
    mime_type: list[str] | None = None
    reference: list[str] | None = None
    tags: list[str] | None = None


class Criterion(Wire):
    """A condition on pushed (raw) files: when they were pushed, and what their metadata says.

    `from_` is in seconds since the epoch.
    """

    from_: int | None = None
    last: str | None = Field(default=None, max_length=16)
    metadata: CriteriaMetadata | None = None


class Scope(Wire):
    """A restriction of a session to a part of what the contract and the person allow. Protocol 5.2."""

    time_ranges: list[TimeRange] | None = None
    service_groups: list[ServiceGroupScope] | None = None
    criteria: list[Criterion] | None = None


class Compression(StrEnum):
    """The compression of a file's data inside its envelope. Protocol 5.1."""

    GZIP = "gzip"
    BROTLI = "brotli"
    NONE = "none"
    ZSTD = "zstd"


class Accept(Wire):
    """What the client supports."""

    compression: Compression | None = None


class DurationLimit(Wire):
    """A time limit. `source_fetch` is the limit for fetching from sources in seconds; 0 means no limit, as on iOS."""

    source_fetch: int | None = Field(default=None, ge=0)


class Limits(Wire):
    """Limits of a session."""

    duration: DurationLimit | None = None


class AccountIds(Wire):
    """A list of account ids."""

    id: list[str] = []


class SourceFetchFilter(Wire):
    """A restriction of fetching to some accounts."""

    account: AccountIds | None = None


class SessionOptions(Wire):
    """The options of a session. Protocol 5.1."""

    limits: Limits | None = None
    scope: Scope | None = None
    source_fetch: bool | None = None
    source_fetch_filter: SourceFetchFilter | None = None
    accept: Accept | None = None


class Session(Wire):
    """A reading session; `expiry` is in milliseconds since the epoch. `repr` does not show the key. Protocol 5.3."""

    key: str = Field(repr=False)
    expiry: int


# --- Files of a session: protocol 6 ---


class SessionState(StrEnum):
    """The state of a session, or of one account in it. Protocol 6.1."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    PARTIAL = "partial"


class ErrorSummary(Wire):
    """An error of an object type, an account or a session."""

    code: str
    status_code: int | None = None
    message: str | None = None


class ObjectTypeError(Wire):
    """An object type that could not be fetched."""

    object_type: int
    error: ErrorSummary


class AccountError(ErrorSummary):
    """The reason why an account is `partial`.

    With `reauth`, the person must sign in to the source again (protocol 7.3).
    """

    reauth: bool | None = None
    retry_after: int | None = None
    object_type_errors: list[ObjectTypeError] | None = None


class AccountStatus(Wire):
    """The state of one account in a session."""

    state: SessionState
    error: AccountError | None = None


class Status(Wire):
    """The state of a session, and of each account by id.

    `error` is set if a session ended before it began, because the person declined or did not use the link. Its code is
    one of those in protocol 8.3.
    """

    state: SessionState
    details: dict[str, AccountStatus] | None = None
    error: ErrorSummary | None = None


class Schema(Wire):
    """The schema of a file's objects: `digime`, `fhir` or `me.digi`, and its version."""

    standard: str
    version: str


class FileEntry(Wire):
    """A file that can be read. Protocol 6.2.

    `updated_date` is in milliseconds since the epoch and increases only when the file's content changes.
    """

    name: str
    updated_date: int
    object_version: str | None = None
    schema_: Schema | None = None
    service_group: str | None = None
    service_name: str | None = None
    object_type: str | None = None
    object_count: int | None = None


class FileList(Wire):
    """The files that a session has so far; `file_list` is absent while the session is `pending`. Protocol 6.1."""

    status: Status
    file_list: list[FileEntry] | None = None


class RawAccount(Wire):
    """An account that a pushed file belongs to."""

    accountid: str


class FileMetadata(BaseModel):
    """The part `metadata` of `X-Metadata`.

    `mimetype` is set for pushed files, and absent for mapped files. Protocol 6.4.
    """

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
    """The content of the header `X-Metadata`; `size` and `sha256` describe the decrypted data. Protocol 6.3."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    metadata: FileMetadata = FileMetadata()
    compression: str | None = None
    size: int | None = None
    sha256: str | None = None


# --- Accounts: protocol 7 ---


class AccessTokenStatus(Wire):
    """Whether the source still accepts the platform's access; `expires_at` is in milliseconds since the epoch."""

    authorized: bool
    expires_at: int | None = None


class Account(Wire):
    """A source that the person connected. Dates are in milliseconds since the epoch. Protocol 7.1."""

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


# --- Pushing and storage: protocol 10, 11 ---


class AccountRef(Wire):
    """An account that a pushed file belongs to, by an id that the app chose. The Android client may omit it."""

    account_id: str = ""


class PushDescriptor(Wire):
    """The app's description of a file that it pushes. Protocol 10.1."""

    mime_type: str
    accounts: list[AccountRef]
    reference: list[str] | None = None
    tags: list[str] | None = None


class Storage(Wire):
    """A storage, and the id of the key that encrypts its files. Protocol 11.1."""

    id: str
    kid: str


class StorageFile(Wire):
    """A file of a storage. Its address is `path`, its folder, followed by `name`. Protocol 11.3.

    Both are in lower case; `original_path` and `original_name` are as the app wrote them. `size` is that of the
    encrypted file in bytes, a little more than that of the file. `updated_date` is when it was uploaded, in
    milliseconds since the epoch. Platforms of other vendors do not send them.
    """

    id: str
    name: str
    original_name: str
    original_path: str
    path: str
    size: int | None = None
    updated_date: int | None = None


class StorageListing(Wire):
    """The files of a folder."""

    files: list[StorageFile]
    total: int


# --- Contracts: protocol 12.1 ---


class ContractApplication(Wire):
    """The application that a contract belongs to."""

    id: str
    name: str
    resources: dict[str, Any] = {}
    status: int


class ContractDetails(Wire):
    """A contract. Protocol 12.1.

    `certificate` is an X.509 certificate (base64 of DER) that holds the contract document, or the document itself as
    JSON, as `type` says: "x509" or "json". `access_type` is "r" or "w". `expiration_date` is in milliseconds since the
    epoch.
    """

    access_type: str
    application: ContractApplication
    certificate: str
    certificate_contract_schema_version: str
    expiration_date: int
    id: str
    partner_id: str
    type: str
