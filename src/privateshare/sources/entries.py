"""Serialized objects, with the values by which they are merged, sorted and limited."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from struct import Struct
from typing import Any

import orjson

from privateshare.protocol.object_time import FHIR, object_times
from privateshare.protocol.window import Window
from privateshare.sources.contract import JsonObject, ObjectSchema, Page
from privateshare.sources.identity import ObjectProvenance, Origin, Version, fhir_subject, fhir_version
from privateshare.sources.page_building import one_line

DIGEST_BYTES = 8
NO_DATA = b""
LENGTH = Struct(">I")


@dataclass(slots=True)  # There are millions of them, and frozen objects take several times as long to build.
class Entry:
    """An object, serialized as one line, with the values by which it is merged, sorted and limited.

    Attributes:
        entity_id: Its id among the objects of its account and type.
        moment: The time when it happened, in milliseconds since the epoch.
        window: The time window of its dates; None if it has no date.
        data: Its JSON; empty if this entry is a deletion.
        content: A digest that is the same for objects that are equal, regardless of how their JSON is formatted.
        provenance: What distinguishes it from others of the same id; None if a later one with that id replaces it.
        order: Its position among all objects without a provenance.
    """

    entity_id: str
    moment: int | None
    window: Window | None
    data: bytes
    content: int = 0
    provenance: ObjectProvenance | None = None
    order: int = 0

    @property
    def is_deletion(self) -> bool:
        """Whether this entry says that the object was deleted."""
        return self.data == NO_DATA


def entry_of(
    schema: ObjectSchema, thing: JsonObject, text: bytes | None = None, provenance: ObjectProvenance | None = None
) -> Entry:
    """Build the entry of an object.

    Args:
        schema: The object's schema.
        thing: The object.
        text: Its original JSON in one line, if that must be preserved.
        provenance: What distinguishes it from others of the same id.
    """
    data = text if text is not None else one_line(thing)
    moment, window = object_times(schema.standard, thing)
    content = digest(orjson.dumps(thing, option=orjson.OPT_SORT_KEYS) if schema.standard == FHIR else data)
    return Entry(schema.entity_id(thing), moment, window, data, content, provenance)


def page_entries(schema: ObjectSchema, page: Page) -> Iterator[tuple[int, Entry]]:
    """Yield entries for the objects and deletions of a page, with their object types."""
    for thing, text, provenance in zip(
        page.objects, page.texts or repeat(None), page.provenances or repeat(None), strict=False
    ):
        yield page.object_type, entry_of(schema, thing, text, provenance)
    for deletion in page.deletions:
        yield deletion.object_type, Entry(deletion.entity_id, None, None, NO_DATA, provenance=deletion.provenance)


def stored_provenance(schema: ObjectSchema, thing: JsonObject, origin: Origin) -> ObjectProvenance | None:
    """Return the provenance of an object that is already in the library and has this origin."""
    if schema.standard != FHIR:
        return None
    return ObjectProvenance(origin, fhir_version(thing), fhir_subject(thing))


def digest(data: bytes) -> int:
    """Return a 64-bit hash of the data."""
    return int.from_bytes(blake2b(data, digest_size=DIGEST_BYTES).digest(), "big")


def pack_entry(entry: Entry) -> list[Any]:
    """Convert an entry without its data to a JSON value."""
    window, provenance = _pack_window(entry.window), None if entry.provenance is None else _pack(entry.provenance)
    return [entry.entity_id, entry.moment, window, entry.content, provenance, entry.order]


def unpack_entry(packed: Sequence[Any], data: bytes) -> Entry:
    """Convert the result of `pack_entry` back to an entry. Raises TypeError or ValueError if it is invalid."""
    entity_id, moment, window, content, provenance, order = packed
    return Entry(
        entity_id,
        moment,
        _unpack_window(window),
        data,
        content,
        None if provenance is None else _unpack(provenance),
        order,
    )


def pack_entries(entries: Sequence[Entry]) -> list[bytes]:
    """Encode entries as bytes: first a JSON head, then the data of each entry."""
    head = orjson.dumps([[pack_entry(entry), len(entry.data)] for entry in entries])
    return [LENGTH.pack(len(head)), head, *(entry.data for entry in entries)]


def unpack_entries(packed: bytes) -> Iterator[Entry]:
    """Decode the result of `pack_entries`. Raises TypeError or ValueError if it is invalid."""
    (length,) = LENGTH.unpack_from(packed)
    at = LENGTH.size + length
    for about, size in orjson.loads(packed[LENGTH.size : at]):
        yield unpack_entry(about, packed[at : at + size])
        at += size


def _pack(provenance: ObjectProvenance) -> list[Any]:
    origin, version = provenance.origin, provenance.version
    where = [origin.server, origin.folder, origin.file, origin.is_in_history]
    return [where, _pack_window(version.updated), version.number, provenance.subject, provenance.order]


def _unpack(packed: Sequence[Any]) -> ObjectProvenance:
    where, updated, number, subject, order = packed
    return ObjectProvenance(Origin(*where), Version(_unpack_window(updated), number), subject, order)


def _pack_window(window: Window | None) -> list[int | None] | None:
    return None if window is None else [window.start, window.end]


def _unpack_window(packed: Sequence[int | None] | None) -> Window | None:
    return None if packed is None else Window(*packed)
