"""A running platform for the tests of whole flows: `privateshare serve` on a folder and a port of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from playwright.async_api import Browser

from privateshare.platform.library.erasure import erase_library
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from tests.flow.browsing import chromium
from tests.flow.losses import lost_names
from tests.flow.people import People
from tests.flow.served import OPERATOR, Served, serving

SHARED = pytest.StashKey[Served]()  # The platform that serves, once a test has used it.
LOST = pytest.StashKey[set[str]]()  # What tests of earlier files lost on it, which was reported then.


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Provide a platform that serves while the tests run."""
    with serving(tmp_path_factory.mktemp("platform") / "data", environment=OPERATOR) as running:
        request.config.stash[SHARED] = running
        yield running


@pytest.fixture(scope="module", autouse=True)
def nothing_is_lost(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check after each file that it has damaged nothing on the platform that it shares with others.

    A test that needs something lost erases its people at the end, by `erased_afterwards`, or has its own platform.
    Files run in any order, so it would otherwise fail far away: in a test that verifies the platform or saves it.
    """
    yield
    if SHARED in request.config.stash:
        before, lost = request.config.stash.get(LOST, set()), lost_names(request.config.stash[SHARED].data)
        request.config.stash[LOST] = lost
        assert lost <= before, "tests of this file lost blobs or keys"


@pytest.fixture
async def erased_afterwards(platform: Platform) -> AsyncIterator[list[UUID]]:
    """Provide a list for libraries that a test damages, which are erased after it."""
    libraries: list[UUID] = []
    yield libraries
    async with platform.database.transaction() as db:
        for library in libraries:
            await erase_library(db, platform, library)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Provide a Chromium, in which `visiting` opens a browser for each person."""
    async with chromium() as running:
        yield running


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Provide a folder whose path leaves room for that of a socket which other processes are to reach."""
    with TemporaryDirectory(prefix="ps-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
async def platform(served: Served) -> AsyncIterator[Platform]:
    """Provide the same platform from the inside, as an operator's command reaches it."""
    async with operator_platform(Settings(data=served.data, database_pool_size=5)) as opened:
        yield opened


@pytest.fixture(scope="session")
async def people(served: Served, platform: Platform) -> People:
    """Provide a factory of apps, contracts and consents on the platform."""
    return People(platform, served.origin)
