"""The flat form of tables: one row for each object, without nested values, with the columns that most analyses need."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from privateshare.protocol.object_time import FHIR
from privateshare.sdk.tables.columns import ORIGIN, TIME, Columns, ObjectInFile, labels_of
from privateshare.sdk.tables.contents import Record
from privateshare.sdk.tables.derived_rows import DerivedRows, KnownKind
from privateshare.sdk.tables.flat_fhir import FHIR_KINDS, fhir_rows
from privateshare.sdk.tables.shapes import json_text

ORIGIN_KINDS: Mapping[str, KnownKind] = {
    "time": "moment",
    "user": "text",
    "account": "text",
    "source": "text",
    "file": "text",
    "updated": "moment",
}
PLAYS = "playhistory"
PLAY_KINDS: Mapping[str, KnownKind] = {
    **ORIGIN_KINDS,
    "id": "text",
    "artist": "text",
    "artists": "text",
    "track": "text",
    "album": "text",
    "ms": "whole",
    "track_id": "text",
    "link": "text",
    "skipped": "flag",
    "shuffle": "flag",
    "offline": "flag",
    "incognito": "flag",
    "reason_start": "text",
    "reason_end": "text",
    "platform": "text",
    "country": "text",
}
Objects = Callable[[], Iterator[ObjectInFile]]
FORM = "flat 1"
"""It changes when the flat form of the same objects would be another one."""


def flattening_of(kind: str, standard: str) -> Callable[[str, Objects, Callable[[], bytes]], DerivedRows]:
    """Return what makes the flat form of a table of these objects."""

    def flatten(name: str, objects: Objects, source: Callable[[], bytes]) -> DerivedRows:
        if standard == FHIR:
            return DerivedRows(f"{name}_flat", objects, _Fhir().rows, source, {**ORIGIN_KINDS, **FHIR_KINDS}, FORM)
        if kind == PLAYS:
            return DerivedRows(f"{name}_flat", objects, _Digime(_play).rows, source, PLAY_KINDS, FORM)
        return DerivedRows(f"{name}_flat", objects, _Digime(_flattened).rows, source, ORIGIN_KINDS, FORM)

    return flatten


class _Digime:
    """Makes rows of objects of schema `digime`."""

    def __init__(self, fields: Callable[[Record], Record]) -> None:
        self._columns, self._fields = Columns("digime"), fields

    def rows(self, row: ObjectInFile) -> Iterator[Record]:
        yield self._columns.origin(row) | self._fields(row.thing)


class _Fhir:
    """Makes rows of FHIR resources."""

    def __init__(self) -> None:
        self._columns = Columns(FHIR)

    def rows(self, row: ObjectInFile) -> Iterator[Record]:
        origin = {name: value for name, value in self._columns.origin(row).items() if name in (TIME, *ORIGIN)}
        for record in fhir_rows(row.thing):
            yield origin | record


def _play(play: Record) -> Record:
    track = _object(play.get("track"))
    artists = [name for artist in _list(track.get("artists")) if (name := _text(_object(artist).get("name")))]
    return {
        "id": _text(play.get("entityid")),
        "artist": artists[0] if artists else None,
        "artists": "; ".join(artists) or None,
        "track": _text(track.get("name")),
        "album": _text(_object(track.get("album")).get("name")),
        "ms": _whole(play.get("msplayed")),
        "track_id": _text(track.get("id")),
        "link": _text(track.get("link")),
        "skipped": _flag(play.get("skipped")),
        "shuffle": _flag(play.get("shuffle")),
        "offline": _flag(play.get("offline")),
        "incognito": _flag(play.get("incognito")),
        "reason_start": _text(play.get("reasonstart")),
        "reason_end": _text(play.get("reasonend")),
        "platform": _text(play.get("platform")),
        "country": _text(play.get("country")),
    }


def _flattened(thing: Record) -> Record:
    """Return an object's fields; those of nested objects with the names of both, and lists as JSON text."""
    fields = dict(_leaves(thing, ""))
    labels = labels_of(fields)
    return {labels[name]: value for name, value in fields.items()}


def _leaves(thing: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in thing.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}_")
        else:
            yield f"{prefix}{name}", json_text(value) if isinstance(value, dict | list) else value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return json_text(value)


def _whole(value: Any) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return value if is_whole else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
