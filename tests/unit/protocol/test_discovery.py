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
def test_what_an_answer_leaves_out_is_none_or_empty() -> None:
    """A projected record has what was asked for."""
    record = SourceRecord.model_validate({"id": 7})
    assert (record.id, record.name, record.service, record.category) == (7, None, None, [])


def test_what_no_model_knows_is_in_raw() -> None:
    """As it came, also of what is inside."""
    page = SourcesPage.model_validate({"data": [SOURCE], "limit": 20, "offset": 0, "total": 1})
    source = page.data[0]
    assert source.raw == SOURCE
    assert source.service is not None
    assert (source.service.published_status, source.json_) == ("approved", {"authorisation": {"type": "saas"}})
    assert [category.sub_title for category in source.category] == ["Your records"]


@pytest.mark.protocol("9.2")
def test_a_field_of_another_kind_spoils_nothing_else() -> None:
    """It counts as absent, and is as it came in raw."""
    record = SourceRecord.model_validate(SOURCE | {"alias": "clinic", "country": 3})
    assert (record.name, record.alias, record.country) == ("Clinic", [], [])
    assert record.raw["alias"] == "clinic"


def test_records_do_not_change() -> None:
    """They are values."""
    with pytest.raises(ValidationError, match="frozen"):
        CountryRecord(code="nl").code = "uk"
