"""The JSON Schemas of object types: those of this project, and those of installed packages."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

import privateshare
from privateshare.protocol.catalogue import registrations
from privateshare.sources.contract import JsonObject
from privateshare.sources.installed import read_schema

SCHEMAS = "*.schema.json"
OBJECT_TYPE = "x-object-type"
MAX_FAULT_CHARACTERS = 300
MASK = "its value"  # Values may be private.


def schema_folder() -> Path:
    """Return the folder of this project's schemas: in the installed package, or in a checkout beside the documents."""
    package = Path(privateshare.__path__[0]) / "objects"
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parents[2] / "docs" / "objects"


def object_schemas() -> Mapping[int, JsonObject]:
    """Return the schema of each object type that has one."""
    own = [json.loads(path.read_text("utf-8")) for path in sorted(schema_folder().glob(SCHEMAS))]
    of_packages = [read_schema(folder, entry) for folder in registrations() for entry in folder.object_types]
    return {schema[OBJECT_TYPE]: schema for schema in (*own, *of_packages)}


@cache
def _validators() -> Mapping[int, Any]:
    return {id_: jsonschema_rs.validator_for(schema, mask=MASK) for id_, schema in object_schemas().items()}


def schema_fault(object_type: int, thing: JsonObject) -> str:
    """Say how an object differs from its type's schema; an empty text if it does not, or the type has none.

    The text names the field and what is wrong, and shows no value.
    """
    validator = _validators().get(object_type)
    error = next(iter(validator.iter_errors(thing)), None) if validator is not None else None
    if error is None:
        return ""
    place = ".".join(str(part) for part in error.instance_path)
    return f"{place or 'an object'}: {error.message}"[:MAX_FAULT_CHARACTERS]
