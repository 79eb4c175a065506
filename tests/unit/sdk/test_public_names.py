"""What `from privateshare import …` offers: a name that goes or comes is seen here."""

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

import privateshare
from privateshare.protocol import jwt

NAMES = """
Accept Account AccountError AccountIds AccountRef AccountStatus ApiError AsyncPrivateShare AsyncReading
AsyncTokenStore AsyncUser AuthorizationFailed AuthorizeUrl AvailableServices CatalogueRecord CategoryRecord
Compression ConfigurationError ConsentDeclined ConsentLinkInvalid ConsentPageFailed ContractDetails CountryRecord
CriteriaMetadata Criterion DataUnreadable DurationLimit File FileDecryptionError FileEntry FileError FileHeader
FileIntegrityError FileList FileMetadata FileNotFound FileTokenStore FilesNotRead InsufficientScope InternalError
InvalidAnswer InvalidClient InvalidContractDataRequest InvalidJWT InvalidRedirectUri InvalidRequest InvalidSession
InvalidTimestamp InvalidToken Limits MemoryTokenStore MethodNotAllowed NetworkError NotFound ObjectType PageOptions
PageUrl PictureRecord PrivateShare PrivateShareError PushDescriptor ReadIncomplete ReadResult ReadTimeout Reading
RequestTooLarge Returned SDKInvalid SDKVersionInvalid SampleDataSet Scope ScopeOutOfBounds Service
ServiceAuthorizationError ServiceGroup ServiceGroupScope ServiceObjectTypeScope ServiceRecord ServiceType
ServiceTypeScope Session SessionNeverStarted SessionOptions SessionState SharedAsyncTokenStore SharedTokenStore
SourceFetchFilter SourceNotConnected SourceQuery SourceRecord SourceType SourcesPage Status Storage StorageFile Table
Tables TimeRange TokenNotKeptWarning TokenStore TooManyRequests Unavailable UnexpectedReturn UnknownUser User
UserAccessToken tables
"""


def test_the_public_names_are_these():
    """All of them, each there."""
    assert sorted(privateshare.__all__) == sorted(NAMES.split())
    for name in privateshare.__all__:
        assert getattr(privateshare, name) is not None


@pytest.mark.parametrize(
    "names", ["PrivateShare", "PageOptions, UserAccessToken, FileTokenStore, InvalidToken, ObjectType"]
)
def test_importing_the_client_imports_nothing_heavy(names: str):
    """HTTP, crypto, JOSE and pydantic come when a client is made, and asyncio with its own."""
    script = f"import sys; from privateshare import {names}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"httpx2", "joserfc", "cryptography", "pydantic", "zstandard", "brotli", "asyncio", "ssl", "http", "email"}
    assert heavy.isdisjoint(loaded)


def test_making_a_client_imports_what_its_calls_need():
    """So that no first call waits for it."""
    pem = jwt.private_pem(generate_private_key(65537, 2048))
    script = f"""
import sys
from privateshare import PrivateShare
with PrivateShare("a", contract_id="c", private_key={pem!r}):
    print(*sys.modules)
"""
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert {"httpx2", "joserfc", "cryptography", "pydantic", "privateshare.sdk.reading.file_reader"}.issubset(loaded)


def test_the_asyncio_client_needs_no_more_than_asyncio():
    """Beside what the blocking one needs."""
    script = "import sys; from privateshare import AsyncPrivateShare; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert {"httpx2", "joserfc", "cryptography", "pydantic", "zstandard", "brotli"}.isdisjoint(loaded)


def test_an_unknown_name_is_an_attribute_error():
    """As with every module."""
    with pytest.raises(AttributeError, match="nothing"):
        privateshare.nothing  # noqa: B018
