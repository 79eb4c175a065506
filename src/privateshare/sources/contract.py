"""The interface that every source implements.

A source is synchronous Python code. It declares its abilities in a `SourceInfo` (`declaration.py`) and yields pages of
mapped objects (`page.py`); the platform does everything else. Sources import all of these names from here. Every source
must pass tests/contract/test_sources.py. docs/sources.md shows how to add one.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol, cast, runtime_checkable

from privateshare.sources.declaration import Brand as Brand
from privateshare.sources.declaration import FileMark as FileMark
from privateshare.sources.declaration import MedMijService as MedMijService
from privateshare.sources.declaration import ObjectSchema as ObjectSchema
from privateshare.sources.declaration import Question as Question
from privateshare.sources.declaration import RequestLimit as RequestLimit
from privateshare.sources.declaration import Sample as Sample
from privateshare.sources.declaration import SourceInfo as SourceInfo
from privateshare.sources.declaration import Upload as Upload
from privateshare.sources.failures import Broken as Broken
from privateshare.sources.failures import ClientForgotten as ClientForgotten
from privateshare.sources.failures import LeftOut
from privateshare.sources.failures import NeedsLogin as NeedsLogin
from privateshare.sources.failures import SourceFailure as SourceFailure
from privateshare.sources.failures import TryLater as TryLater
from privateshare.sources.page import PAGE_BYTES as PAGE_BYTES
from privateshare.sources.page import PAGE_OBJECTS as PAGE_OBJECTS
from privateshare.sources.page import Covered as Covered
from privateshare.sources.page import EncodedObjects as EncodedObjects
from privateshare.sources.page import JsonObject as JsonObject
from privateshare.sources.page import Page as Page
from privateshare.sources.page import Skipped as Skipped
from privateshare.sources.sign_in import ClientAssertion as ClientAssertion
from privateshare.sources.sign_in import OwnSignIn as OwnSignIn
from privateshare.sources.sign_in import SignIn as SignIn

# Stands for the owner in the objects of an export that is read before its owner is known. See `ReadOnceSource`.
OWNER_UNKNOWN_YET = "privateshare-owner-of-this-export"


BANK = "BANK"  # The type of an identity. Protocol 7.1.


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner of an account, as the source names them. `type` is explained in protocol 7.1.

    If `named` is false, the owner is unknown, and it may be any account that the person has at the source.

    `id_in_objects` is what the account's objects call the owner, if that is not `provider_account_id`: data that came
    before its owner was known refers to another id. It says nothing about who the owner is.
    """

    provider_account_id: str = field(repr=False)
    display_name: str = field(repr=False)
    type: str = "IMPORTED"
    named: bool = True
    id_in_objects: str | None = field(default=None, repr=False)

    @property
    def owner_name(self) -> str:
        """The name of the owner, or of the accounts in a bank's statements; empty if the source names neither."""
        return self.display_name if self.named or self.type == BANK else ""

    @property
    def objects_owner(self) -> str:
        """What the account's objects call the owner."""
        return self.provider_account_id if self.id_in_objects is None else self.id_in_objects


@dataclass(frozen=True, slots=True)
class Connection:
    """The data that a person connected: a sample, an uploaded archive, or a sign-in at the source.

    Attributes:
        sample: The id of the sample.
        archive: The uploaded archive. It can be read from its start any number of times.
        token: The response of the source's token endpoint, with a fresh `access_token` and without the refresh token;
            for an `AskingSource`, together with what `prepare` returned.
        provider_account_id: The result of `identify`, once it was called.
        left_out: The report to which the source adds what it cannot read.
        complete: The object types of which an archive proves to hold everything that the source has. The source adds
            them while it reads. What the library has of them, and a newer archive has not, was deleted at the source.
        admit: Is called before each request to a source that declares limits, or whose server may name requests without
            end. It raises TryLater if the limits allow none at the moment, and ends a sync that takes too long.
        open_temporary: Opens a temporary file, which can be appended to and then read, and is gone once it is closed.
    """

    sample: str | None = None
    archive: BinaryIO | None = field(default=None, repr=False)
    token: JsonObject | None = field(default=None, repr=False)
    provider_account_id: str = field(default="", repr=False)
    left_out: LeftOut = field(default_factory=LeftOut, repr=False)
    complete: set[int] = field(default_factory=set)
    admit: Callable[[], None] = field(default=lambda: None, repr=False)
    open_temporary: Callable[[], BinaryIO] = field(default=lambda: _temporary(), repr=False)


