"""Tests of reports that are read from a replica of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db import replica
from privateshare.platform.db.engine import Database
from privateshare.platform.db.replica import Answering, ReportDatabase
from privateshare.platform.embedded.postgres import DATABASE, database_url
from tests.flow.databases import copied_postgres
from tests.flow.replicas import start_replica
from tests.ports import free_port

NOWHERE = f"postgresql://privateshare@127.0.0.1:{free_port()}/{DATABASE}"
CONNECTIONS = 100
DURABLY = quote("-c synchronous_commit=on")  # The databases of tests do not flush what is committed.


@pytest.fixture
async def url(short_path: Path) -> AsyncIterator[str]:
    """Provide the URL of a database."""
    async with copied_postgres(short_path / "primary") as url:
        yield url


@asynccontextmanager
async def reporting(
    url: str, replica_url: str, counted: list[Answering]
) -> AsyncIterator[tuple[Database, ReportDatabase]]:
    """Open a database, and its reports."""
    primary = Database(f"{url}&options={DURABLY}", 2)
    reports = ReportDatabase(primary, replica_url, counted.append)
    try:
        yield primary, reports
    finally:
        await reports.close()
        await primary.close()


async def numbers(db: AsyncSession) -> list[int]:
    """Return what `write` has written."""
    return list(await db.scalars(text("SELECT number FROM written ORDER BY number")))


async def write(database: Database, number: int) -> None:
    """Write a number."""
    async with database.transaction() as db:
        await db.execute(text("CREATE TABLE IF NOT EXISTS written (number integer)"))
        await db.execute(text("INSERT INTO written VALUES (:number)"), {"number": number})


@pytest.mark.parametrize("is_there", [True, False])
async def test_the_primary_answers_without_a_usable_replica(url: str, *, is_there: bool) -> None:
    """A server that is not there, or that is no replica, is not used, and not asked again for a while."""
    counted: list[Answering] = []
    async with reporting(url, url if is_there else NOWHERE, counted) as (primary, reports):
        await write(primary, 1)
        assert [await reports.read(numbers) for _ in range(2)] == [[1], [1]]
        assert counted == ["primary", "primary"]


async def test_errors_of_a_report_are_those_of_the_primary(url: str) -> None:
    """What fails on both fails."""
    async with reporting(url, NOWHERE, []) as (_, reports):
        with pytest.raises(ZeroDivisionError):
            await reports.read(_failing)


async def _failing(_: AsyncSession) -> int:
    return 1 // 0


@pytest.mark.slow
async def test_a_replica_answers_while_it_is_current(
    url: str, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report has everything that was committed before it, whichever of the two answers."""
    monkeypatch.setattr(replica, "PAUSE_SECONDS", 0.0)
    counted: list[Answering] = []
    short_path.chmod(0o755)  # The user that PostgreSQL runs as goes from one to the other.
    following = await start_replica(short_path / "replica", short_path / "primary", url, CONNECTIONS)
    own = database_url(short_path / "replica")
    follower = Database(own, 2)
    try:
        async with reporting(url, own, counted) as (primary, reports):
            for number in range(20):
                await write(primary, number)
                assert await reports.read(numbers) == list(range(number + 1))
            assert counted == ["replica"] * 20
            await _run(follower, "SELECT pg_wal_replay_pause()")
            await write(primary, 20)
            assert await reports.read(numbers) == list(range(21))
            assert counted.pop() == "primary"
            await _run(follower, "SELECT pg_wal_replay_resume()")
            assert await reports.read(numbers) == list(range(21))
            assert counted.pop() == "replica"
            await _run(follower, "SELECT pg_promote()")  # From now on it is a database of its own.
            await write(primary, 21)
            assert await reports.read(numbers) == list(range(22))
            assert counted.pop() == "primary"
    finally:
        await follower.close()
        await following.stop()


async def _run(database: Database, statement: str) -> None:
    async with database.transaction() as db:
        await db.execute(text(statement))
