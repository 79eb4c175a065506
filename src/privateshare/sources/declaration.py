"""What a source declares about itself: its `SourceInfo`, and what that consists of."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from privateshare.sources.failures import Broken as Broken
from privateshare.sources.failures import ClientForgotten as ClientForgotten
from privateshare.sources.failures import NeedsLogin as NeedsLogin
from privateshare.sources.failures import SourceFailure as SourceFailure
from privateshare.sources.failures import TryLater as TryLater


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
        ignores_accents: Whether `start` is searched in the text without accents and in lower case. A text that is not
            in Unicode may be of the west or the middle of Europe, and is read as both.
    """

    start: str = ""
    path: str = ""
    is_weak: bool = False
    ignores_accents: bool = False


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
        asks_text: What pages say of this way, in a sentence or two. It is translated too.
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
    asks_text: str = ""
    resumes: bool = False
    limits: Sequence[RequestLimit] = ()
    has_directory: bool = False
    proves_person: bool = True

    def sample_name(self, sample_id: str) -> str:
        """Return the name of a sample data set, in English; its id if the source does not have it any more."""
        return next((sample.name for sample in self.samples if sample.id == sample_id), sample_id)

    @property
    def has_own_data(self) -> bool:
        """Whether a person can connect their own data, and not only samples."""
        return self.signs_in or bool(self.asks) or self.upload is not None
