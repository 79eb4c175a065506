"""Tests of the recorded requests to MedMij's data services, and of the report about them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xml.etree import ElementTree

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.reports.medmij import (
    NAMESPACE,
    DataServiceRequest,
    MedMijReport,
    RequestLog,
    make_medmij_report,
    medmij_requests_of,
    record_medmij_requests,
)
from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.scope import ObjectKind, Reach
from privateshare.protocol.window import Window
from privateshare.sources.contract import MedMijService

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SERVICE = MedMijService("umcharderwijk@medmij", "48")
IN = {"m": NAMESPACE}


def asked(
    address: str, minutes: int = 0, *, whole: bool = True, type_: int = ObjectType.OBSERVATION
) -> DataServiceRequest:
    return DataServiceRequest(type_, address, NOON + timedelta(minutes=minutes), whole)


def recorded(*syncs: Sequence[DataServiceRequest]) -> list[str]:
    """Return the addresses that are kept of what these syncs asked, one after the other."""
    account = AccountRow(id=uuid4())
    library = OpenLibrary(uuid4(), new_data_key(), {account.id: b"its key"})
    for sync in syncs:
        record_medmij_requests(account, library, SERVICE, sync)
    kept = medmij_requests_of(account, library)
    assert kept is not None
    assert kept.service == SERVICE
    assert account.sealed_medmij_requests is not None
    assert b"//" not in account.sealed_medmij_requests
    return [one.address for one in kept.requests]


def reported(*collected: RequestLog, reaches: Sequence[Reach] = ()) -> ElementTree.Element:
    report = MedMijReport("Lending & <Co>", NOON + timedelta(days=1), Window(), reaches, collected)
    return ElementTree.fromstring(make_medmij_report(report))


def texts(element: ElementTree.Element, path: str) -> list[str]:
    return [str(found.text) for found in element.iterfind(path, IN)]


def test_of_each_type_the_last_whole_request_and_the_last_for_changes_are_kept() -> None:
    """The number of syncs does not matter. A new request for everything replaces earlier ones for changes."""
    first = [asked("https://a/whole"), asked("https://a/Condition", type_=ObjectType.CONDITION)]
    later = [asked(f"https://a/since/{n}", n, whole=False) for n in (1, 2, 3)]
    assert recorded(first, *([one] for one in later)) == ["https://a/whole", "https://a/Condition", "https://a/since/3"]
    again = [asked("https://a/again", 9)]
    assert recorded(first, later, again) == ["https://a/again", "https://a/Condition"]
    assert recorded(first, []) == ["https://a/whole", "https://a/Condition"]


def test_requests_to_another_service_are_dropped() -> None:
    """If the operator renames a server, earlier requests are not attributed to the new name."""
    account = AccountRow(id=uuid4())
    library = OpenLibrary(uuid4(), new_data_key(), {account.id: b"its key"})
    record_medmij_requests(account, library, MedMijService("older@medmij", "28"), [asked("https://old/")])
    record_medmij_requests(account, library, SERVICE, [asked("https://new/", whole=False)])
    assert medmij_requests_of(account, library) == RequestLog(SERVICE, (asked("https://new/", whole=False),))


def test_a_provider_and_a_data_service_are_listed_once() -> None:
    """Requests of several accounts and servers are grouped by name and ordered by time."""
    report = reported(
        RequestLog(SERVICE, (asked("https://a/2?x=1&y=2", 2),)),
        RequestLog(MedMijService("umcharderwijk@medmij", "51"), (asked("https://b/", 1),)),
        RequestLog(MedMijService("apotheek@medmij", "48"), (asked("https://c/"),)),
        RequestLog(SERVICE, (asked("https://a/1", 1),)),
    )
    assert texts(report, ".//m:Zorgaanbiedernaam") == ["apotheek@medmij", "umcharderwijk@medmij"]
    assert texts(report, ".//m:GegevensdienstId") == ["48", "48", "51"]
    (service,) = report.iterfind(".//m:Zorgaanbieder[2]//m:Gegevensdienst[1]", IN)
    assert texts(service, ".//m:RequestUri") == ["https://a/1", "https://a/2?x=1&y=2"]
    assert texts(service, "m:Tijdstempel") == ["2026-11-24T12:02:00Z"]
    assert texts(report, ".//m:Van") == ["2026-11-24T12:00:00Z"]
    assert texts(report, ".//m:Deelnemer") == ["Lending & <Co>"]


def test_a_provider_without_reportable_requests_is_not_named() -> None:
    """Every layer must allow a request's type; otherwise not even its provider is named."""
    collected = RequestLog(SERVICE, (asked("https://a/"),))
    observations, conditions = (Reach((ObjectKind(2, 37, type_),)) for type_ in (132, 128))
    assert texts(reported(collected, reaches=[observations]), ".//m:RequestUri") == ["https://a/"]
    assert b"harderwijk" not in ElementTree.tostring(reported(collected, reaches=[observations, conditions]))
    assert b"harderwijk" not in ElementTree.tostring(reported(collected, reaches=[Reach((ObjectKind(2, 9100),))]))
