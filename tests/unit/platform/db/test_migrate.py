"""Migrations against the real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from privateshare.platform.db.migrate import check, upgrade
from privateshare.platform.embedded.postgres import EmbeddedPostgres


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[str]:
    """An empty database."""
    async with EmbeddedPostgres(tmp_path / "postgres") as url:
        yield url


async def test_migrations_make_the_tables_of_the_code(database: str) -> None:
    """A migrated database is what the code describes, and migrating again changes nothing."""
    await asyncio.to_thread(upgrade, database)
    await asyncio.to_thread(upgrade, database)
    await asyncio.to_thread(check, database)


async def test_several_at_once(database: str) -> None:
    """Processes that start together migrate one after the other, and none fails."""
    await asyncio.gather(*(asyncio.to_thread(upgrade, database) for _ in range(3)))


async def test_stored_files_keep_their_names(database: str) -> None:
    """A file stored while names were casefolded is found by its own name afterwards, and by no other."""
    await asyncio.to_thread(upgrade, database, "0004")
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("INSERT INTO partners (id, name) VALUES ('p', 'p')")
        await connection.execute("INSERT INTO applications (id, partner_id, name) VALUES ('a', 'p', 'a')")
        contract = "INSERT INTO contracts VALUES ('c', 'a', 'read', '{}', '', '{}', false, false)"
        await connection.execute(contract)
        await connection.execute("INSERT INTO storages (id, application_id, contract_id) VALUES ('s', 'a', 'c')")
        for key, path in (("/masse/οδοσ", "/Maße/ΟΔΟς"), ("/plain", "/Plain"), ("/füße", "/FÜßE")):
            await connection.execute(
                "INSERT INTO stored_files (storage_id, key, id, path, blob, size) VALUES ('s', %s, %s, %s, 'b', 0)",
                (key.casefold(), uuid4(), path),
            )
    await asyncio.to_thread(upgrade, database)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        found = await (await connection.execute("SELECT key FROM stored_files ORDER BY key")).fetchall()
    assert [key for (key,) in found] == ["/füße", "/maße/οδος", "/plain"]


async def test_journeys_under_way_end(database: str) -> None:
    """What an app said of the way back is sealed from then on: journeys of before are found by no code, and swept."""
    code_hash = sha256(b"the code").digest()
    await asyncio.to_thread(upgrade, database, "0010")
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("INSERT INTO partners (id, name) VALUES ('p', 'p')")
        await connection.execute("INSERT INTO applications (id, partner_id, name) VALUES ('a', 'p', 'a')")
        await connection.execute("INSERT INTO contracts VALUES ('c', 'a', 'read', '{}', '', '{}', false, false)")
        await connection.execute(
            "INSERT INTO journeys (id, code_hash, browser_hash, kind, contract_id, redirect_uri, state, parameters,"
            " account_ids, provisional, expires_at)"
            " VALUES (%s, %s, %s, 'authorize', 'c', 'app:/', 'canary', '{}', '{}', true, now() + interval '1 hour')",
            (uuid4(), code_hash, b"browser"),
        )
    await asyncio.to_thread(upgrade, database)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        query = (
            "SELECT code_hash, browser_hash, provisional, expires_at <= now(), j::text LIKE '%canary%' FROM journeys j"
        )
        ((found, *rest),) = await (await connection.execute(query)).fetchall()
    assert found != code_hash
    assert rest == [None, True, True, False]


async def test_the_clock_begins_with_the_newest_time_that_is_stored(database: str) -> None:
    """The first start with this step may be one with a wrong clock; an empty database knows no time yet."""
    await asyncio.to_thread(upgrade, database, "0011")
    moment = datetime(2024, 5, 6, tzinfo=UTC)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("INSERT INTO signing_keys VALUES ('kid', '', '', %s)", (moment,))
    await asyncio.to_thread(upgrade, database)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        found = await (await connection.execute("SELECT seen_at, doubted_from FROM clock_readings")).fetchall()
    assert found == [(moment, None)]


UNINDEXED = """
SELECT conrelid::regclass::text || ' ' || conname
  FROM pg_constraint
 WHERE contype = 'f' AND confdeltype IN ('c', 'n') AND conrelid::regclass::text NOT LIKE 'procrastinate%'
   AND NOT EXISTS (
       SELECT FROM pg_index WHERE indrelid = conrelid AND indpred IS NULL AND indkey[0] = ANY (conkey))
"""


async def test_no_deletion_looks_through_a_whole_table(database: str) -> None:
    """What goes with a library, a consent or a session is found by an index, however many rows there are."""
    await asyncio.to_thread(upgrade, database)
    async with await psycopg.AsyncConnection.connect(database) as connection:
        found = await (await connection.execute(UNINDEXED)).fetchall()
    assert found == []
