"""The interface that every source implements.

A source is synchronous Python code. It declares its abilities in a `SourceInfo` and yields pages of mapped objects; the
platform does everything else. Every source must pass tests/contract/test_sources.py. docs/sources.md shows how to add
one.
"""

import json
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, Protocol, cast, runtime_checkable

from privateshare.sources.failures import Broken as Broken
from privateshare.sources.failures import ClientForgotten as ClientForgotten
from privateshare.sources.failures import LeftOut
from privateshare.sources.failures import NeedsLogin as NeedsLogin
from privateshare.sources.failures import SourceFailure as SourceFailure
from privateshare.sources.failures import TryLater as TryLater
from privateshare.sources.identity import Deletion, ObjectProvenance

PAGE_OBJECTS = 1000
PAGE_BYTES = 8 * 1024 * 1024  # The size as JSON. Single objects with attachments can have megabytes.

# Stands for the owner in the objects of an export that is read before its owner is known. See `ReadOnceSource`.
OWNER_UNKNOWN_YET = "privateshare-owner-of-this-export"

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """The schema of a source's objects: `digime` or `fhir`, and its version."""

    standard: str
    version: str

    def entity_id(self, thing: Mapping[str, Any]) -> str:
        """Return the id of an object among those of its account and type.

        A later object with the same id replaces it.
        """
        if self.standard == "fhir":
            return f"{thing['resourceType']}/{thing.get('id') or _content_id(thing)}"
        return str(thing["entityid"])


