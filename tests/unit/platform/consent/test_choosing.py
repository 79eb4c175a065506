"""Tests of the parts of the consent page: groups of kinds, durations, and the form."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from privateshare.platform.consent.choice_draft import date_problem, read_draft
from privateshare.platform.consent.durations import default_duration, duration_options
from privateshare.platform.consent.kind_groups import NAMES, KindGroup, kind_group
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import ContractRow
from privateshare.platform.library.object_lines import describe_object
from privateshare.protocol.catalogue import ObjectType, ServiceGroup, catalogue
from privateshare.protocol.contract_document import parse_document

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WORDS = Translator("en")
ACCOUNT = str(UUID(int=7))


def contract(kind: str = "read", days: int | None = None, *, once: bool = False, **request: object) -> ContractRow:
    ends = None if days is None else NOW + timedelta(days=days)
    return ContractRow(kind=kind, once=once, expires_at=ends, document=parse_document({"dataRequest": request}))


def test_every_kind_of_health_data_is_in_a_group_that_people_know() -> None:
    groups = {kind_group(entry.id) for entry in catalogue().object_types_of_group(ServiceGroup.MEDICAL)}
    assert groups == set(KindGroup) == set(NAMES)
    assert len(groups) == 8
    assert kind_group(ObjectType.CONDITION) is KindGroup.CONDITIONS
    assert kind_group(ObjectType.PLAY_HISTORY) is None


@pytest.mark.parametrize(
    ("asked", "offered", "default"),
    [
        (contract(), ["once", "30", "90", "180", "open"], "30"),
        (contract(neededDays=0), ["once", "30", "90", "180", "open"], "once"),
        (contract(neededDays=31), ["once", "30", "90", "180", "open"], "90"),
        (contract(neededDays=400), ["once", "30", "90", "180", "open"], "open"),
        (contract(days=100, neededDays=120), ["once", "30", "90", "open"], "open"),
        (contract(days=10), ["once", "open"], "open"),
        (contract(once=True), ["once"], "once"),
        (contract("write"), ["30", "90", "180", "open"], "open"),
    ],
)
def test_the_shortest_duration_that_is_enough_is_offered_first(
    asked: ContractRow, offered: list[str], default: str
) -> None:
    options = duration_options(asked, WORDS, NOW)
    assert [option.value for option in options] == offered
    assert default_duration(options, asked).value == default
    limits = [option.until for option in options]
    assert asked.expires_at is None or all(until is not None and until <= asked.expires_at for until in limits)


def test_a_form_is_read_whatever_is_in_it() -> None:
    other = str(UUID(int=8))
    fields = {
        "account": [ACCOUNT, "x", ""],
        "offered": [
            f"{ACCOUNT}:1",
            f"{ACCOUNT}:2",
            "nonsense",
            f"{ACCOUNT}:x",
            f"{other}:3",
            ":",
            f"{ACCOUNT}:" + "9" * 50,
        ],
        "kind": [f"{ACCOUNT}:2", f"{ACCOUNT}:5", f"{other}:3"],
        "group": [f"{ACCOUNT}:conditions"],
        "later": [other],
        "since": [" 2025-03-31 "],
    }
    draft = read_draft(fields)
    mine, theirs = draft.accounts[UUID(int=7)], draft.accounts[UUID(int=8)]
    assert (mine.ticked, mine.offered, mine.kinds, mine.groups) == (True, (1, 2), (2,), ("conditions",))
    assert (theirs.ticked, theirs.kinds, theirs.later) == (False, (3,), True)
    assert draft.since_date == datetime(2025, 3, 31, tzinfo=UTC)
    assert date_problem(draft, WORDS, NOW) == ""


@pytest.mark.parametrize("typed", ["31.3.2025", "2025-02-30", "0000-01-01", "2999-01-01", "²0²5-01-01"])
def test_a_date_that_is_none_is_said(typed: str) -> None:
    assert date_problem(read_draft({"since": [typed]}), WORDS, NOW)


@pytest.mark.parametrize(
    ("standard", "thing", "line"),
    [
        ("fhir", {"resourceType": "Condition", "code": {"text": "Asthma"}}, "Asthma"),
        ("fhir", {"resourceType": "Condition", "code": {"coding": [{"code": "1"}, {"display": "Flu"}]}}, "Flu"),
        ("fhir", {"resourceType": "Patient", "name": [{"family": "Doe", "given": ["Ann", "B."]}]}, "Ann B. Doe"),
        (
            "fhir",
            {"code": {"text": "Pulse"}, "valueQuantity": {"value": 10**30, "unit": "/min"}},
            "Pulse",
        ),
        ("fhir", {"code": 7, "name": {"x": []}}, ""),
        (
            "digime",
            {"track": {"name": "Song", "artists": [{"name": "A"}, 5, {}], "album": {"name": "Album"}}},
            "Song · A",
        ),
        ("digime", {"album": {"name": "Album"}}, "Album"),
        ("digime", {"originaldescription": "Shop\n1", "amount": 3.5, "currency": "EUR"}, "Shop 1 · 3.5 EUR"),
        ("digime", {"name": None, "title": ["x"]}, ""),
    ],
)
def test_an_object_is_described_whatever_is_in_it(standard: str, thing: dict[str, object], line: str) -> None:
    assert describe_object(standard, thing).text == line
    assert describe_object(standard, thing).moment is None
