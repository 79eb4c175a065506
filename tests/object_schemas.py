"""The JSON Schemas of object types, against which every object that a test sees is held."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

FOLDER = Path(__file__).parent.parent / "docs" / "objects"


@cache
def validators() -> dict[int, Any]:
    """The validator of each object type that has a schema."""
    schemas = (json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.schema.json"))
    return {schema["x-object-type"]: jsonschema_rs.validator_for(schema) for schema in schemas}


def check_objects(object_type: int, objects: list[dict[str, Any]]) -> None:
    """Fails if an object is not as its type's schema says."""
    validator = validators().get(object_type)
    if validator is not None:
        for thing in objects:
            validator.validate(thing)
