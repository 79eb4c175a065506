"""The public names of the SDK. `__init__.py` imports each when it is first used."""

__version__: str

from privateshare.errors import (
    ApiError as ApiError,
    AuthorizationFailed as AuthorizationFailed,
    ConfigurationError as ConfigurationError,
    ConsentDeclined as ConsentDeclined,
    ConsentLinkInvalid as ConsentLinkInvalid,
    ConsentPageFailed as ConsentPageFailed,
    DataUnreadable as DataUnreadable,
    FileDecryptionError as FileDecryptionError,
    FileIntegrityError as FileIntegrityError,
    FileNotFound as FileNotFound,
    InsufficientScope as InsufficientScope,
    InternalError as InternalError,
    InvalidAnswer as InvalidAnswer,
    InvalidClient as InvalidClient,
    InvalidContractDataRequest as InvalidContractDataRequest,
    InvalidJWT as InvalidJWT,
    InvalidRedirectUri as InvalidRedirectUri,
    InvalidRequest as InvalidRequest,
    InvalidSession as InvalidSession,
    InvalidTimestamp as InvalidTimestamp,
    InvalidToken as InvalidToken,
    InvalidWebhook as InvalidWebhook,
    MethodNotAllowed as MethodNotAllowed,
    NetworkError as NetworkError,
    NotFound as NotFound,
    PrivateShareError as PrivateShareError,
    RequestTooLarge as RequestTooLarge,
    ScopeOutOfBounds as ScopeOutOfBounds,
    SDKInvalid as SDKInvalid,
    SDKVersionInvalid as SDKVersionInvalid,
    ServiceAuthorizationError as ServiceAuthorizationError,
    SourceNotConnected as SourceNotConnected,
    TooManyRequests as TooManyRequests,
    Unavailable as Unavailable,
    UnexpectedReturn as UnexpectedReturn,
    UnknownUser as UnknownUser,
)
from privateshare.protocol.catalogue import (
    ObjectType as ObjectType,
    ServiceGroup as ServiceGroup,
    ServiceType as ServiceType,
    SourceType as SourceType,
)
from privateshare.protocol.discovery import (
    AvailableServices as AvailableServices,
    CatalogueRecord as CatalogueRecord,
    CategoryRecord as CategoryRecord,
    CountryRecord as CountryRecord,
    PictureRecord as PictureRecord,
    SampleDataSet as SampleDataSet,
    Service as Service,
    ServiceRecord as ServiceRecord,
    SourceQuery as SourceQuery,
    SourceRecord as SourceRecord,
    SourcesPage as SourcesPage,
)
from privateshare.protocol.messages import (
    Accept as Accept,
    Account as Account,
    AccountError as AccountError,
    AccountIds as AccountIds,
    AccountRef as AccountRef,
    AccountStatus as AccountStatus,
    Compression as Compression,
    ContractDetails as ContractDetails,
    CriteriaMetadata as CriteriaMetadata,
    Criterion as Criterion,
    DurationLimit as DurationLimit,
    FileEntry as FileEntry,
    FileHeader as FileHeader,
    FileList as FileList,
    FileMetadata as FileMetadata,
    Limits as Limits,
    PushDescriptor as PushDescriptor,
    Scope as Scope,
    ServiceGroupScope as ServiceGroupScope,
    ServiceObjectTypeScope as ServiceObjectTypeScope,
    ServiceTypeScope as ServiceTypeScope,
    Session as Session,
    SessionOptions as SessionOptions,
    SessionState as SessionState,
    SourceFetchFilter as SourceFetchFilter,
    Status as Status,
    Storage as Storage,
    StorageFile as StorageFile,
    TimeRange as TimeRange,
)
from privateshare.sdk.clients._async.client import (
    AsyncPrivateShare as AsyncPrivateShare,
)
from privateshare.sdk.clients._async.reading_handle import (
    AsyncReading as AsyncReading,
)
from privateshare.sdk.clients._async.users import (
    AsyncUser as AsyncUser,
)
from privateshare.sdk.clients._sync.client import (
    PrivateShare as PrivateShare,
)
from privateshare.sdk.clients._sync.reading_handle import (
    Reading as Reading,
)
from privateshare.sdk.clients._sync.users import (
    User as User,
)
from privateshare.sdk.consent import (
    AuthorizeUrl as AuthorizeUrl,
    PageOptions as PageOptions,
    PageUrl as PageUrl,
    Returned as Returned,
    SampleDataOptions as SampleDataOptions,
)
from privateshare.sdk.files.file import (
    File as File,
)
from privateshare.sdk.reading.folders import (
    files as files,
    prune as prune,
)
from privateshare.sdk.reading.results import (
    FileError as FileError,
    FilesNotRead as FilesNotRead,
    ReadIncomplete as ReadIncomplete,
    ReadResult as ReadResult,
    ReadTimeout as ReadTimeout,
    SessionNeverStarted as SessionNeverStarted,
)
from privateshare.sdk.tables.object_tables import (
    NoSuchTable as NoSuchTable,
    Tables as Tables,
    tables as tables,
)
from privateshare.sdk.tables.outputs import (
    Rows as Rows,
)
from privateshare.sdk.tables.table import (
    Table as Table,
)
from privateshare.sdk.token_stores import (
    AsyncTokenStore as AsyncTokenStore,
    FileTokenStore as FileTokenStore,
    MemoryTokenStore as MemoryTokenStore,
    SharedAsyncTokenStore as SharedAsyncTokenStore,
    SharedTokenStore as SharedTokenStore,
    TokenStore as TokenStore,
)
from privateshare.sdk.tokens import (
    TokenNotKeptWarning as TokenNotKeptWarning,
    UserAccessToken as UserAccessToken,
)
