"""What a source yields: pages of objects, and types of objects that it could not fetch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from privateshare.sources.failures import Broken as Broken
from privateshare.sources.failures import ClientForgotten as ClientForgotten
from privateshare.sources.failures import NeedsLogin as NeedsLogin
from privateshare.sources.failures import SourceFailure as SourceFailure
from privateshare.sources.failures import TryLater as TryLater
from privateshare.sources.identity import Deletion, ObjectProvenance

JsonObject = dict[str, Any]

PAGE_OBJECTS = 1000
PAGE_BYTES = 8 * 1024 * 1024  # The size as JSON. Single objects with attachments can have megabytes.


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
