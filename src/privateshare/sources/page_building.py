"""Grouping the objects of a source into pages, for sources that do not have pages themselves."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast, overload

import orjson

from privateshare.sources.contract import (
    PAGE_BYTES,
    PAGE_OBJECTS,
    EncodedObjects,
    Identity,
    JsonObject,
    OwnedPages,
    Page,
)
from privateshare.sources.identity import Deletion, ObjectProvenance


@dataclass(slots=True)
class Written:
    """An object of a page, with its optional original text and provenance."""

    object_type: int
    thing: JsonObject
    text: bytes | None = None
    provenance: ObjectProvenance | None = None


class ParsedLater(Sequence[JsonObject]):
    """Encoded objects, each of which is parsed when it is asked for."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> JsonObject: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[JsonObject]: ...

    def __getitem__(self, index: int | slice) -> JsonObject | Sequence[JsonObject]:
        if isinstance(index, slice):
            return ParsedLater(self._lines[index])
        thing: JsonObject = orjson.loads(self._lines[index])
        return thing


def pages(objects: "Iterable[Mapped]") -> Iterator[Page]:
    """Group objects into pages, for sources that do not have pages themselves.

    At most PAGE_OBJECTS objects and about PAGE_BYTES are held in memory, for all object types together.
    """
    waiting: dict[int, _WaitingPage] = {}
    deletions: list[Deletion] = []
    count = size = 0
    for one in objects:
        if isinstance(one, Deletion):
            deletions.append(one)
            if len(deletions) == PAGE_OBJECTS:
                yield Page(one.object_type, (), deletions=deletions)
                deletions = []
            continue
        if isinstance(one, EncodedObjects):
            if one.object_type in waiting:  # The later of two objects with one id replaces the other.
                earlier = waiting.pop(one.object_type)
                count, size = count - len(earlier.objects), size - earlier.size
                yield earlier.page()
            yield from _encoded_pages(one)
            continue
        if isinstance(one, tuple):
            one = Written(*one)
        page = waiting.get(one.object_type)
        if page is None:
            page = waiting[one.object_type] = _WaitingPage(one.object_type)
        added = page.add(one)
        count, size = count + 1, size + added
        if count == PAGE_OBJECTS or size >= PAGE_BYTES:
            largest = max(waiting.values(), key=lambda page: page.size)
            del waiting[largest.object_type]
            count, size = count - len(largest.objects), size - largest.size
            yield largest.page()
    yield from (page.page() for page in waiting.values())
    if deletions:
        yield Page(deletions[0].object_type, (), deletions=deletions)


def _encoded_pages(one: EncodedObjects) -> Iterator[Page]:
    for start in range(0, len(one.lines), PAGE_OBJECTS):
        part = slice(start, start + PAGE_OBJECTS)
        encoded = EncodedObjects(one.object_type, one.ids[part], one.moments[part], one.lines[part])
        yield Page(one.object_type, ParsedLater(encoded.lines), texts=encoded.lines, encoded=encoded)


Mapped = tuple[int, JsonObject] | Written | EncodedObjects | Deletion
"""An object with its type, several that the source encoded, or the deletion of one."""

OwnedObjects = Generator[Mapped, None, Identity]
"""A reading of an export that yields all objects, and at its end returns whose export it is."""


def owned_pages(objects: OwnedObjects) -> OwnedPages:
    """Group the objects of an export into pages, and return whose export it is."""
    owner: list[Identity] = []

    def until_owner() -> Iterator[Mapped]:
        owner.append((yield from objects))

    yield from pages(until_owner())
    return owner[0]


def owner_at_end(reading: OwnedObjects) -> Identity:
    """Read an export to its end, and return whose it is."""
    try:
        while True:
            next(reading)
    except StopIteration as end:
        return cast(Identity, end.value)


@dataclass(slots=True)
class _WaitingPage:
    """A page that is not full yet."""

    object_type: int
    objects: list[JsonObject] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    provenances: list[ObjectProvenance | None] = field(default_factory=list)
    size: int = 0

    def add(self, one: Written) -> int:
        """Add an object, and return its size as JSON."""
        text = one.text if one.text is not None else one_line(one.thing)
        self.objects.append(one.thing)
        self.texts.append(text)
        self.provenances.append(one.provenance)
        self.size += len(text)
        return len(text)

    def page(self) -> Page:
        """Return it as it is."""
        has_provenances = any(provenance is not None for provenance in self.provenances)
        provenances = self.provenances if has_provenances else None
        return Page(self.object_type, self.objects, texts=self.texts, provenances=provenances)


def one_line(thing: JsonObject) -> bytes:
    """Encode an object as JSON in one line."""
    # The copy saves memory: the result of orjson occupies at least 4 KiB, even if it is short.
    return bytes(memoryview(orjson.dumps(thing)))
