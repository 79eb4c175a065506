"""Serialized objects, with the values by which they are merged, sorted and limited."""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import repeat
from struct import Struct, error
from typing import Any

import msgspec
import orjson

from privateshare.protocol.object_time import FHIR, object_times
from privateshare.protocol.window import Window
from privateshare.sources.contract import EncodedObjects, JsonObject, ObjectSchema, Page
from privateshare.sources.identity import ObjectProvenance, Origin, Version, fhir_subject, fhir_version
from privateshare.sources.page_building import one_line

DIGEST_BYTES = 8
NO_DATA = b""
LENGTH = Struct(">I")
# A number of which parsing would lose something: zeros at its end, digits, or how its exponent is written.
_EXACT_NUMBER = re.compile(rb"(?<=[:,\[\s])-?(?:\d+\.\d*0|\d+(?:\.\d+)?[eE][+-]?\d+|\d+\.\d{15,}|\d{16,})(?=[,\]}\s])")
NUMBERS, TEXTS, NUMBERS_OR_NOTHING = {int}, {str}, {int, type(None)}

Dates = tuple[int | None, int | None]


class Entry(msgspec.Struct, gc=False):  # There are millions of them, and none is part of a cycle.
    """An object, serialized as one line, with the values by which it is merged, sorted and limited.

    Attributes:
        entity_id: Its id among the objects of its account and type.
        moment: The time when it happened, in milliseconds since the epoch.
        dates: The start and the end of the time window of its dates; None if it has no date.
        data: Its JSON; empty if this entry is a deletion.
        content: A digest that is the same for objects that are equal, regardless of how their JSON is formatted. Only
            digests that were computed by one process can be compared.
        provenance: What distinguishes it from others of the same id; None if a later one with that id replaces it.
        order: Its position among all objects without a provenance.
    """

    entity_id: str
    moment: int | None
    dates: Dates | None
    data: bytes
    content: int = 0
    provenance: ObjectProvenance | None = None
    order: int = 0

    @property
    def is_deletion(self) -> bool:
        """Whether this entry says that the object was deleted."""
        return self.data == NO_DATA

    @property
    def window(self) -> Window | None:
        """The time window of its dates; None if it has no date."""
        return None if self.dates is None else Window(*self.dates)


class OwnerChange(msgspec.Struct, frozen=True):
    """Another name for the owner of objects, in ids that are or begin with it, and nowhere in what people wrote."""

    old: str
    new: str

    def of_ids(self, ids: Sequence[str], lines: Sequence[bytes]) -> list[str]:
        """Return the ids of objects with the new name. Those of deletions, which have no data, stay."""
        start, at = f"{self.old}_", len(self.old)
        return [
            self.new + own[at:] if line and own.startswith(start) else own for own, line in zip(ids, lines, strict=True)
        ]

    def of_data(self, data: bytes) -> bytes:
        """Return the JSON of objects with the new name."""
        old, new = (b'"' + orjson.dumps(name)[1:-1] for name in (self.old, self.new))
        for end in (b'"', b"_"):
            data = data.replace(old + end, new + end)
        return data


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
    dates = None if window is None else (window.start, window.end)
    is_fhir = schema.standard == FHIR
    content = digest(_canonical(thing, data)) if is_fhir else hash(data)
    return Entry(schema.entity_id(thing), moment, dates, data, content, provenance)


def _canonical(thing: JsonObject, text: bytes) -> bytes:
    """Return JSON that is the same for equal resources. Numbers need the same digits: 1.5 is not 1.50."""
    return b" ".join([orjson.dumps(thing, option=orjson.OPT_SORT_KEYS), *sorted(_EXACT_NUMBER.findall(text))])


def page_entries(schema: ObjectSchema, page: Page) -> Iterator[tuple[int, Entry]]:
    """Yield entries for the objects and deletions of a page, with their object types."""
    if (encoded := page.encoded) is not None:
        for own, moment, line in zip(encoded.ids, encoded.moments, encoded.lines, strict=True):
            yield page.object_type, Entry(own, moment, (moment, moment), line, hash(line))
        return
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
    """Return a 64-bit hash of the data, which is the same in all processes."""
    return int.from_bytes(blake2b(data, digest_size=DIGEST_BYTES).digest(), "big")


