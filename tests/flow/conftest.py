"""A running platform for the tests of whole flows: `privateshare serve` on a folder and a port of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.async_api import Browser

from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from tests.flow.browsing import chromium
from tests.flow.people import People
from tests.flow.served import OPERATOR, Served, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform that serves while the tests run."""
    with serving(tmp_path_factory.mktemp("platform") / "data", environment=OPERATOR) as running:
        yield running


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
