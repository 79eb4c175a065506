"""Which dates of a FHIR resource say when it was."""

import importlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.archives import synthea

from privateshare.protocol.contract_document import parse_document
from privateshare.protocol.fhir_dates import ENDURING_TYPES, fhir_window
from privateshare.protocol.object_time import FHIR, FHIR_TIMES, object_time, object_window
from privateshare.protocol.scope import reach_of_contract
from privateshare.protocol.window import ALL_TIME, Window
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES

DATA = Path(__file__).parents[2] / "data"
CASES = DATA / "cases"
ELEMENTS: dict[str, dict[str, dict[str, str]]] = json.loads((DATA / "fhir_dates.json").read_bytes())
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LAST_YEAR = reach_of_contract(
    parse_document({"dataRequest": {"serviceGroups": [{"id": 2}], "timeRanges": [{"last": "12m"}]}}), NOW
)

# Dates at the top of a resource, in any of three versions of FHIR, that say nothing of when it was.
OTHER_DATES = {
    "birthDate",
    "bornDate",
    "bornPeriod",
    "deceasedDate",
    "deceasedDateTime",
    "valueDateTime",
    "valuePeriod",
    "expirationDate",
    "expiry",
    "manufactureDate",
    "approvalDate",
    "lastReviewDate",
}
# What some types have a period or a timing in, and others a flag or a code.
FLAGS_TOO = {"active", "employmentImpacted", "frequency", "hospitalization"}


def allowed(**resource: Any) -> bool:
    """Whether a contract of the last 12 months gets a resource."""
    return LAST_YEAR.allows_time(object_window(FHIR, resource))


def test_old_objects_are_excluded_in_any_notation() -> None:
    """In a record with values of 1998 and unusual dates, only recent and undated values are delivered."""
    entries = json.loads((CASES / "time-window-malformed-dates.json").read_bytes())["entry"]
    found = [entry["resource"]["id"] for entry in entries if allowed(**entry["resource"])]
    assert found == ["p1", "good-new"]


def date_elements(version: str, kind: str) -> dict[str, str]:
    """The elements at the top of a type of resource that hold dates, with what their values are, as FHIR defines it."""
    try:
        module = importlib.import_module(f"fhir.resources{version}.{kind.lower()}")
    except ModuleNotFoundError:  # a type that this version of FHIR does not have
        return {}
    found = {}
    for name, field in getattr(module, kind).model_fields.items():
        told = str(field.annotation)
        alias = field.alias or name
        for sign, shape in (("datetime.date", "date"), ("PeriodType", "period"), ("TimingType", "timing")):
            if sign in told and not alias.startswith("_"):
                found[alias] = "list of " + shape if "List[" in told else shape
    return found


@pytest.mark.slow
def test_the_list_of_dates_equals_that_of_fhir() -> None:
    """ELEMENTS equals the definitions of R5, R4B and STU3 for the types that we support."""
    versions = {"R5": "", "R4B": ".R4B", "STU3": ".STU3"}
    for name, version in versions.items():
        assert ELEMENTS[name] == {kind: found for kind in OBJECT_TYPES if (found := date_elements(version, kind))}


OLD: dict[str, Any] = {
    "date": "1998-05-05T10:00:00Z",
    "period": {"start": "1998-05-05", "end": "1998-05-06"},
    "timing": {"event": ["1998-05-05"]},
}


