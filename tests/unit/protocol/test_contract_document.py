"""A contract document decides what an app may read: what cannot be understood in it must not widen that."""

import json
from typing import Any

import pytest

from privateshare.errors import ConfigurationError
from privateshare.protocol.contract_document import AppText, ContractDocument, parse_document


def request(**fields: Any) -> ContractDocument:
    return parse_document({"dataRequest": fields})


def test_a_document_is_passed_on_unchanged() -> None:
    """Fields without a model, their order and their numbers are kept."""
    text = '{"x": {"y": [1.50, null]}, "revision": 7, "dataRequest": {"timeRanges": [{"last": "12m", "z": 1}]}}'
    assert json.dumps(parse_document(json.loads(text)).raw) == json.dumps(json.loads(text))


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ({"timeRanges": [{}]}, "timeRanges"),
        ({"timeRanges": [{"type": "rolling", "lasts": "12m"}]}, "timeRanges"),
        ({"timeRanges": [{"type": "window", "From": 1}]}, "timeRanges"),
        ({"timeRanges": [{"from": "yesterday"}]}, "timeRanges"),
        ({"timeRanges": [None]}, "timeRanges"),
        ({"timeRanges": {"last": "12m"}}, "timeRanges"),
        ({"timeRanges": "all"}, "timeRanges"),
        ({"timeRanges": [{"to": 1_700_000_000_000}]}, "timeRanges"),
        ({"timeRanges": [{"from": 1_600_000_000_000}]}, "timeRanges"),
        ({"serviceGroups": [5]}, "serviceGroups"),
        ({"serviceGroups": [{"id": "medical"}]}, "serviceGroups"),
        ({"serviceGroups": [{"id": 2, "serviceTypes": {"id": 37}}]}, "serviceGroups"),
        ({"serviceGroups": {"id": 2}}, "serviceGroups"),
        ({"criteria": [{"metadata": {"tags": "a"}}]}, "criteria"),
        ({"criteria": {"metadata": {"tags": ["a"]}}}, "criteria"),
    ],
)
def test_fields_that_limit_data_are_parsed_strictly(part: dict[str, Any], names: str) -> None:
    """A time range without valid bounds would allow every date, and a criterion without its metadata every file."""
    with pytest.raises(ConfigurationError, match=f"dataRequest.{names}"):
        request(**part)


@pytest.mark.parametrize("name", ["timeRange", "timeranges", "TimeRanges", "time-ranges", "criterion", "Criteria"])
def test_a_misspelled_limit_is_rejected(name: str) -> None:
    """It would silently limit nothing."""
    with pytest.raises(ConfigurationError, match=f'"{name}" is not known'):
        request(**{name: [{"last": "12m"}]})


def test_bounds_override_the_type_all() -> None:
    """The narrower of the two applies."""
    (both,) = request(timeRanges=[{"type": "all", "last": "12m"}]).reading.time_ranges
    assert not both.is_everything


@pytest.mark.parametrize("wrong", [[], "everything", 1, True])
def test_a_request_that_is_not_an_object_is_rejected(wrong: object) -> None:
    """The message names the field."""
    with pytest.raises(ConfigurationError, match="dataRequest"):
        parse_document({"dataRequest": wrong})


@pytest.mark.parametrize("nothing", [{}, {"dataRequest": None}, {"dataRequest": {"serviceGroups": None}}])
def test_a_document_without_a_request(nothing: dict[str, Any]) -> None:
    """It reads no service group."""
    assert parse_document(nothing).reading.service_groups == []


def test_all_dates() -> None:
    """The type "all" needs no bounds."""
    (everything,) = request(timeRanges=[{"type": "all"}]).reading.time_ranges
    assert everything.is_everything


def test_fields_that_are_only_shown_are_parsed_leniently() -> None:
    """A value of the wrong type counts as absent, and affects no other field."""
    document = parse_document(
        {
            "resources": ["https://example.org"],
            "dataRequest": {
                "purpose": 7,
                "disclaimer": "  Kept for a year. ",
                "consentPolicy": None,
                "dataRetention": {"dataRetained": "yes", "description": ["a"]},
                "gdpr": {"canRequestRightToBeForgotten": True, "description": "Write to us."},
            },
        }
    )
    assert document.resources.home_page == ""
    assert (document.reading.purpose, document.reading.disclaimer) == ("", "Kept for a year.")
    assert document.reading.data_retention.data_retained is None
    assert document.reading.gdpr.can_request_right_to_be_forgotten is True


TRANSLATED = {
    "purpose": "To test",
    "translations": {"nl": {"purpose": "Om te testen"}, "pt-BR": {"purpose": "Para testar"}, "fr": {"disclaimer": "x"}},
}


@pytest.mark.protocol("8.8")
@pytest.mark.parametrize(
    ("own", "language", "expected"),
    [
        ("en", "nl", AppText("Om te testen", "nl")),
        ("en", "nl-BE", AppText("Om te testen", "nl")),
        ("en", "pt-br", AppText("Para testar", "pt-BR")),
        ("en", "en-GB", AppText("To test", "en")),
        ("en", "fr", AppText("To test", "en")),
        ("nl", "nl", AppText("To test", "nl")),
        ("", "de", AppText("To test", "")),
        ("<b>", "de", AppText("To test", "")),
        (7, "de", AppText("To test", "")),
    ],
)
def test_texts_have_translations(own: object, language: str, expected: AppText) -> None:
    """The person's language first, then the document's own; a field without a translation is not empty."""
    document = parse_document({"language": own, "dataRequest": TRANSLATED})
    assert document.text(document.reading, "purpose", language) == expected


@pytest.mark.protocol("8.8")
def test_a_text_that_is_only_translated_is_shown_in_any_language() -> None:
    """What an app says in one language is better than nothing."""
    document = request(translations={"ar": {"purpose": "للاختبار"}})
    assert document.text(document.reading, "purpose", "de") == AppText("للاختبار", "ar")
    assert not document.text(document.reading, "disclaimer", "de")


@pytest.mark.protocol("8.8")
@pytest.mark.parametrize(
    "wrong", [None, 7, "nl", [], {"nl": "Om"}, {"nl": {"purpose": 7}}, {'"><script>': {"purpose": "x"}}]
)
def test_translations_of_another_form_count_as_absent(wrong: object) -> None:
    """Words are never a reason to reject a document."""
    document = request(purpose="To test", translations=wrong)
    assert document.text(document.reading, "purpose", "nl") == AppText("To test", "")


@pytest.mark.protocol("8.8")
def test_a_translation_changes_nothing_but_words() -> None:
    """It cannot ask for more than the document that is enforced."""
    wider = {"nl": {"serviceGroups": [{"id": 2}], "timeRanges": [{"type": "all"}], "neededDays": 0, "purpose": "Om"}}
    document = request(serviceGroups=[{"id": 5}], timeRanges=[{"last": "1d"}], translations=wider)
    assert [group.id for group in document.reading.service_groups] == [5]
    assert [limit.last for limit in document.reading.time_ranges] == ["1d"]
    assert document.reading.needed_days is None