def _content_id(thing: Mapping[str, Any]) -> str:
    return sha256(json.dumps(thing, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sample:
    """Invented data that a person can share in place of their own."""

    id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class FileMark:
    """How a file of an export is recognised, without parsing it. A file must match both patterns.

    Attributes:
        start: A regular expression that is searched in the first 16 KB of the file, decoded as text.
        path: A regular expression that is searched in its path, without regard to case. The names of a file that was
            renamed or unpacked say nothing, so a mark should do without if it can.
        is_weak: Whether the mark only counts if nothing else in the upload is recognised.
    """

    start: str = ""
    path: str = ""
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """A source's support for uploads.

    Attributes:
        accept: The file types for the file dialog.
        instructions: The steps to get an export.
        marks: How its files are recognised, if a person uploads them without saying what they are.
        alike: A text that sources have in common which read the same files, such as those of banks of different
            countries. The person is asked which of them it is.
        in_folders: Whether its files may also lie in a folder of the person's own server (WebDAV). Its exports must not
            say whose they are.
    """

    accept: str
    instructions: Sequence[str]
    marks: Sequence[FileMark] = ()
    alike: str = ""
    in_folders: bool = False


@dataclass(frozen=True, slots=True)
class Brand:
    """The look of a source's mark on the pages: its initials, or a drawing of our own, on a colour.

    Attributes:
        colour: The background, as #rrggbb.
        drawing: The data of an SVG path in a square of 24 units, drawn by us; logos of others are not ours to use.
            If it is empty, the mark shows the initials of the source's name.
    """

    colour: str
    drawing: str = ""


@dataclass(frozen=True, slots=True)
class MedMijService:
    """A data service of a care provider, as named in MedMij's lists, such as `umcharderwijk@medmij` and `48`."""

    provider: str
    data_service: str


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a person types to connect a source, such as the address of their server.

    Attributes:
        name: Its name in the form.
        label: What the page calls it. It is translated for consent pages.
        kind: A text, the address of a server, or a password, which is never shown again.
        hint: What to type, in a sentence; empty if the label says it. It is translated too.
        example: An example, which is not translated.
    """

    name: str
    label: str
    kind: Literal["text", "server", "password"] = "text"
    hint: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class RequestLimit:
    """A limit that a source declares for requests. The platform keeps to it across all of its workers.

    Attributes:
        requests: How many requests are allowed.
        seconds: In how many seconds. The windows begin at multiples of it since 1970, such as each quarter of an hour.
        of_client: Whether all accounts share it, because it applies to the platform's client id.
    """

    requests: int
    seconds: int
    of_client: bool = True


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """The declaration of a source. Ids of service types and object types are those of `protocol/catalogue.py`.

    Attributes:
        signs_in: Whether it is a `SignInSource`.
        takes: The standards and versions of resources that can be pushed to it (protocol 10.2). If there are any, it is
            a `PushSource`.
        medmij: The MedMij data service that it is, if any. The pages of such a source name the request that they
            answer, for MedMij's portability report (protocol 12.3).
        brand: The look of its mark on the pages. Without it, the mark shows initials on one of our own colours.
        asks: What a person types to connect it. If there is anything, it is an `AskingSource`.
        asks_title: What pages call this way to connect it, if it is no sign-in at the source. It is translated.
        resumes: Whether `fetch` can continue at the cursor of any page. What was fetched before an interruption is then
            kept, and not fetched again.
        limits: The limits that the source declares for requests.
        has_directory: Whether people may choose the server by the name of a health provider, in the directory that the
            operator imported. The answers are then `server`, `name`, and `brands` for the list that it is from.
        proves_person: Whether signing in again, to the same account, proves that somebody is the person of a library.
    """

    id: int
    service_type: int
    service_group: int
    object_types: Sequence[int]
    schema: ObjectSchema
    samples: Sequence[Sample] = ()
    upload: Upload | None = None
    signs_in: bool = False
    takes: Collection[tuple[str, str]] = ()
    medmij: MedMijService | None = None
    brand: Brand | None = None
    asks: Sequence[Question] = ()
    asks_title: str = ""
    resumes: bool = False
    limits: Sequence[RequestLimit] = ()
    has_directory: bool = False
    proves_person: bool = True

    @property
    def has_own_data(self) -> bool:
        """Whether a person can connect their own data, and not only samples."""
        return self.signs_in or bool(self.asks) or self.upload is not None


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
    def objects_owner(self) -> str:
        """What the account's objects call the owner."""
        return self.provider_account_id if self.id_in_objects is None else self.id_in_objects


class OwnSignIn(Protocol):
    """A sign-in in a form of the source's own, which is older than OAuth."""

    def start(self, redirect_uri: str, state: str) -> str:
        """Return the address of the sign-in page. It must return the state with the redirect."""

    def exchange(self, code: str) -> JsonObject:
        """Return the token for what the redirect brought: an `access_token`, and what else is to be stored.

        Raises NeedsLogin, TryLater, Broken, ValueError if the response cannot be used, or an error of the HTTP client.
        """


@dataclass(frozen=True, slots=True)
class SignIn:
    """The parameters of a sign-in with OAuth 2, authorization code and PKCE (RFC 6749, 7636).

    Attributes:
        extra: Further parameters of the authorization request, such as SMART's `aud`.
        issuer: Is compared with the issuer in the callback, if that names one (RFC 9207).
        revocation_endpoint: The endpoint at which tokens are revoked, if there is one (RFC 7009).
        client_authentication: How the platform proves itself at the token endpoint.
        private_key: The key of `private_key_jwt`, as PEM (RFC 7523).
        pushed_authorization_endpoint: Where the parameters of the authorization request are sent first, if the source
            offers that, so that the browser carries none of them (RFC 9126).
        scope_separator: What separates the parts of the scope, for sources that do not use spaces.
        token_parameters: Further parameters of token requests, for sources that need them.
        read_token_response: Converts a token response to one of RFC 6749, for sources that use another form.
        named_by_person: Whether a person typed the address of the server, so that only public servers are allowed.
        own: A sign-in in a form of the source's own, in place of OAuth.
        code_parameter: What the redirect calls the code.
    """

    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    scope: str
    client_secret: str | None = field(default=None, repr=False)
    revocation_endpoint: str | None = None
    issuer: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    client_authentication: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"] = (
        "client_secret_basic"
    )
    private_key: str | None = field(default=None, repr=False)
    pushed_authorization_endpoint: str | None = None
    scope_separator: str = " "
    token_parameters: Mapping[str, str] = field(default_factory=dict)
    read_token_response: Callable[[JsonObject], JsonObject] | None = None
    named_by_person: bool = False
    own: OwnSignIn | None = None
    code_parameter: str = "code"


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


@dataclass(frozen=True, slots=True)
class Covered:
    """A part of an account's objects of one type that a source read completely, as an open interval of their dates.

    What the library has there, and the source did not provide, was deleted at the source. Objects dated at the bounds
    are not part of it. Without bounds it is everything, also what has no date.
    """

    after: int | None = None
    before: int | None = None

    def includes(self, moment: int | None) -> bool:
        """Return whether an object with this date belongs to it."""
        if moment is None:
            return self.after is None and self.before is None
        return (self.after is None or moment > self.after) and (self.before is None or moment < self.before)


@dataclass(frozen=True, slots=True)
class EncodedObjects:
    """Objects of one type that a source encoded itself, because it has very many. Each has exactly one date.

    Attributes:
        object_type: The type.
        ids: Their ids among the objects of the account and type.
        moments: Their dates in milliseconds since the epoch.
        lines: Their JSON, each in one line, exactly as orjson would encode it.
    """

    object_type: int
    ids: Sequence[str] = field(repr=False)
    moments: Sequence[int] = field(repr=False)
    lines: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Mapped objects of one object type, at most PAGE_OBJECTS.

    Attributes:
        cursor: The position from which a later sync can continue.
        asked: The URL of the request whose response ends with this page.
        texts: The original JSON of each object in one line, if it must be preserved, such as all digits of its numbers.
        provenances: What distinguishes objects with the same id, if they can have different origins. An object
            without a provenance replaces all others with its id.
        deletions: Objects that were deleted at their origin.
        covered: The part of the type that this page completes, so that deleted objects are recognised.
        encoded: The same objects, if the source encoded them itself.
    """

    object_type: int
    objects: Sequence[JsonObject]
    cursor: str | None = None
    asked: str | None = field(default=None, repr=False)
    texts: Sequence[bytes] | None = field(default=None, repr=False)
    provenances: Sequence[ObjectProvenance | None] | None = field(default=None, repr=False)
    deletions: Sequence[Deletion] = field(default=(), repr=False)
    covered: Covered | None = None
    encoded: EncodedObjects | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object type that cannot be fetched, although others can. `status` is the HTTP status of the source."""

    object_type: int
    code: str
    message: str
    status: int


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