@pytest.mark.parametrize("version", ["R5", "R4B", "STU3"])
def test_every_date_of_every_type_counts(version: str) -> None:
    """By the definitions of R5, R4B and STU3, each element with the date of a resource excludes an old one."""
    seen = 0
    for kind, elements in ELEMENTS[version].items():
        for name, shape in elements.items():
            old = OLD[shape.removeprefix("list of ")]
            value = [old] if shape.startswith("list") else old
            recent = {"date": "2026-10-01", "period": {"start": "2026-10-01"}, "timing": {"event": ["2026-10-01"]}}
            if name in OTHER_DATES:
                assert kind not in ENDURING_TYPES or allowed(resourceType=kind, **{name: value}), (kind, name)
                assert allowed(resourceType=kind, **{name: value, "date": "2026-10-01"}), (kind, name)
            else:
                assert not allowed(resourceType=kind, **{name: value}), (kind, name)
                assert not allowed(resourceType=kind, **{name: value, "date": "2026-10-01"} | {name: value})
                assert name in FLAGS_TOO or not allowed(resourceType=kind, **{name: "soon"}), (kind, name)
                assert allowed(resourceType=kind, **{name: recent[shape.removeprefix("list of ")]}), (kind, name)
            seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "birthDate": "1980-01-01", "deceasedDateTime": "1998-05-05"},
        {"resourceType": "Patient", "meta": {"lastUpdated": "1998-05-05T10:00:00Z"}, "active": True},
        {"resourceType": "Patient", "contact": [{"period": {"start": "1998"}}], "name": [{"period": {"end": "1998"}}]},
        {"resourceType": "Practitioner", "qualification": [{"period": {"start": "1998"}}]},
        {"resourceType": "Organization", "identifier": [{"period": {"start": "1998"}}]},
        {"resourceType": "Medication", "batch": {"expirationDate": "1998-05-05"}},
        {"resourceType": "Device", "manufactureDate": "1998", "expirationDate": "1998"},
        {"resourceType": "Immunization", "expirationDate": "1998-05-05", "occurrenceDateTime": "2026-10-01"},
        {"resourceType": "Immunization", "expirationDate": "1998-05-05"},
        {"resourceType": "HealthcareService", "availableTime": [{"availableStartTime": "08:00:00"}]},
        {"resourceType": "FamilyMemberHistory", "bornDate": "1950", "condition": [{"onsetAge": {"value": 60}}]},
        {"resourceType": "FamilyMemberHistory", "condition": [{"onsetString": "in her sixties"}]},
        {"resourceType": "FamilyMemberHistory", "date": "2026-10-01", "deceasedDate": "1998"},
        {"resourceType": "Observation", "effectiveDateTime": "2026-10-01", "valueDateTime": "1998-05-05"},
        {"resourceType": "Observation", "effectiveDateTime": "2026-10-01", "note": [{"time": "1998-05-05"}]},
        {"resourceType": "Observation", "effectiveDateTime": None, "issued": []},
        {"resourceType": "Observation", "_effectiveDateTime": {"extension": [{"url": "http://x/data-absent-reason"}]}},
        {"resourceType": "Observation", "code": {"coding": [{"code": "1998-5"}], "text": "1998"}, "valueInteger": 1998},
        {"resourceType": "Observation", "valueTime": "10:00:00", "contained": [{"resourceType": "Patient"}]},
        {"resourceType": "Encounter", "hospitalization": {"dischargeDisposition": {"text": "home"}}},
        {"resourceType": "Condition", "abatementBoolean": True, "recordedDate": "2026-10-01"},
        {"resourceType": "MedicationRequest", "dosageInstruction": [{"timing": {"repeat": {"when": ["MORN"]}}}]},
        {"resourceType": "ServiceRequest", "occurrenceTiming": {"code": {"text": "BID"}}, "authoredOn": "2026-10-01"},
        {"resourceType": "Slot", "schedule": {"reference": "Schedule/1"}, "start": "2026-10-01T10:00:00Z"},
        {"resourceType": "Encounter", "period": {"start": "2026-10-01T10:00:00+0200"}},  # it goes on
        {"resourceType": "Condition", "onsetString": "2026-10-01"},
        {"resourceType": "Observation", "effectiveDateTime": "3/4/2026"},
    ],
)
def test_undated_and_certainly_inside_resources_are_delivered(resource: dict[str, Any]) -> None:
    """Dates of births, products and other things, and of the update of a resource, are not its date."""
    assert allowed(**resource)


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Condition", "onsetAge": {"value": 12}},
        {"resourceType": "Condition", "onsetRange": {"low": {"value": 12}}, "recordedDate": "2026-10-01"},
        {"resourceType": "Condition", "onsetDateTime": "1998-05-05", "recordedDate": "2026-10-01"},
        {"resourceType": "Condition", "onsetDateTime": "2026-10-01", "abatementString": "long ago"},
        {"resourceType": "Condition", "onsetDateTime": "2025"},  # only a part of that year is inside
        {"resourceType": "Observation", "effectiveDateTime": ""},
        {"resourceType": "Observation", "effectiveDateTime": True},
        {"resourceType": "Observation", "effectiveDateTime": {}},
        {"resourceType": "Observation", "effectiveDateTime": ["1998-05-05"]},
        {"resourceType": "Observation", "effectiveDateTime": 894362400},
        {"resourceType": "Observation", "EffectiveDateTime": "05/05/1998"},
        {"resourceType": "Observation", "effectiveDateTime": "2026-10-01", "issued": "1998-05-05T10:00:00Z"},
        {"resourceType": "Observation", "_effectiveDateTime": {"extension": [{"url": "x", "valueString": "1998"}]}},
        {"resourceType": "Observation", "effectivePeriod": {}},
        {"resourceType": "Observation", "effectivePeriod": {"start": None, "_start": {"id": "1"}}},
        {"resourceType": "Observation", "effectivePeriod": {"end": "2026-10-01"}},  # nobody knows since when
        {"resourceType": "Observation", "effectivePeriod": {"start": "1998", "end": "2026-10-01"}},
        {"resourceType": "Observation", "effectivePeriod": {"start": "2026-10-01", "end": "1998"}},
        {"resourceType": "Observation", "effectiveTiming": {"repeat": {"boundsPeriod": {"start": "1998"}}}},
        {"resourceType": "Observation", "effectiveTiming": {"event": ["2026-10-01", "1998-05-05"]}},
        {"resourceType": "Observation", "effectiveTiming": {"event": ["in spring"]}},
        {"resourceType": "Observation", "effectiveTiming": {}},
        {"resourceType": "Observation", "valueDateTime": "1998-05-05"},
        {"resourceType": "Observation", "note": [{"time": "1998-05-05T10:00:00Z"}]},
        {"resourceType": "Observation", "takenOn": "1998-05-05"},
        {"resourceType": "Observation", "extension": [{"url": "x", "valuePeriod": {"start": "1998"}}]},
        {"resourceType": "DiagnosticReport", "contained": [{"resourceType": "Observation", "issued": "1998-05-05"}]},
        {"resourceType": "AllergyIntolerance", "recordedDate": "2026-10-01", "reaction": [{"onset": "1998-05-05"}]},
        {"resourceType": "AllergyIntolerance", "lastOccurence": "1998-05-05"},  # as DSTU2 spelt it
        {"resourceType": "Claim", "created": "2026-10-01", "item": [{"servicedDate": "1998-05-05"}]},
        {"resourceType": "Composition", "date": "2026-10-01", "event": [{"period": {"end": "1998"}}]},
        {"resourceType": "DocumentReference", "date": "2026-10-01", "context": {"period": {"start": "1998"}}},
        {
            "resourceType": "DocumentReference",
            "date": "2026-10-01",
            "content": [{"attachment": {"creation": "1998-05-05"}}],
        },
        {"resourceType": "Specimen", "collection": {"collectedDateTime": "1998-05-05"}},
        {"resourceType": "Specimen", "receivedTime": "2026-10-01", "processing": [{"timePeriod": {"start": "1998"}}]},
        {"resourceType": "Goal", "startCodeableConcept": {"text": "admission"}},
        {"resourceType": "FamilyMemberHistory", "deceasedDate": "1998"},
        {"resourceType": "FamilyMemberHistory", "condition": [{"onsetString": "1998"}]},
        {"resourceType": "CarePlan", "activity": [{"detail": {"scheduledString": "in spring 1998"}}]},
        {"resourceType": "Goal", "target": [{"dueDate": "1998-05-05"}]},
        {"resourceType": "RequestGroup", "action": [{"timingDateTime": "1998-05-05"}]},
        {"resourceType": "Encounter", "statusHistory": [{"period": {"start": "1998"}}]},
        {"resourceType": "PractitionerRole", "period": {"start": "1998", "end": "2001"}},
        {"resourceType": "RelatedPerson", "period": {"start": "1998", "end": "2001"}},
        {"resourceType": "Account", "active": {"start": "1998", "end": "2001"}},
        {"resourceType": "CarePlan", "modified": "1998-05-05"},
        {"resourceType": "NoSuchType", "whenever": [{"it": {"was": "05/05/1998"}}]},
        {"resourceType": ["odd"], "date": "1998"},
        {"date": "1998-05-05"},
    ],
)
def test_dated_resources_that_may_be_outside_are_excluded(resource: dict[str, Any]) -> None:
    """All its dates must be inside. A date that cannot be parsed, or an open period, is not."""
    assert not allowed(**resource)


