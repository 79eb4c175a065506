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
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.served import serving
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.flow.storage_calls import cloud
from tests.flow.wire import unsealed


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
    """A person shares, an app reads files at once and again, a later session fetches again, and apps push files."""
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
    assert wire.get("permission-access/accounts", access_token=tokens.access).status_code == 200
    await push_and_read_back(people)
    for _ in range(6):
        refreshed = wire.refresh(tokens.refresh)
        assert refreshed.status_code == 200
        tokens = wire.tokens(refreshed)


async def push_and_read_back(people: People) -> None:
    """Push files at once, one of them twice with the same request, and store a file. All of them come back once."""
    write, raw = [await people.contract(kind=kind, partner="Pushing") for kind in ("write", "read-raw")]
    pushing, _ = await people.user(write, sources=())
    reading, _ = await people.user(raw, sources=(), library_id=await people.library_of(pushing))
    contents = [b"file %d" % number for number in range(12)]
    requests, headers = [(write.jwt(access_token=pushing.access), one) for one in contents], descriptor(write)

    def push(token: str, content: bytes) -> int:
        return write.post(IMPORT, jwt=token, content=content, headers=headers).status_code

    twice = [*requests, *requests]
    assert set(await asyncio.gather(*(asyncio.to_thread(push, *one) for one in twice))) == {200}
    session = triggered(raw, reading, accept={"compression": "none"})
    listed = raw.get(f"{QUERY}/{session}", access_token=reading.access).json()["fileList"]
    answers = [raw.get(f"{QUERY}/{session}/{entry['name']}", access_token=reading.access) for entry in listed]
    assert sorted(unsealed(answer.content, raw.key) for answer in answers) == sorted(contents)
    storage = str(write.post("storage").json()["id"])
    for content in contents:
        assert cloud(write, "POST", storage, "/file", content=content).status_code == 201
    assert cloud(write, "GET", storage, "/file").content == contents[-1]
