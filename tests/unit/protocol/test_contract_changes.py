"""What a person must agree to in a new version of a contract, and what needs nobody."""

from datetime import UTC, datetime
from typing import Any

import pytest

from privateshare.protocol.contract_changes import ContractSubject, differences, grown_subjects
from privateshare.protocol.contract_document import ContractDocument, parse_document

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WHOLE = [{"id": 5}]
SPOTIFY = [{"id": 5, "serviceTypes": [{"id": 19}]}]
PLAYS = [{"id": 5, "serviceTypes": [{"id": 19, "serviceObjectTypes": [{"id": 406}]}]}]
NEEDED_PLAYS = [
    {"id": 5, "serviceTypes": [{"id": 19, "serviceObjectTypes": [{"id": 406, "required": True, "reason": "Because"}]}]}
]
PUSH = {"dataPush": {"purpose": "To store"}}


def asking(**request: Any) -> ContractDocument:
    return parse_document({"dataRequest": {"purpose": "To test", "serviceGroups": PLAYS} | request})


KEEPS, KEEPS_NOT = {"dataRetention": {"dataRetained": True}}, {"dataRetention": {"dataRetained": False}}
SHARES, SHARES_NOT = ({"externalSharePolicy": {"sharedExternally": flag}} for flag in (True, False))
LEAVES, STAYS = ({"dataTransportPolicy": {"leavesDevice": flag}} for flag in (True, False))
DELETES, DELETES_NOT = ({"gdpr": {"canRequestRightToBeForgotten": flag}} for flag in (True, False))


@pytest.mark.parametrize(
    ("less", "more", "subject"),
    [
        ({"serviceGroups": PLAYS}, {"serviceGroups": SPOTIFY}, ContractSubject.DATA),
        ({"serviceGroups": SPOTIFY}, {"serviceGroups": WHOLE}, ContractSubject.DATA),
        ({"serviceGroups": []}, {"serviceGroups": PLAYS}, ContractSubject.DATA),
        ({"serviceGroups": PLAYS}, {"serviceGroups": [*PLAYS, {"id": 2}]}, ContractSubject.DATA),
        ({"timeRanges": [{"last": "3m"}]}, {"timeRanges": [{"last": "12m"}]}, ContractSubject.DATES),
        ({"timeRanges": [{"last": "3m"}]}, {"timeRanges": [{"type": "all"}]}, ContractSubject.DATES),
        ({"timeRanges": [{"last": "3m"}]}, {}, ContractSubject.DATES),
        ({"timeRanges": [{"from": 1000, "to": 2000}]}, {"timeRanges": [{"from": 1000}]}, ContractSubject.DATES),
        ({"serviceGroups": PLAYS}, {"serviceGroups": NEEDED_PLAYS}, ContractSubject.NEEDED),
        (KEEPS_NOT, KEEPS, ContractSubject.KEEPING),
        ({}, KEEPS, ContractSubject.KEEPING),
        (KEEPS_NOT, {}, ContractSubject.KEEPING),
        (SHARES_NOT, SHARES, ContractSubject.PASSING_ON),
        (STAYS, LEAVES, ContractSubject.TRANSPORT),
        (DELETES, DELETES_NOT, ContractSubject.DELETION),
        (DELETES, {}, ContractSubject.DELETION),
        ({}, DELETES_NOT, ContractSubject.DELETION),
    ],
)
def test_more_is_asked_for_and_less_is_not(
    less: dict[str, Any], more: dict[str, Any], subject: ContractSubject
) -> None:
    """The same difference is something new in one direction, and nothing to agree to in the other."""
    assert grown_subjects(asking(**less), asking(**more), NOW) == [subject]
    assert grown_subjects(asking(**more), asking(**less), NOW) == []
    assert [one.subject for one in differences(asking(**more), asking(**less), NOW)] == [subject]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (asking(), asking(purpose="To sell")),
        (asking(), asking(disclaimer="We may sell it")),
        (asking(), asking(consentPolicy={"description": "You agree to everything"})),
        (parse_document(PUSH), parse_document({"dataPush": {"purpose": "To fill your library"}})),
    ],
)
def test_another_purpose_needs_agreement(before: ContractDocument, after: ContractDocument) -> None:
    """Nobody can tell whether other words mean more, so people are asked in both directions."""
    assert grown_subjects(before, after, NOW) == grown_subjects(after, before, NOW) == [ContractSubject.PURPOSE]


def test_what_says_the_same_needs_nobody() -> None:
    """Translations, links, unknown fields and another order change nothing that was agreed to."""
    before = asking(serviceGroups=[{"id": 2}, {"id": 5}])
    after = asking(
        serviceGroups=[{"id": 5}, {"id": 2}], translations={"nl": {"purpose": "Om te testen"}}, neededDays=3, x=1
    )
    assert differences(before, after, NOW) == []
    assert differences(parse_document(PUSH), parse_document(PUSH), NOW) == []


def test_differences_are_named() -> None:
    """By the names of the catalogue."""
    (found,) = differences(asking(serviceGroups=[{"id": 2}]), asking(serviceGroups=[{"id": 2}, *PLAYS]), NOW)
    assert found.text == "also Entertainment, Spotify, Play History"
    assert "fewer" in differences(asking(), asking(timeRanges=[{"last": "3m"}]), NOW)[0].text
