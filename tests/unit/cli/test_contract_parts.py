"""The words of `--read`, `--last`, `--from` and `--to`, as a contract document has them."""

from datetime import UTC, datetime

import pytest

from privateshare.cli.contract_parts import (
    add_reasons,
    data_request,
    merged,
    reading_terms,
    service_group,
    time_ranges,
)
from privateshare.errors import ConfigurationError
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.contract_document import parse_document
from privateshare.protocol.scope import ObjectKind, reach_of_contract

SPOTIFY, FHIR_FILE = 19, 9001


@pytest.mark.parametrize("words", ["5", "entertainment", "Entertainment"])
def test_whole_group(words: str) -> None:
    """A group by id or name is the whole group."""
    assert service_group(words) == {"id": 5}


@pytest.mark.parametrize("words", ["healthandfitness", "Health & Fitness", "4"])
def test_names_as_people_write_them(words: str) -> None:
    """Capitals, blanks and signs in a name do not matter."""
    assert service_group(words) == {"id": 4}


@pytest.mark.parametrize("words", ["medical:127,128", "2:allergyintolerance,Condition"])
def test_object_types_of_every_service(words: str) -> None:
    """Object types without a service are asked from every service of the group, and nothing else is."""
    reach = reach_of_contract(
        parse_document({"dataRequest": {"serviceGroups": [service_group(words)]}}), datetime.now(UTC)
    )
    assert reach.allows_kind(ObjectKind(2, FHIR_FILE, 127))
    assert reach.allows_kind(ObjectKind(2, FHIR_FILE, 128))
    assert not reach.allows_kind(ObjectKind(2, FHIR_FILE, 129))
    assert not reach.allows_kind(ObjectKind(5, SPOTIFY, 406))


def test_object_type_of_one_service() -> None:
    """A service and an object type are asked together."""
    assert service_group("entertainment/spotify:playhistory") == {
        "id": 5,
        "serviceTypes": [{"id": SPOTIFY, "serviceObjectTypes": [{"id": 406}]}],
    }


def test_service_of_another_group() -> None:
    """A service of another group is refused, with those of this one."""
    with pytest.raises(ConfigurationError, match=r"there is no service type 'spotify'; choose one of .*fhirfile"):
        service_group("medical/spotify")


@pytest.mark.parametrize("words", ["", ":127", "medical:", "medical:127:128", "medical/", "5:406,"])
def test_broken_words(words: str) -> None:
    """Words of another form are refused."""
    with pytest.raises(ConfigurationError):
        service_group(words)


def test_time_ranges() -> None:
    """No dates are all dates; dates are seconds since the epoch; a period is kept as it is."""
    assert time_ranges(None, None, None) == [{"type": "all"}]
    assert time_ranges("12m", None, None) == [{"last": "12m"}]
    assert time_ranges(None, datetime(1970, 1, 2), None) == [{"from": 86400}]
    assert time_ranges(None, datetime(1970, 1, 2), datetime(1970, 1, 3)) == [{"from": 86400, "to": 172800}]


@pytest.mark.parametrize(
    ("last", "since", "until"),
    [("12", None, None), ("1m", datetime(2020, 1, 1), None), (None, datetime(2020, 1, 2), datetime(2020, 1, 1))],
)
def test_wrong_time_ranges(last: str | None, since: datetime | None, until: datetime | None) -> None:
    """Dates that make no sense are refused."""
    with pytest.raises(ConfigurationError):
        time_ranges(last, since, until)


def test_options_describe_what_the_app_does_with_the_data() -> None:
    """Each question of the consent page has an answer, or none. Further texts of the document are kept."""
    assert reading_terms(None, None, None, None, None) == {}
    said = reading_terms(False, True, None, True, None)
    assert said == {
        "dataRetention": {"dataRetained": False},
        "externalSharePolicy": {"sharedExternally": True},
        "gdpr": {"canRequestRightToBeForgotten": True},
    }
    document = {"dataRetention": {"description": "For a day"}, "gdpr": None, "disclaimer": "None"}
    assert merged(document, said) == {
        **said,
        "dataRetention": {"description": "For a day", "dataRetained": False},
        "disclaimer": "None",
    }


def test_data_request() -> None:
    """The purpose, the data and the dates make the request that a person reads."""
    assert data_request(["5", "1"], [{"last": "1y"}], "To try") == {
        "purpose": "To try",
        "serviceGroups": [{"id": 5}, {"id": 1}],
        "timeRanges": [{"last": "1y"}],
    }


def test_reasons_are_added_to_the_kinds_that_they_name() -> None:
    """A group that is read as a whole gets all its kinds listed, since each may have a reason."""
    request = data_request(["medical:condition,observation", "entertainment"], [], "To test")
    add_reasons(request, ["playhistory=To draw a chart"], ["condition=We count them"])
    document = parse_document({"dataRequest": request}).reading
    condition = document.requested_kinds(2, 9001)[128]
    assert (condition.required, condition.reason) == (True, "We count them")
    assert document.requested_kinds(2, 9001)[132].required is None
    assert document.requested_kinds(5, 19)[406].reason == "To draw a chart"
    assert len(document.requested_kinds(5, 19)) == len(catalogue().object_types_of_group(5))


@pytest.mark.parametrize("words", ["condition", "condition=", "=why", "sleep=why", "nothing=why"])
def test_an_empty_reason_is_rejected(words: str) -> None:
    """The option needs an object type and a text."""
    request = data_request(["medical:condition"], [], "To test")
    with pytest.raises(ConfigurationError):
        add_reasons(request, [words], [])


def test_a_required_kind_needs_a_reason() -> None:
    kinds = [{"id": 128, "required": True}]
    groups = [{"id": 2, "serviceTypes": [{"id": 9001, "serviceObjectTypes": kinds}]}]
    with pytest.raises(ConfigurationError, match="reason"):
        parse_document({"dataRequest": {"serviceGroups": groups}})
