"""Tests of a platform whose requests reach PostgreSQL through pgbouncer in transaction mode."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.databases import copied_postgres
from tests.flow.people import People
from tests.flow.poolers import pgbouncer
from tests.flow.served import serving
from tests.flow.sessions import QUERY, triggered, wait_until_over


@pytest.fixture
async def people(short_path: Path, tmp_path: Path) -> AsyncIterator[People]:
    """Provide people of a platform behind pgbouncer."""
    async with copied_postgres(short_path / "postgres") as url:
        os.chmod(short_path, 0o755)
        with pgbouncer(short_path, url) as pooled:
            environment = {"DATABASE_URL": url, "PRIVATESHARE_DATABASE_POOLER_URL": pooled}
            with serving(tmp_path / "data", environment=environment) as served:
                settings = Settings.model_validate(
                    {"data": served.data, "database_url": url, "database_pooler_url": pooled}
                )
                async with operator_platform(settings) as platform:
                    yield People(platform, served.origin)


async def test_everything_works_through_a_pooler(people: People) -> None:
    """A person shares, an app reads files at once and again, and a later session fetches again."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    listed = wait_until_over(wire, tokens, session)
    names = [entry["name"] for entry in listed["fileList"]]
    for _ in range(8):  # A statement is prepared on the fifth use at the latest, where that is allowed.
        read = await asyncio.gather(
            *(asyncio.to_thread(wire.get, f"{QUERY}/{session}/{name}", access_token=tokens.access) for name in names)
        )
        assert {answer.status_code for answer in read} == {200}
    again = triggered(wire, tokens)
    assert [entry["name"] for entry in wait_until_over(wire, tokens, again)["fileList"]] == names