def _temporary() -> BinaryIO:
    return cast(BinaryIO, TemporaryFile())


OwnedPages = Generator[Page, None, Identity]
"""A reading of an export that yields pages of its objects, and at its end returns whose export it is."""


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """The response of a source to a pushed resource.

    `certain`: whether it is known if the source stored the resource.
    """

    status: int
    content: JsonObject
    certain: bool = True


class Source(Protocol):
    """A provider of a person's data."""

    info: SourceInfo

    def identify(self, connection: Connection) -> Identity:
        """Return the owner of the account. Archives are read completely, so that an accepted one can also be imported.

        Raises:
            Broken: The archive cannot be used. The person sees the message.
            TryLater: Only for sources with sign-in: the source does not respond.
            NeedsLogin: Only for sources with sign-in: the token is not accepted.
        """

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the objects of the types in `cursors` that are newer than their cursor, if the source can compare.

        Raises:
            TryLater: The source does not respond.
            NeedsLogin: The person must sign in again.
            Broken: The data cannot be used.
        """


@runtime_checkable
class ReadOnceSource(Source, Protocol):
    """A source of exports that finds out whose an export is while it yields its objects.

    Large exports are then read once. Of other sources, the platform calls `identify`, and then `fetch`.

    Attributes:
        reads_once: Whether the objects need nothing of the owner but the id, which is replaced afterwards.
    """

    reads_once: bool

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield all objects of an archive, and return what `identify` returns. Raises Broken."""


@runtime_checkable
class SignInSource(Source, Protocol):
    """A source with a sign-in. The platform performs the sign-in, and stores and refreshes the tokens."""

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters, which may need a request. Raises TryLater or Broken.

        Args:
            known: What `prepare` returned, if the source is an `AskingSource`. It is also part of the stored token.
        """


@runtime_checkable
class AskingSource(Source, Protocol):
    """A source for which a person types something, such as the address of their server or an app password."""

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Check the answers, and return what is stored with the account, encrypted like a token.

        A source with a sign-in may register the platform at the server. A source without one is connected with the
        result as its token.

        Args:
            answers: What the person typed, by the names of `info.asks`. All of them have a value.
            redirect_uri: Where the source redirects the browser to, if it has a sign-in.

        Raises:
            Broken: An answer cannot be used. The person sees the message.
            TryLater: The server does not respond.
        """


@runtime_checkable
class RegisteringSource(SignInSource, AskingSource, Protocol):
    """A source at whose servers the platform registers itself as a client. RFC 7591.

    The platform stores the registration of each server, for all people who sign in there, and registers anew if the
    server has forgotten it.
    """

    def registers_at(self, known: JsonObject) -> str | None:
        """Return the server at which the platform must be registered; None if the operator has registered it there.

        A server where the operator registered it knows the redirect URI of all sources that no person names.

        Args:
            known: What `prepare` returned.
        """

    def register(self, known: JsonObject, redirect_uri: str) -> JsonObject:
        """Register the platform, and return what is to be added to `known`. It has a `client_id`.

        Raises:
            Broken: The server does not allow it. The person sees the message.
            TryLater: The server does not respond.
        """


@runtime_checkable
class PublishedClientSource(SignInSource, Protocol):
    """A source whose servers fetch a description of the platform. Its address is the client id."""

    def client_document(self, client_id: str, redirect_uri: str) -> JsonObject | None:
        """Return what is published of the platform; None if nothing is.

        Args:
            client_id: The address at which it is published.
            redirect_uri: Where the source redirects the browser to.
        """


@runtime_checkable
class GrantingSource(SignInSource, Protocol):
    """A source that says which of its object types a sign-in does not allow to read."""

    def not_granted(self, token: JsonObject) -> Sequence[int]:
        """Return the object types that the source has, and that the token does not allow to read, or only in part.

        The person sees them before they agree. Raises Broken or TryLater.
        """


@runtime_checkable
class RevokingSource(Source, Protocol):
    """A source whose tokens are revoked in another way than that of RFC 7009."""

    def revoke(self, token: JsonObject) -> bool:
        """Revoke a token, and return whether that succeeded."""


@runtime_checkable
class PushSource(Source, Protocol):
    """A source that accepts pushed resources of the standards in `info.takes`."""

    def push(self, connection: Connection, resource_type: str, content: bytes) -> PushAnswer:
        """Send a resource once, with exactly the bytes that the app sent, and return the source's response.

        Raises:
            TryLater: The source certainly did not store the resource.
            NeedsLogin: The source certainly did not store the resource, because it does not accept the token.
        """
