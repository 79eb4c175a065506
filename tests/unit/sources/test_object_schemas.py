"""Every type of ours has a schema, and every field of a schema has a place in its model."""

from typing import Any

import pytest
from tests.object_schemas import validators

from privateshare.objects import model_of
from privateshare.objects.model import DataObject
from privateshare.protocol.registrations import own_registrations
from privateshare.sources.registry import Sources


def test_every_type_that_a_source_yields_has_a_schema() -> None:
    """FHIR resources have those of FHIR."""
    for source in Sources().connectable.values():
        if source.info.schema.standard == "digime":
            assert set(source.info.object_types) <= validators().keys()


def test_every_folder_says_what_it_is_connected_by_and_leaves_out() -> None:
    """In its `registration.json`, for the table in docs/sources.md."""
    for folder in own_registrations():
        assert folder.connected_by, folder.name
        assert folder.left_out, folder.name


def fields_of(model: type[DataObject]) -> set[str]:
    """The wire's names of a model's fields."""
    return {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize("object_type", sorted(validators()))
def test_every_field_of_a_schema_has_a_place_in_the_model(object_type: int) -> None:
    """So that apps in Python find it."""
    import json

    from tests.object_schemas import FOLDER

    schemas: list[Any] = [json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.schema.json")]
    (schema,) = (schema for schema in schemas if schema["x-object-type"] == object_type)
    assert schema["properties"].keys() <= fields_of(model_of(object_type))
