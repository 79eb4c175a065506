"""What a source is: what it can do, how it connects, what it yields, how it fails.

A source is plain synchronous Python. It says what it can do in a `SourceInfo` and yields pages of mapped objects; the
platform does the rest. The suite that every source must pass is tests/contract/test_sources.py; docs/sources.md
shows how to add one.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, Protocol, runtime_checkable

import orjson

from privateshare.sources.failures import Broken as Broken
from privateshare.sources.failures import LeftOut
from privateshare.sources.failures import NeedsLogin as NeedsLogin
from privateshare.sources.failures import SourceFailure as SourceFailure
from privateshare.sources.failures import TryLater as TryLater
from privateshare.sources.identity import Deletion, Mark

PAGE_OBJECTS = 1000
PAGE_BYTES = 8 * 1024 * 1024  # as JSON; objects with attachments have megabytes each

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """What shape a source's objects have: `digime` or `fhir`, and the version."""

    standard: str
    version: str

    def entity_id(self, thing: Mapping[str, Any]) -> str:
        """What identifies an object among those of its account and type: a later one with the same id replaces it."""
        if self.standard == "fhir":
            return f"{thing['resourceType']}/{thing.get('id') or _content_id(thing)}"
        return str(thing["entityid"])


def _content_id(thing: Mapping[str, Any]) -> str:
    return sha256(json.dumps(thing, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sample:
    """Invented data that a person can lend instead of their own."""

    id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Upload:
    """That a person can upload an export archive: what the file dialog offers, and how to get one, step by step."""

    accept: str
    instructions: Sequence[str]


@dataclass(frozen=True, slots=True)
class MedMijService:
    """A data service of a care provider, as MedMij's lists name them, such as `umcharderwijk@medmij` and `48`."""

    provider: str
    data_service: str


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source declares. Ids are those of `protocol/catalogue.py`, of service types and object types always.

    `signs_in`: it is a `SignInSource`. `takes`: the standards and versions of what can be pushed to it, which makes it
    a `PushSource`, in the words of protocol 10.2. `medmij`: whose data service it is in MedMij; then its pages say what
    was asked, which MedMij's portability report tells (protocol 12.3).
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

    @property
    def has_own_data(self) -> bool:
        """Whether a person can connect data of their own, not only samples."""
        return self.signs_in or self.upload is not None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account it is, in the source's words. `type` as in protocol 7.1.

    `named`: whether that is known. If not, it may be any account of the source that the person has.
    """

    provider_account_id: str = field(repr=False)
    display_name: str = field(repr=False)
    type: str = "IMPORTED"
    named: bool = True


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where and as what a person signs in: OAuth 2 with authorization code and PKCE (RFC 6749, 7636).

    `extra` goes into the authorization request, such as SMART's `aud`. `issuer` is checked against the callback's, if
    that names one (RFC 9207). Tokens are revoked at `revocation_endpoint`, if there is one (RFC 7009).
    """

    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    scope: str
    client_secret: str | None = field(default=None, repr=False)
    revocation_endpoint: str | None = None
    issuer: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Connection:
    """What the person connected: a sample by id, an archive that can be read from its start as often as needed, or
    the token that the source gave when they signed in.

    `token` is the answer of its token endpoint, with a fresh `access_token` and without the refresh token.
    `provider_account_id` is what `identify` said, once it has. `left_out` is where the source notes what it cannot read
    of an archive.
    """

    sample: str | None = None
    archive: BinaryIO | None = field(default=None, repr=False)
    token: JsonObject | None = field(default=None, repr=False)
    provider_account_id: str = field(default="", repr=False)
    left_out: LeftOut = field(default_factory=LeftOut, repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Some mapped objects of one object type, at most PAGE_OBJECTS. `cursor`: where a later sync may go on.

    `texts`: the JSON of each object in one line, where it is kept as it was written, with every digit of its numbers.
    `marks`: what tells each object from others of the same id, where they may be of several places; one without a mark
    replaces all others with its id. `deletions`: what was deleted where it comes from.
    `asked`: the address whose answer this page ends.
    """

    object_type: int
    objects: Sequence[JsonObject]
    cursor: str | None = None
    asked: str | None = field(default=None, repr=False)
    texts: Sequence[bytes] | None = field(default=None, repr=False)
    marks: Sequence[Mark | None] | None = field(default=None, repr=False)
    deletions: Sequence[Deletion] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An object type that cannot be had while the others can. `status` is what the source answered."""

    object_type: int
    code: str
    message: str
    status: int


@dataclass(frozen=True, slots=True)
class Written:
    """An object on its way into a page, with what pages have of it."""

    object_type: int
    thing: JsonObject
    text: bytes | None = None
    mark: Mark | None = None


def pages(objects: Iterable[tuple[int, JsonObject] | Written | Deletion]) -> Iterator[Page]:
    """Yield objects, given with their types, in pages of a fair size, for sources that have no pages of their own.

    However many types there are, no more than PAGE_OBJECTS objects and about PAGE_BYTES wait at a time.
    """
    waiting: dict[int, list[tuple[Written, bytes]]] = {}
    deletions: list[Deletion] = []
    sizes: Counter[int] = Counter()
    count = 0
    for one in objects:
        if isinstance(one, Deletion):
            deletions.append(one)
            if len(deletions) == PAGE_OBJECTS:
                yield Page(one.object_type, (), deletions=deletions)
                deletions = []
            continue
        if isinstance(one, tuple):
            one = Written(*one)
        text = one.text if one.text is not None else one_line(one.thing)
        waiting.setdefault(one.object_type, []).append((one, text))
        sizes[one.object_type] += len(text)
        count += 1
        if count == PAGE_OBJECTS or sizes.total() >= PAGE_BYTES:
            largest = max(sizes, key=lambda kind: sizes[kind])
            del sizes[largest]
            page = waiting.pop(largest)
            count -= len(page)
            yield _page(largest, page)
    yield from (_page(object_type, page) for object_type, page in waiting.items())
    if deletions:
        yield Page(deletions[0].object_type, (), deletions=deletions)


def _page(object_type: int, written: Sequence[tuple[Written, bytes]]) -> Page:
    marks = [one.mark for one, _ in written if one.mark is not None]
    return Page(
        object_type, [one.thing for one, _ in written], texts=[text for _, text in written], marks=marks or None
    )


def one_line(thing: JsonObject) -> bytes:
    """An object as JSON in one line."""
    # Copied, because what orjson gives holds on to 4 KiB and more, however short it is.
    return bytes(memoryview(orjson.dumps(thing)))


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """What a source said to a resource that was pushed. `certain`: whether that tells if it keeps the resource."""

    status: int
    content: JsonObject
    certain: bool = True


class Source(Protocol):
    """A place where a person's data comes from."""

    info: SourceInfo

    def identify(self, connection: Connection) -> Identity:
        """Whose account this is. An archive is read to its end, so that one that is let in can also be imported.

        Raises Broken, whose message the person reads; a source that is signed in to also TryLater and NeedsLogin.
        """

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """The objects of the types that `cursors` names, newer than each cursor as far as the source can tell.

        Raises TryLater, NeedsLogin or Broken.
        """


@runtime_checkable
class SignInSource(Source, Protocol):
    """A source that a person signs in to; the platform does the signing in, and keeps and refreshes the tokens."""

    def sign_in(self) -> SignIn:
        """Where to sign in, which may have to be asked for. Raises TryLater or Broken."""


@runtime_checkable
class PushSource(Source, Protocol):
    """A source that takes resources of the standards that `info.takes` names."""

    def push(self, connection: Connection, resource_type: str, content: bytes) -> PushAnswer:
        """Hands a resource on, byte by byte as the app sent it, once; what the source said, whatever that was.

        Raises TryLater or NeedsLogin only if the source certainly did not keep it.
        """