def test_the_date_of_the_month_counts_for_a_limit_too() -> None:
    """An object that is in the file of a month because of its date never counts as undated."""
    for kind, places in FHIR_TIMES.items():
        for place in places:
            value: Any = OLD["period" if place.lower().endswith(("period", "horizon", "applies")) else "date"]
            for name in reversed(place.split(".")):
                value = {name: value}
            resource = {"resourceType": kind} | value
            moment, window = object_time(FHIR, resource), object_window(FHIR, resource)
            assert moment is not None, place
            assert window is not None, place
            assert window.contains(Window(moment, moment)), place


def test_resources_of_a_real_record_are_dated_like_their_types() -> None:
    """In a real record, everything except people, places and products has a date that can be parsed."""
    for entry in json.loads(synthea(1))["entry"]:
        resource = entry["resource"]
        window = fhir_window(resource)
        if resource["resourceType"] in ENDURING_TYPES or resource["resourceType"] == "Goal":
            assert window is None
        else:
            assert window not in (None, ALL_TIME), resource


deep = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=12) | st.just("1998-05-05"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["start", "end", "event", "repeat", "period", "effectiveDateTime", "_issued", "contained", "onset", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(["Observation", "Claim", "Patient", "Specimen", 5]), deep)
def test_any_resource_has_a_window_or_none(kind: Any, content: Any) -> None:
    """No structure of a resource raises an error."""
    window = fhir_window({"resourceType": kind, "effectivePeriod": content, "item": content, "collection": content})
    assert window is None or window.start is None or window.end is None or window.start <= window.end


def test_a_deeply_nested_resource_is_excluded() -> None:
    """A resource that is nested deeper than any real one cannot be examined."""
    value: Any = "1998"
    for _ in range(500):
        value = {"extension": [value]}
    assert fhir_window({"resourceType": "Observation", "extension": value}) == ALL_TIME
