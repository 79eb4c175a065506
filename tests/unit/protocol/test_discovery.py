"""What the catalogue's records make of an answer. Protocol 9.2, 9.3."""

import pytest
from pydantic import ValidationError

from privateshare import SourcesPage
from privateshare.protocol.discovery import CountryRecord, SourceRecord

SOURCE = {
    "id": 7,
    "name": "Clinic",
    "service": {"id": 37, "name": "MedMij", "publishedStatus": "approved"},
    "category": [{"id": 2, "name": "Medical", "subTitle": "Your records"}],
    "json": {"authorisation": {"type": "saas"}},
    "medicalCenter": "Oost",
}


@pytest.mark.protocol("9.2")
def test_missing_fields_are_none_or_empty() -> None:
    """A projected record has only the requested fields."""
    record = SourceRecord.model_validate({"id": 7})
    assert (record.id, record.name, record.service, record.category) == (7, None, None, [])


def test_unknown_fields_are_in_raw() -> None:
    """Unchanged, including nested ones."""
    page = SourcesPage.model_validate({"data": [SOURCE], "limit": 20, "offset": 0, "total": 1})
    source = page.data[0]
    assert source.raw == SOURCE
    assert source.service is not None
    assert (source.service.published_status, source.json_) == ("approved", {"authorisation": {"type": "saas"}})
    assert [category.sub_title for category in source.category] == ["Your records"]


@pytest.mark.protocol("9.2")
def test_a_field_of_a_wrong_type_affects_no_other() -> None:
    """It counts as absent, and is unchanged in raw."""
    record = SourceRecord.model_validate(SOURCE | {"alias": "clinic", "country": 3})
    assert (record.name, record.alias, record.country) == ("Clinic", [], [])
    assert record.raw["alias"] == "clinic"


def test_records_are_immutable() -> None:
    """They are values."""
    with pytest.raises(ValidationError, match="frozen"):
        CountryRecord(code="nl").code = "uk"
