"""What the folder of each source registers: `registration.json`, which is read without importing the source.

    {
     "ids": [9007],
     "serviceTypes": [{"id": 9007, "name": "Netflix", "reference": "netflix", "group": 5}],
     "sources": [{"id": 9007, "name": "Netflix", "reference": "netflix", "serviceType": 9007, "groups": [5]}]
    }

`ids` are the sources that the folder's module `source` has in `SOURCES`. The others are its entries in the catalogue,
for sources, services and object types that digi.me has no id for. `connectedBy` and `leftOut` are texts for the table
in docs/sources.md.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from privateshare.protocol.display_names import is_display_name

FILE_NAME = "registration.json"
SOURCES_PACKAGE = "privateshare.sources"
FIELDS = frozenset({"ids", "serviceTypes", "objectTypes", "sources", "connectedBy", "leftOut"})
OPTIONAL_FIELDS: Mapping[str, Sequence[str]] = {
    "serviceTypes": (),
    "objectTypes": (),
    "sources": ("countries", "types", "platforms"),
}
REFERENCE = re.compile(r"[a-z][a-z0-9]{1,49}")

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration of one folder.

    Attributes:
        name: The name of the folder, such as `netflix`, or of an installed package's entry point.
        package: The Python package that it is, such as `privateshare.sources.netflix`.
        ids: The sources that can be connected.
        service_types: Entries of the catalogue.
        object_types: Entries of the catalogue.
        sources: Entries of the catalogue.
        connected_by: What people connect it by, for the documents, such as "export of the app".
        left_out: What is not read, for the documents.
    """

    name: str
    package: str
    ids: Sequence[int]
    service_types: Sequence[Entry] = ()
    object_types: Sequence[Entry] = ()
    sources: Sequence[Entry] = ()
    connected_by: str = ""
    left_out: str = ""


@cache
def own_registrations() -> Sequence[Registration]:
    """Read the registrations of this version's sources, in the order of their folders."""
    folders = sorted(files(SOURCES_PACKAGE).iterdir(), key=lambda folder: folder.name)
    found = ((folder.name, folder.joinpath(FILE_NAME)) for folder in folders if folder.is_dir())
    return [
        read_registration(name, f"{SOURCES_PACKAGE}.{name}", file.read_text("utf-8"))
        for name, file in found
        if file.is_file()
    ]


def read_registration(name: str, package: str, text: str) -> Registration:
    """Parse a registration.

    Raises:
        ValueError: It is not as it should be; the text says what is wrong.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{FILE_NAME} is not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{FILE_NAME} must be an object")
    unknown = raw.keys() - FIELDS
    if unknown:
        raise ValueError(f"{FILE_NAME} has unknown fields: {', '.join(sorted(unknown))}")
    ids = raw.get("ids")
    if not isinstance(ids, list) or not all(type(id_) is int for id_ in ids):
        raise ValueError(f"{FILE_NAME}: ids must be a list of numbers")
    return Registration(
        name=name,
        package=package,
        ids=tuple(ids),
        service_types=_entries(raw, "serviceTypes", ("id", "name", "reference", "group")),
        object_types=_entries(raw, "objectTypes", ("id", "name", "reference", "group")),
        sources=_entries(raw, "sources", ("id", "name", "reference", "serviceType", "groups")),
        connected_by=str(raw.get("connectedBy", "")),
        left_out=str(raw.get("leftOut", "")),
    )


def _entries(raw: Mapping[str, Any], kind: str, fields: Sequence[str]) -> Sequence[Entry]:
    entries = raw.get(kind, [])
    if not isinstance(entries, list):
        raise ValueError(f"{FILE_NAME}: {kind} must be a list")
    for entry in entries:
        if not isinstance(entry, dict) or not entry.keys() >= set(fields):
            raise ValueError(f"{FILE_NAME}: each of {kind} must have {', '.join(fields)}")
        if entry.keys() - {*fields, *OPTIONAL_FIELDS[kind]}:
            raise ValueError(f"{FILE_NAME}: {kind} may only have {', '.join((*fields, *OPTIONAL_FIELDS[kind]))}")
        for field in fields:
            if not _is_valid(field, entry[field]):
                raise ValueError(f"{FILE_NAME}: {field} of {kind} is invalid")
    return entries


def _is_valid(field: str, value: Any) -> bool:
    if field == "groups":
        return isinstance(value, list) and bool(value) and all(type(group) is int for group in value)
    if field == "name":
        return isinstance(value, str) and is_display_name(value)
    if field == "reference":
        return isinstance(value, str) and REFERENCE.fullmatch(value) is not None
    return type(value) is int and value > 0
