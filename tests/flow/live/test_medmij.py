"""Tests of MedMij's portability report for a hospital that is a MedMij care provider, end to end."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.consenting import asking_contract
from tests.flow.live.conftest import MEDICAL
from tests.flow.live.lending import HOSPITAL, NAME, Patient, shared
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.wire import Wire
from tests.hospital.running import Hospital

NAMESPACE = "{xmlns://afsprakenstelsel.medmij.nl/PortabiliteitsRapport/release1/}"
PROVIDER, DATA_SERVICE, PARTICIPANT = "umcharderwijk@medmij", "48", "Lending & Co"
MEDMIJ, OBSERVATION = 37, 132
REPORT = "export/medmij/report"

META = ("PortabiliteitsRapportMeta", ["Deelnemer", "Van", "Tot", "Tijdstempel"])
REQUEST = ("ResourceRequest", ["RequestUri", "Tijdstempel"])


@pytest.fixture(scope="module")
def connected(city: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform that the hospital is a source of, as a data service of MedMij."""
    folder: Path = tmp_path_factory.mktemp("medmij")
    known = {"provider": PROVIDER, "data_service": DATA_SERVICE}
    servers = [city.settings(HOSPITAL, NAME, medmij=known, resource_types=["Patient", "Condition", "Observation"])]
    environment = {"PRIVATESHARE_FHIR_SERVERS": json.dumps(servers), "PRIVATESHARE_MEDMIJ_PARTICIPANT": PARTICIPANT}
    with serving(folder / "data", environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
async def people(connected: Served) -> AsyncIterator[People]:
    async with operator_platform(Settings(data=connected.data, database_pool_size=5)) as platform:
        yield People(platform, connected.origin)


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document=MEDICAL)


def report_of(person: Patient, query: str = "?format=xml") -> ElementTree.Element:
    answer = person.wire.get(REPORT + query, access_token=person.tokens.access)
    assert answer.headers["content-type"].split(";")[0] == "application/xml"
    return ElementTree.fromstring(answer.text)


def shape(element: ElementTree.Element) -> Any:
    """Return the names of an element and what is in it, in order; all are MedMij's, and none has attributes."""
    assert element.tag.startswith(NAMESPACE)
    assert not element.attrib
    name, parts = element.tag.removeprefix(NAMESPACE), [shape(part) for part in element]
    return (name, parts) if parts else name


def texts(report: ElementTree.Element, name: str) -> list[str]:
    return [str(found.text) for found in report.iter(NAMESPACE + name)]


def seconds(text: str) -> float:
    """Return a moment as the report has it: RFC 3339, UTC, whole seconds."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


@pytest.mark.protocol("12.3")
def test_a_report_lists_requests_by_provider(person: Patient, city: Hospital) -> None:
    """The format `medmij` lists the provider, its data service and the requests in MedMij's form."""
    report = report_of(person)
    service = (
        "Gegevensdienst",
        ["GegevensdienstId", "Tijdstempel", ("ResourceRequests", [REQUEST] * len(texts(report, "RequestUri")))],
    )
    provider = ("Zorgaanbieder", ["Zorgaanbiedernaam", ("Gegevensdiensten", [service])])
    assert shape(report) == ("PortabiliteitsRapport", [META, ("Zorgaanbieders", [provider])])
    assert texts(report, "Deelnemer") == [PARTICIPANT]
    assert texts(report, "Zorgaanbiedernaam") == [PROVIDER]
    assert texts(report, "GegevensdienstId") == [DATA_SERVICE]
    asked = {f"{city.fhir}{line.removeprefix('GET ').rstrip('?')}" for line in city.do("requests")}
    assert set(texts(report, "RequestUri")) <= asked
    kinds = [uri.removeprefix(city.fhir).split("?")[0] for uri in texts(report, "RequestUri")]
    assert sorted(set(kinds)) == ["/Condition", "/Observation", "/Patient/p1"]
    assert all(time.time() - 600 < seconds(moment) <= time.time() for moment in texts(report, "Tijdstempel"))


def test_later_requests_are_listed_beside_the_first(person: Patient) -> None:
    """The first request for everything and the last one for changes are listed, so that both can be repeated."""
    person.state()
    person.state()
    observations = [uri for uri in texts(report_of(person), "RequestUri") if "/Observation?" in uri]
    assert ["_lastUpdated=" in uri for uri in observations] == [False, True]
    assert len([uri for uri in texts(report_of(person), "RequestUri") if "/Patient/" in uri]) == 1


def test_the_period_limits_the_requests(person: Patient) -> None:
    """`from` and `to` are reported as requested and limit the list. Without them it contains everything."""
    whole = report_of(person, "?from=undefined&to=undefined")
    first = min(seconds(moment) for moment in texts(whole, "Tijdstempel"))
    assert seconds(texts(whole, "Van")[0]) == first
    assert texts(whole, "Tot") == texts(whole, "Tijdstempel")[:1]
    before = report_of(person, f"?from=1000000000&to={int(first) - 60}")
    assert (texts(before, "Van"), seconds(texts(before, "Tot")[0])) == (["2001-09-09T01:46:40Z"], first - 60)
    assert shape(before) == ("PortabiliteitsRapport", [META, "Zorgaanbieders"])
    ever = report_of(person, "?from=-62135769600.0&to=99999999999999")
    assert (texts(ever, "Van"), texts(ever, "Tot")) == (["0001-01-01T00:00:00Z"], ["9999-12-31T23:59:59Z"])
    assert texts(ever, "RequestUri") == texts(whole, "RequestUri")


async def test_only_requests_that_the_contract_may_read_are_listed(people: People) -> None:
    """A contract for observations learns of no other requests."""
    types = [{"id": MEDMIJ, "serviceObjectTypes": [{"id": OBSERVATION}]}]
    document = {"dataRequest": {"serviceGroups": [{"id": 2, "serviceTypes": types}], "purpose": "To test"}}
    narrow = shared(await asking_contract(people, document=document, name="Pulse"))
    assert narrow.state()["state"] == "completed"
    uris = texts(report_of(narrow), "RequestUri")
    assert uris
    assert all("/Observation?" in uri for uri in uris)


def test_rejected_requests_are_not_listed(wire: Wire, city: Hospital) -> None:
    """Requests that the hospital rejected collected no data."""
    city.do("set", foreign_links=True)  # The observations have a second page.
    try:
        person = shared(wire)
        assert person.state()["state"] == "partial"
        kinds = [uri for uri in texts(report_of(person), "RequestUri") if "/Observation?" in uri]
    finally:
        city.do("set", foreign_links=False)
    assert not kinds


def test_objects_are_exported_as_json_or_fhir(person: Patient) -> None:
    """MedMij's format is XML. A FHIR Bundle contains the resources of any service."""
    bundle = person.wire.get(f"{REPORT}?format=fhir", access_token=person.tokens.access).json()
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} == {"Patient", "Condition", "Observation"}


@pytest.mark.protocol("7.1")
def test_the_account_belongs_to_medmij(person: Patient) -> None:
    """A source that is configured as MedMij's is shown as MedMij's everywhere."""
    assert person.account["serviceTypeReference"] == "medmij"
    assert person.account["serviceProviderReference"] == f"medmij{HOSPITAL}"
