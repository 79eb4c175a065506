"""A contract document decides what an app may read: what cannot be understood in it must not widen that."""

import json
from typing import Any

import pytest

from privateshare.errors import ConfigurationError
from privateshare.protocol.contract_document import ContractDocument, parse_document


def request(**fields: Any) -> ContractDocument:
    return parse_document({"dataRequest": fields})


def test_a_document_is_passed_on_as_it_was_received() -> None:
    """Fields that are not modelled, their order and their numbers stay."""
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
def test_what_decides_over_data_must_be_understood(part: dict[str, Any], names: str) -> None:
    """A time range without readable bounds would be every date, and a criterion without its metadata every file."""
    with pytest.raises(ConfigurationError, match=f"dataRequest.{names}"):
        request(**part)


@pytest.mark.parametrize("name", ["timeRange", "timeranges", "TimeRanges", "time-ranges", "criterion", "Criteria"])
def test_a_limit_under_another_name_is_refused(name: str) -> None:
    """It would limit nothing, without a word."""
    with pytest.raises(ConfigurationError, match=f'"{name}" is not known'):
        request(**{name: [{"last": "12m"}]})


def test_a_range_of_all_dates_that_has_bounds_is_not_all() -> None:
    """The narrower of the two counts."""
    (both,) = request(timeRanges=[{"type": "all", "last": "12m"}]).reading.time_ranges
    assert not both.is_everything


@pytest.mark.parametrize("wrong", [[], "everything", 1, True])
def test_a_request_that_is_no_object_is_refused(wrong: object) -> None:
    """The message names the field."""
    with pytest.raises(ConfigurationError, match="dataRequest"):
        parse_document({"dataRequest": wrong})


@pytest.mark.parametrize("nothing", [{}, {"dataRequest": None}, {"dataRequest": {"serviceGroups": None}}])
def test_a_document_that_asks_for_nothing(nothing: dict[str, Any]) -> None:
    """It reads no service group."""
    assert parse_document(nothing).reading.service_groups == []


def test_all_dates() -> None:
    """The type "all" needs no bounds."""
    (everything,) = request(timeRanges=[{"type": "all"}]).reading.time_ranges
    assert everything.is_everything


def test_what_is_only_shown_may_be_of_any_type() -> None:
    """A wrong type counts as not said, and takes nothing else with it."""
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
