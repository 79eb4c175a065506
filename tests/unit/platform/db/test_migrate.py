"""Tests of migrations with the real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from tests.flow.databases import new_database

from privateshare.errors import ConfigurationError
from privateshare.platform.db.migrate import check, upgrade
from privateshare.platform.embedded.postgres import EmbeddedPostgres


@pytest.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Provide a PostgreSQL for the databases of all tests."""
    async with EmbeddedPostgres(tmp_path_factory.mktemp("migrate") / "postgres") as url:
        yield url


@pytest.fixture
async def database(postgres: str) -> str:
    """Provide an empty database."""
    return await new_database(postgres, migrated=False)


async def test_migrations_create_the_tables_of_the_code(database: str) -> None:
    """A migrated database has the tables that the code describes, and a second migration changes nothing."""
    await asyncio.to_thread(upgrade, database)
    await asyncio.to_thread(upgrade, database)
    await asyncio.to_thread(check, database)


async def test_several_processes_migrate_one_after_the_other(database: str) -> None:
    """None of several processes that start together fails."""
    await asyncio.gather(*(asyncio.to_thread(upgrade, database) for _ in range(3)))


async def test_a_database_of_another_version_is_not_changed(database: str) -> None:
    """One line says so, and its tables are not changed."""
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        await connection.execute("INSERT INTO alembic_version VALUES ('9999')")
    with pytest.raises(ConfigurationError, match="does not know"):
        await asyncio.to_thread(upgrade, database)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        assert await (await connection.execute(tables)).fetchall() == [("alembic_version",)]


UNINDEXED = """
SELECT conrelid::regclass::text || ' ' || conname
  FROM pg_constraint
 WHERE contype = 'f' AND confdeltype IN ('c', 'n') AND conrelid::regclass::text NOT LIKE 'procrastinate%'
   AND NOT EXISTS (
       SELECT FROM pg_index WHERE indrelid = conrelid AND indpred IS NULL AND indkey[0] = ANY (conkey))
"""


async def test_every_deletion_uses_an_index(database: str) -> None:
    """Rows that are deleted with a library, a consent or a session are found by an index."""
    await asyncio.to_thread(upgrade, database)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        found = await (await connection.execute(UNINDEXED)).fetchall()
    assert found == []
