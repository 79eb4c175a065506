"""Protocol 5.2, 6.6: when an object happened."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.archives import synthea

from privateshare.protocol.object_time import DIGIME, FHIR, FHIR_TIMES, month_of, object_time, object_window
from privateshare.protocol.window import ALL_TIME, Window


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


def observed(effective: Any) -> int | None:
    return object_time(FHIR, {"resourceType": "Observation", "effectiveDateTime": effective})


@pytest.mark.parametrize(
    ("created", "moment"),
    [
        *((1_700_000_000_123, 1_700_000_000_123), (5.9, 5), (0, 0), (-5, -5), (None, None), ("7", None), (True, None)),
        *(("2026-07-08", ms(2026, 7, 8)), ("1700000000123", 1_700_000_000_123), (float("nan"), None), (10**18, None)),
        *(({"start": "2026-07-08"}, ms(2026, 7, 8)), ({"$date": 5}, None), ([], None), ({}, None)),
    ],
)
def test_digime_objects_have_their_time_in_createddate(created: Any, moment: int | None) -> None:
    """Milliseconds since the epoch if it is a number, and otherwise any notation of a date."""
    assert object_time(DIGIME, {"createddate": created}) == moment


@pytest.mark.protocol("5.2")
@pytest.mark.parametrize(
    ("thing", "window"),
    [
        ({}, None),
        ({"createddate": None, "updateddate": None}, None),
        ({"createddate": 5, "updateddate": 10, "releasedate": 20}, Window(5, 5)),
        ({"createddate": 5, "startdate": 3, "enddate": 9}, Window(3, 9)),
        ({"updateddate": 10}, Window(10, 10)),
        ({"postdate": 10, "transactiondate": "soon"}, ALL_TIME),
        ({"effectiveperiod": {"start": "2026-07-08"}}, Window(ms(2026, 7, 8), None)),
        ({"track": {"album": {"createddate": 5}}, "birthdate": 5, "expirydate": 5}, None),
        *[
            ({"createddate": odd}, ALL_TIME)
            for odd in (True, "", "soon", {"$date": 5}, {}, float("nan"), 10**18, [True])
        ],
    ],
)
def test_all_own_dates_of_digime_objects_count_for_a_limit(thing: dict[str, Any], window: Window | None) -> None:
    """Not those of nested objects, births or releases. The date of an update counts only without another date."""
    assert object_window(DIGIME, thing) == window


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026", ms(2026, 1, 1)),
        ("2026-07", ms(2026, 7, 1)),
        ("2026-07-08", ms(2026, 7, 8)),
        ("2026-07-08T09:10:11Z", ms(2026, 7, 8, 9, 10, 11)),
        ("2026-07-08T09:10:11.5Z", ms(2026, 7, 8, 9, 10, 11) + 500),
        ("2026-07-08T09:10:11.123456+02:00", ms(2026, 7, 8, 7, 10, 11) + 123),
        ("2026-07-08T00:10:11-05:30", ms(2026, 7, 8, 5, 40, 11)),
        ("2026-07-08T09:10:11", ms(2026, 7, 8, 9, 10, 11)),
        ("2026-06-30T23:59:60Z", ms(2026, 6, 30, 23, 59, 59)),
        ("1969-12-31T23:59:59.250Z", -750),
    ],
)
def test_fhir_dates_may_have_any_precision(text: str, moment: int) -> None:
    """A less precise date counts as its first moment, and a date without a time zone as UTC."""
    assert observed(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13", "2026-02-30", "26-01-01", None, 5, [], {}])
def test_an_invalid_date_is_no_moment(text: Any) -> None:
    """A date that cannot be parsed does not determine a month."""
    assert observed(text) is None


@pytest.mark.parametrize(
    ("resource", "moment"),
    [
        ({"resourceType": "Encounter", "period": {"start": "2026-02", "end": "2026-03"}}, ms(2026, 2, 1)),
        ({"resourceType": "Encounter", "period": {"end": "2026-03"}}, ms(2026, 3, 1)),
        ({"resourceType": "Encounter", "period": {"start": "1970-01-01", "end": "2026-03"}}, 0),
        ({"resourceType": "Condition", "onsetDateTime": "2020", "recordedDate": "2021"}, ms(2020, 1, 1)),
        ({"resourceType": "Condition", "onsetString": "in youth", "recordedDate": "2021"}, ms(2021, 1, 1)),
        ({"resourceType": "Specimen", "collection": {"collectedDateTime": "2022"}}, ms(2022, 1, 1)),
        ({"resourceType": "Specimen", "collection": "odd", "receivedTime": "2023"}, ms(2023, 1, 1)),
        ({"resourceType": "Condition", "abatementDateTime": "2024-05"}, ms(2024, 5, 1)),
        ({"resourceType": "Appointment", "requestedPeriod": [{"start": "2024-05-06"}]}, ms(2024, 5, 6)),
        ({"resourceType": "Patient", "birthDate": "1980-01-01"}, None),
        ({"resourceType": ["odd"]}, None),
    ],
)
def test_fhir_resources_have_their_time_in_elements_of_their_type(resource: dict[str, Any], moment: int | None) -> None:
    """The best element with a date is used, then any other; periods count by their start. A patient has no time."""
    assert object_time(FHIR, resource) == moment


def test_dated_resources_of_a_real_record_have_a_moment() -> None:
    """In a record of an independent generator, nearly every resource that can have a time has one."""
    resources = [entry["resource"] for entry in json.loads(synthea(1))["entry"]]
    dated = [resource for resource in resources if resource["resourceType"] in FHIR_TIMES]
    undated = {resource["resourceType"] for resource in dated if object_time(FHIR, resource) is None}
    assert len(dated) > 2000
    assert undated <= {"Goal"}


@pytest.mark.protocol("6.6")
@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_months_are_those_of_utc(when: datetime) -> None:
    """yyyymm of the moment, for every moment of the calendar."""
    moment = round((when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1000
    assert month_of(moment) in {when.year * 100 + when.month, month_of(moment - 1000), month_of(moment + 1000)}


@pytest.mark.parametrize("moment", [None, 10**18, -(10**18), 10**400])
def test_moments_outside_of_the_calendar_have_no_month(moment: int | None) -> None:
    """Such objects are stored with undated objects."""
    assert month_of(moment) is None


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", fullmatch=True))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    """No text raises an error."""
    moment = observed(text)
    assert moment is None or isinstance(moment, int)
