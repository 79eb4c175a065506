"""A hospital, and a platform that it is a source of."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.testing.api_server import ApiServer, running
from tests.apis.lastfm import lastfm
from tests.flow.consenting import asking_contract
from tests.flow.live.lending import OBSERVATIONS, Patient, fhir_servers, observation, patient, shared
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.wire import Wire
from tests.hospital.running import Hospital, hospital

MEDICAL = {"dataRequest": {"serviceGroups": [{"id": 2}], "purpose": "To test"}}
PUSHING = {"dataPush": {"purpose": "To file your results"}}


@pytest.fixture(scope="package")
def city() -> Iterator[Hospital]:
    """Provide a hospital with the records of two patients."""
    with hospital("stu3") as started:
        condition = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
        started.do("set", page_size=10)
        history = [observation(number) for number in range(OBSERVATIONS)]
        started.do("keep", patient="p1", resources=[patient("p1", "Ada"), condition, *history])
        started.do("keep", patient="p2", resources=[patient("p2", "Bob"), observation(1)])
        yield started


@pytest.fixture(scope="package")
def player() -> Iterator[ApiServer]:
    """Provide a server with Last.fm's API."""
    with running(lastfm()) as server:
        yield server


@pytest.fixture(scope="package")
def connected(city: Hospital, player: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform that the hospital is a source of."""
    folder: Path = tmp_path_factory.mktemp("connected")
    environment = {
        "PRIVATESHARE_FHIR_SERVERS": fhir_servers(city),
        "PRIVATESHARE_SOURCES_HEALTH_PROVIDER_PRIVATE_ADDRESSES": "true",
        "PRIVATESHARE_SOURCES_MASTODON_PRIVATE_ADDRESSES": "true",
        "PRIVATESHARE_SOURCES_BLUESKY_PRIVATE_ADDRESSES": "true",
        "PRIVATESHARE_SOURCES_DAV_PRIVATE_ADDRESSES": "true",
        "PRIVATESHARE_SOURCES_LASTFM_CLIENT_ID": player.api.client_id,
        "PRIVATESHARE_SOURCES_LASTFM_CLIENT_SECRET": player.api.client_secret,
        "PRIVATESHARE_SOURCES_LASTFM_ORIGIN": player.address,
    }
    with serving(folder / "data", environment=environment) as served:
        yield served


@pytest.fixture(scope="package")
async def people(connected: Served) -> AsyncIterator[People]:
    async with operator_platform(Settings(data=connected.data, database_pool_size=5)) as platform:
        yield People(platform, connected.origin)


@pytest.fixture(scope="package")
async def wire(people: People) -> Wire:
    return await asking_contract(people, document=MEDICAL)


@pytest.fixture
def person(wire: Wire, city: Hospital) -> Patient:
    """Provide a person who shares the hospital's record, of which the library has a copy."""
    found = shared(wire)
    assert found.state()["state"] == "completed"
    return found


@pytest.fixture(scope="package")
async def writing(people: People) -> Wire:
    return await asking_contract(people, kind="write", document=PUSHING, name="Pulse")


@pytest.fixture(scope="package")
def writer(writing: Wire, city: Hospital) -> Patient:
    """Provide a person who lets an app push to the hospital."""
    return shared(writing, "&sourceType=push")
