"""Tests of the platform while its PostgreSQL is not available, and afterwards."""

import asyncio
import os
import signal
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from privateshare.platform.embedded.postgres import EmbeddedPostgres
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.people import People
from tests.flow.served import serving
from tests.flow.syncing import SOME_FILES, contents, file_count
from tests.flow.wire import check_error
from tests.patience import GIVE_UP_SECONDS

TIMEOUT_SECONDS = 20  # This is shorter than the default timeouts of pools and drivers.


@pytest.mark.protocol("13")
@pytest.mark.slow
async def test_a_database_that_crashes_during_a_sync(short_path: Path, tmp_path: Path) -> None:
    """Calls are rejected at once with Retry-After. When the database is back they work, and the sync ends."""
    folder = short_path / "postgres"
    data = tmp_path / "data"
    first = EmbeddedPostgres(folder)
    url = await first.start()
    second = EmbeddedPostgres(folder)
    try:
        with serving(data, environment={"DATABASE_URL": url}) as served:
            settings = Settings(data=data, database_url=SecretStr(url), database_pool_size=5)
            async with operator_platform(settings) as platform:
                people = People(platform, served.origin)
                wire = await people.contract()
                wire.http = httpx2.Client(timeout=TIMEOUT_SECONDS)
                tokens, session = await people.user(wire, sample="default")
                library_id = await people.library_of(tokens)
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    while await file_count(platform, library_id) < SOME_FILES:
                        await asyncio.sleep(0.01)
                os.kill(int((folder / "cluster" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
                for path in ("permission-access/accounts", f"permission-access/query/{session}", "jwks/oauth"):
                    refused = wire.get(path, access_token=tokens.access)
                    check_error(refused, 503, "Unavailable")
                    assert int(refused.headers["retry-after"]) > 0
                assert wire.http.get(f"{served.origin}/readyz").status_code == 503
                assert wire.http.get(f"{served.origin}/healthz").status_code == 200
                assert await second.start() == url
                assert wire.http.get(f"{served.origin}/readyz").status_code == 200
                assert len(contents(wire, tokens, session)) > SOME_FILES
    finally:
        await first.stop()
        await second.stop()
