"""A test of four times as many calls as a platform can answer, for a minute."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.chaos.overload import calls_of_an_app, measure_overload
from tests.chaos.requests import Call
from tests.chaos.s3_server import Faults
from tests.chaos.store import FaultyStore
from tests.flow.people import People
from tests.flow.served import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
APPS = 5
CONNECTIONS = "10"  # Four places for the calls of apps.
STORE_SECONDS = 0.15  # With a slow store, it is the places that limit how much is answered, and not the processor.


@pytest.fixture
async def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Call]]:
    """Provide one call of each of several apps: the reading of a file."""
    store = FaultyStore(tmp_path / "store")
    with store.serving():
        environment = store.environment()
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        urls = {"BLOB_URL": "s3://files", "PRIVATESHARE_KEY_URL": "s3://keys"}
        environment |= urls | {"PRIVATESHARE_DATABASE_POOL_SIZE": CONNECTIONS}
        data = tmp_path / "data"
        with serving(data, environment=environment) as served:
            settings = Settings.model_validate(
                {"data": data, "blob_url": "s3://files", "key_url": "s3://keys", "database_pool_size": 5}
            )
            async with operator_platform(settings) as platform:
                people = People(platform, served.origin)
                made = [await calls_of_an_app(people) for _ in range(APPS)]
            store.have(Faults(delay_seconds=STORE_SECONDS))
            yield [reading for _, reading in made]


@pytest.mark.protocol("13")
async def test_an_overloaded_platform_answers_in_time_and_recovers(calls: list[Call]) -> None:
    """What is admitted is answered within two seconds, the rest is refused, and all is well ten seconds later."""
    found = await measure_overload(calls)
    print("\n".join(found.lines()))
    assert found.violations() + found.slowness() == []