def pack_entries(entries: Sequence[Entry], *, with_contents: bool = True) -> list[bytes]:
    """Encode entries as bytes: first their values as JSON, in columns, and then a line for the data of each.

    Args:
        entries: The entries.
        with_contents: Whether to keep `content`. Otherwise it is computed from the data when the entries are decoded,
            which is only right for objects of schema `digime`.
    """
    moments, dates = [entry.moment for entry in entries], [entry.dates for entry in entries]
    provenances, orders = [entry.provenance for entry in entries], [entry.order for entry in entries]
    has_provenances = any(provenance is not None for provenance in provenances)
    return _packed(
        [entry.entity_id for entry in entries],
        moments,
        None if dates == list(zip(moments, moments, strict=True)) else dates,  # Most objects have one date only.
        [entry.content for entry in entries] if with_contents else None,
        [None if provenance is None else _pack(provenance) for provenance in provenances] if has_provenances else None,
        orders if any(orders) else None,
        lines=[entry.data for entry in entries],
    )


def pack_encoded(encoded: EncodedObjects) -> list[bytes]:
    """Encode objects as `pack_entries` encodes their entries, without the digests of their contents."""
    return _packed(encoded.ids, encoded.moments, None, None, None, None, lines=encoded.lines)


def _packed(*columns: Sequence[Any] | None, lines: Sequence[bytes]) -> list[bytes]:
    head = orjson.dumps(columns)
    return [LENGTH.pack(len(head)), head, b"\n".join(lines)]


def unpack_entries(packed: bytes, change: OwnerChange | None = None) -> list[Entry]:
    """Decode the result of `pack_entries`.

    Raises:
        ValueError, TypeError: It is invalid.
    """
    try:
        (length,) = LENGTH.unpack_from(packed)
    except error as too_short:
        raise ValueError("there is no head") from too_short
    at = LENGTH.size + length
    ids, moments, dates, contents, provenances, orders = orjson.loads(packed[LENGTH.size : at])
    data = packed[at:] if change is None else change.of_data(packed[at:])
    lines = data.split(b"\n") if ids else []
    ids = ids if change is None else change.of_ids(ids, lines)
    dates = list(zip(moments, moments, strict=True)) if dates is None else [_dates_of(one) for one in dates]
    contents = list(map(hash, lines)) if contents is None else contents
    marks = (
        repeat(None, len(ids))
        if provenances is None
        else [None if one is None else _unpack(one) for one in provenances]
    )
    orders = [0] * len(ids) if orders is None else orders
    _check_columns(ids, moments, contents, orders)
    return [Entry(*values) for values in zip(ids, moments, dates, lines, contents, marks, orders, strict=True)]


def _check_columns(ids: Sequence[Any], moments: Sequence[Any], contents: Sequence[Any], orders: Sequence[Any]) -> None:
    """Raise ValueError unless all values have the right types."""
    is_right = set(map(type, ids)) <= TEXTS and set(map(type, moments)) <= NUMBERS_OR_NOTHING
    if not is_right or {*map(type, contents), *map(type, orders)} - NUMBERS:
        raise ValueError("a value has another type than it must have")


def _dates_of(packed: Any) -> Dates | None:
    if packed is None:
        return None
    start, end = packed
    if {type(start), type(end)} - NUMBERS_OR_NOTHING:
        raise ValueError("a date has another type than it must have")
    return start, end


def _pack(provenance: ObjectProvenance) -> list[Any]:
    origin, version = provenance.origin, provenance.version
    where = [origin.server, origin.folder, origin.file, origin.is_in_history]
    return [where, _pack_window(version.updated), version.number, provenance.subject, provenance.order]


def _unpack(packed: Sequence[Any]) -> ObjectProvenance:
    (server, folder, file, is_in_history), updated, number, subject, order = packed
    dates = updated or (None, None)
    if {*map(type, (server, folder, file, subject))} != TEXTS or type(order) is not int:
        raise ValueError("a provenance has another form than it must have")
    if {*map(type, (number, *dates))} - NUMBERS_OR_NOTHING:
        raise ValueError("a version has another form than it must have")
    origin = Origin(server, folder, file, is_in_history is True)
    return ObjectProvenance(origin, Version(_unpack_window(updated), number), subject, order)


def _pack_window(window: Window | None) -> list[int | None] | None:
    return None if window is None else [window.start, window.end]


def _unpack_window(packed: Sequence[int | None] | None) -> Window | None:
    return None if packed is None else Window(*packed)
