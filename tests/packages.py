"""Packages of sources as other people ship them, written into a folder that tests put on the path of modules."""

import json
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

REGISTRATION: Mapping[str, Any] = {
    "ids": [20001],
    "serviceTypes": [{"id": 20001, "name": "Pedometer", "reference": "pedometer", "group": 4}],
    "objectTypes": [{"id": 20002, "name": "Stroll", "reference": "stroll", "group": 4}],
    "sources": [{"id": 20001, "name": "Pedometer", "reference": "pedometer", "serviceType": 20001, "groups": [4]}],
}
SCHEMA: Mapping[str, Any] = {"title": "stroll", "x-object-type": 20002, "type": "object", "required": ["entityid"]}
SOURCE = """
from privateshare.sources.contract import Identity, ObjectSchema, Sample, SourceInfo
from privateshare.sources.page_building import pages


class Pedometer:
    def __init__(self, goal=0):
        self.goal = goal

    info = SourceInfo(
        id=20001,
        service_type=20001,
        service_group=4,
        object_types=(20002,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A walker", "Some steps of an invented person."),),
    )

    def identify(self, connection):
        return Identity("walker", "My pedometer")

    def fetch(self, connection, cursors):
        stroll = {"entityid": "20001_walker_1", "accountentityid": "20001_walker", "createddate": 1_780_000_000_000}
        return pages((20002, stroll) for _ in range(20002 in cursors))


def configured(settings):
    return [Pedometer(settings.goal)]


SOURCES = (Pedometer(),)
"""
CONFIGURATION = """
from privateshare.sources.configuration import ClientSettings


class Settings(ClientSettings):
    goal: int = 8000
"""


def write_package(
    folder: Path,
    name: str = "pedometer",
    *,
    registration: Mapping[str, Any] | str = REGISTRATION,
    source: str = SOURCE,
    schema: Mapping[str, Any] | str = SCHEMA,
) -> EntryPoint:
    """Write a package with one source into a folder, as if it were installed there, and return its entry point."""
    package = folder / f"{name}_package"
    (package / "objects").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "registration.json").write_text(
        registration if isinstance(registration, str) else json.dumps(registration)
    )
    (package / "source.py").write_text(source)
    (package / "configuration.py").write_text(CONFIGURATION)
    (package / "objects" / "stroll.schema.json").write_text(schema if isinstance(schema, str) else json.dumps(schema))
    distribution = folder / f"{name}-1.2.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    entry = EntryPoint(name, package.name, "privateshare.sources")
    (distribution / "entry_points.txt").write_text(f"[{entry.group}]\n{entry.name} = {entry.value}\n")
    return entry
