"""What the folder of each source registers: `registration.json`, which is read without importing the source.

    {
     "ids": [9007],
     "serviceTypes": [{"id": 9007, "name": "Netflix", "reference": "netflix", "group": 5}],
     "sources": [{"id": 9007, "name": "Netflix", "reference": "netflix", "serviceType": 9007, "groups": [5]}]
    }

`ids` are the sources that the folder's module `source` has in `SOURCES`. The others are its entries in the catalogue,
for sources, services and object types that digi.me has no id for.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

FILE_NAME = "registration.json"
SOURCES_PACKAGE = "privateshare.sources"

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Registration:
    """The registration of one folder.

    Attributes:
        package: The package that the folder is, such as `privateshare.sources.netflix`.
        ids: The sources that can be connected.
        service_types: Entries of the catalogue.
        object_types: Entries of the catalogue.
        sources: Entries of the catalogue.
    """

    package: str
    ids: Sequence[int]
    service_types: Sequence[Entry] = ()
    object_types: Sequence[Entry] = ()
    sources: Sequence[Entry] = ()


@cache
def registrations() -> Sequence[Registration]:
    """Read the registrations of this version's sources, in the order of their folders."""
    folders = sorted(files(SOURCES_PACKAGE).iterdir(), key=lambda folder: folder.name)
    found = ((folder.name, folder.joinpath(FILE_NAME)) for folder in folders if folder.is_dir())
    return [
        read_registration(f"{SOURCES_PACKAGE}.{name}", file.read_text("utf-8"))
        for name, file in found
        if file.is_file()
    ]


def read_registration(package: str, text: str) -> Registration:
    """Parse a registration. Raises ValueError, TypeError or KeyError if it is not as it should be."""
    raw = json.loads(text)
    return Registration(
        package=package,
        ids=tuple(raw["ids"]),
        service_types=raw.get("serviceTypes", ()),
        object_types=raw.get("objectTypes", ()),
        sources=raw.get("sources", ()),
    )
