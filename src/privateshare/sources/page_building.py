"""Grouping the objects of a source into pages, for sources that do not have pages themselves."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import cast

import orjson

from privateshare.sources.contract import PAGE_BYTES, PAGE_OBJECTS, Identity, JsonObject, OwnedPages, Page
from privateshare.sources.identity import Deletion, ObjectProvenance


@dataclass(slots=True)
class Written:
    """An object of a page, with its optional original text and provenance."""

    object_type: int
    thing: JsonObject
    text: bytes | None = None
    provenance: ObjectProvenance | None = None


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


Mapped = tuple[int, JsonObject] | Written | Deletion
"""An object with its type, or the deletion of one."""

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
