"""Objects on their way into files: serialised, with what they are merged, sorted and limited by."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import repeat
from struct import Struct
from typing import Any

import orjson

from privateshare.protocol.object_time import FHIR, object_time, object_window
from privateshare.protocol.window import Window
from privateshare.sources.contract import JsonObject, ObjectSchema, Page, one_line
from privateshare.sources.identity import Mark, Origin, Version, fhir_subject, fhir_version

DIGEST_BYTES = 8
NO_DATA = b""
LENGTH = Struct(">I")


@dataclass(frozen=True, slots=True)
class Entry:
    """One object, serialised in one line, with what it is merged, sorted and limited by.

    Attributes:
        entity_id: What it is known by, among those of its account and type.
        moment: When it happened, in milliseconds since the epoch.
        window: The stretch of time that its dates name; None if it has no date.
        data: Its JSON; empty if this says that the object was deleted.
        content: Equal for objects that are the same in every part, however they are written.
        mark: What tells it from others of the same id; None if a later one with that id replaces it.
        order: Which of all that came without a mark it is.
    """

    entity_id: str
    moment: int | None
    window: Window | None
    data: bytes
    content: int = 0
    mark: Mark | None = None
    order: int = 0

    @property
    def is_deletion(self) -> bool:
        """Whether it says that the object was deleted."""
        return self.data == NO_DATA


def entry_of(schema: ObjectSchema, thing: JsonObject, text: bytes | None = None, mark: Mark | None = None) -> Entry:
    """Make an entry of an object.

    Args:
        schema: What the object follows.
        thing: The object.
        text: Its JSON in one line, if it is to stay as it was written.
        mark: What tells it from others of the same id.
    """
    data = text if text is not None else one_line(thing)
    moment, window = object_time(schema.standard, thing), object_window(schema.standard, thing)
    content = digest(orjson.dumps(thing, option=orjson.OPT_SORT_KEYS) if schema.standard == FHIR else data)
    return Entry(schema.entity_id(thing), moment, window, data, content, mark)


def page_entries(schema: ObjectSchema, page: Page) -> Iterator[tuple[int, Entry]]:
    """Make entries of the objects and deletions of a page, with their object types."""
    for thing, text, mark in zip(page.objects, page.texts or repeat(None), page.marks or repeat(None), strict=False):
        yield page.object_type, entry_of(schema, thing, text, mark)
    for deletion in page.deletions:
        yield deletion.object_type, Entry(deletion.entity_id, None, None, NO_DATA, mark=deletion.mark)


def kept_mark(schema: ObjectSchema, thing: JsonObject, origin: Origin) -> Mark | None:
    """Return the mark of an object that is in a library already, which came from there."""
    if schema.standard != FHIR:
        return None
    return Mark(origin, fhir_version(thing), fhir_subject(thing))


def digest(data: bytes) -> int:
    """Return a number that only equal bytes have."""
    return int.from_bytes(blake2b(data, digest_size=DIGEST_BYTES).digest(), "big")


def pack_entry(entry: Entry) -> list[Any]:
    """Return everything of an entry but its data, as what JSON can hold."""
    window, mark = _pack_window(entry.window), None if entry.mark is None else _pack(entry.mark)
    return [entry.entity_id, entry.moment, window, entry.content, mark, entry.order]


def unpack_entry(packed: Sequence[Any], data: bytes) -> Entry:
    """Make the entry that `pack_entry` made this of. Raises TypeError or ValueError if that is not so."""
    entity_id, moment, window, content, mark, order = packed
    return Entry(
        entity_id, moment, _unpack_window(window), data, content, None if mark is None else _unpack(mark), order
    )


def in_order(entry: Entry, order: int) -> Entry:
    """Return an entry with its place among all that came. Much faster than `dataclasses.replace`."""
    return Entry(
        entry.entity_id, entry.moment, entry.window, entry.data, entry.content, entry.mark, order
    )  # fmt: skip


def pack_entries(entries: Sequence[Entry]) -> list[bytes]:
    """Return entries as bytes: what JSON can hold first, then their data, one after the other."""
    head = orjson.dumps([[pack_entry(entry), len(entry.data)] for entry in entries])
    return [LENGTH.pack(len(head)), head, *(entry.data for entry in entries)]


def unpack_entries(packed: bytes) -> Iterator[Entry]:
    """Make the entries that `pack_entries` made this of. Raises TypeError or ValueError if that is not so."""
    (length,) = LENGTH.unpack_from(packed)
    at = LENGTH.size + length
    for about, size in orjson.loads(packed[LENGTH.size : at]):
        yield unpack_entry(about, packed[at : at + size])
        at += size


def _pack(mark: Mark) -> list[Any]:
    origin, version = mark.origin, mark.version
    where = [origin.server, origin.folder, origin.file, origin.is_version]
    return [where, _pack_window(version.updated), version.number, mark.subject, mark.order]


def _unpack(packed: Sequence[Any]) -> Mark:
    where, updated, number, subject, order = packed
    return Mark(Origin(*where), Version(_unpack_window(updated), number), subject, order)


def _pack_window(window: Window | None) -> list[int | None] | None:
    return None if window is None else [window.start, window.end]


def _unpack_window(packed: Sequence[int | None] | None) -> Window | None:
    return None if packed is None else Window(*packed)
