"""Tests of fetching from a live source: pages, changes, and missing data."""

import json
from pathlib import Path

import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.consenting import accounts, ask, asking_contract, opened, page_of
from tests.flow.live.conftest import MEDICAL
from tests.flow.live.lending import HOSPITAL, NAME, OBSERVATIONS, Patient, observation, shared
from tests.flow.people import People
from tests.flow.served import serving
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.wire import Wire
from tests.hospital.running import Hospital


def test_an_app_reads_what_the_hospital_has(person: Patient) -> None:
    """A person signs in and agrees, and the app reads the hospital's complete record, page by page."""
    assert person.account["type"] == "USER"
    assert person.account["username"] == "Ada Tester"
    assert person.account["serviceProviderName"] == NAME
    session = triggered(person.wire, person.tokens)
    listed = wait_until_over(person.wire, person.tokens, session)
    objects = [
        one for entry in listed["fileList"] for one in read(person.wire, person.tokens, session, entry["name"])[0]
    ]
    assert {one["resourceType"] for one in objects} == {"Patient", "Condition", "Observation"}
    assert {one["id"] for one in objects if one["resourceType"] == "Observation"} >= {
        f"o{n}" for n in range(OBSERVATIONS)
    }
    assert {entry["schema"]["version"] for entry in listed["fileList"]} == {"3.0.2"}


def test_later_sessions_request_only_changes(person: Patient, city: Hospital) -> None:
    """After a complete fetch, only changes by the server's clock are requested and merged."""
    city.do("keep", patient="p1", resources=[observation(3) | {"status": "amended"}])
    session = triggered(person.wire, person.tokens)
    listed = wait_until_over(person.wire, person.tokens, session)
    searches = [asked for asked in city.do("requests") if asked.startswith("GET /Observation")]
    assert "_lastUpdated=ge20" in searches[-1]
    names = [entry["name"] for entry in listed["fileList"] if entry["objectType"] == "observation"]
    found = [one for name in names for one in read(person.wire, person.tokens, session, name)[0]]
    assert [one["status"] for one in found if one["id"] == "o3"] == ["amended"]
    assert len({one["id"] for one in found}) == len(found) >= OBSERVATIONS


@pytest.mark.protocol("6.1")
def test_a_rejected_type_does_not_affect_the_others(person: Patient, city: Hospital) -> None:
    """The rejected type is reported with its status, and the rest is shared."""
    city.do("fail", type="Condition", status=403)
    state = person.state()
    assert state["state"] == "partial"
    (told,) = state["error"]["objectTypeErrors"]
    assert (told["objectType"], told["error"]["statusCode"]) == (128, 403)


def test_pages_on_other_hosts_are_not_fetched(wire: Wire, city: Hospital) -> None:
    """The request would send the token to the other host. The type is reported as failed."""
    city.do("set", foreign_links=True)
    try:
        state = shared(wire).state()
    finally:
        city.do("set", foreign_links=False)
    (told,) = state["error"]["objectTypeErrors"]
    assert (told["objectType"], told["error"]["code"]) == (132, "ForeignLink")


@pytest.mark.protocol("6.1")
def test_a_long_requested_pause_is_passed_on(person: Patient, city: Hospital) -> None:
    """If the source asks for a longer pause than a session waits, the app learns the time."""
    city.do("fail", type="Condition", status=429, headers={"Retry-After": "120"})
    error = person.state()["error"]
    assert (error["code"], error["statusCode"], error["retryAfter"]) == ("ServiceUnavailable", 503, 120)
    assert person.state()["state"] == "completed"


async def test_a_source_that_the_operator_removed(city: Hospital, short_path: Path) -> None:
    """Its accounts and fetched data remain and can be deleted, but nothing more is fetched."""
    settings = json.dumps([city.settings(HOSPITAL, NAME, resource_types=["Patient"])])
    with serving(short_path / "data", environment={"PRIVATESHARE_FHIR_SERVERS": settings}) as before:
        async with operator_platform(Settings(data=before.data)) as platform:
            wire = await asking_contract(People(platform, before.origin), document=MEDICAL)
        person = shared(wire)
        assert person.state()["state"] == "completed"
    with serving(short_path / "data") as after:
        wire.origin = after.origin
        (account,) = accounts(wire, person.tokens.access)
        assert (account["id"], account["username"]) == (person.account["id"], "Ada Tester")
        listed = wait_until_over(wire, person.tokens, triggered(wire, person.tokens))
        assert listed["status"]["details"][account["id"]]["error"]["code"] == "InternalError"
        assert [entry["objectType"] for entry in listed["fileList"]] == ["patient"]
        assert page_of(opened(ask(wire, access_token=person.tokens.access).url)) == "pick-source"
        headers = {"accountId": account["id"]}
        path = "permission-access/service/h:accountId"
        assert wire.call("DELETE", path, access_token=person.tokens.access, headers=headers).status_code == 200


@pytest.mark.protocol("9.1", "9.2")
def test_a_live_source_is_listed_by_discovery(wire: Wire, writing: Wire, city: Hospital) -> None:
    """Discovery lists it under the operator's name, for contracts that may ask for it."""
    for contract in (wire, writing):
        answer = contract.get("discovery/services", headers={"contractId": contract.contract_id})
        assert HOSPITAL in [service["id"] for service in answer.json()["data"]["services"]]
    query = {"filter": {"id": [HOSPITAL]}, "include": ["name", "publishedStatus", "type.reference"]}
    found = wire.post("discovery/sources", body={"query": query}).json()["data"]
    types = [{"reference": "pull"}, {"reference": "push"}]
    assert found == [{"id": HOSPITAL, "name": NAME, "publishedStatus": "approved", "type": types}]
