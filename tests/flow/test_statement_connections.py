"""The connections of named statements: what is cancelled, lost or half-done on one never reaches the next user."""

import asyncio
from select import select
from typing import Any

import pytest
from psycopg import AsyncConnection, OperationalError
from psycopg.errors import DivisionByZero, FeatureNotSupported

from privateshare.platform.db.prepared_statements import MAX_PREPARED
from privateshare.platform.db.statement_connections import StatementConnections
from privateshare.platform.runtime import Platform
from tests.patience import wait_for

BACKEND, SLEEP = b"SELECT pg_backend_pid()", b"SELECT pg_sleep(600)"
RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"


async def value(connection: AsyncConnection[Any], sql: bytes) -> Any:
    return (await (await connection.execute(sql)).fetchall())[0][0]


def connections(
    platform: Platform, limit: int = 1, seconds: float = 5, *, keeps_prepared: bool = True
) -> StatementConnections:
    return StatementConnections(
        platform.database_url.get_secret_value().replace("+psycopg", ""),
        limit,
        timeout_seconds=seconds,
        keeps_prepared=keeps_prepared,
    )


async def test_a_cancelled_statement_ends_in_postgresql(platform: Platform) -> None:
    """Its connection works on, and has no result of it."""
    of_one = connections(platform)
    try:
        connection = await of_one.take()
        backend = await value(connection, BACKEND)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connection.execute(SLEEP)
        of_one.give_back(connection)
        again = await of_one.take()
        assert await value(again, BACKEND) == backend
        assert await value(again, RUNNING.encode()) == 0
        of_one.give_back(again)
    finally:
        of_one.close()


async def test_a_lost_connection_is_replaced(platform: Platform) -> None:
    """Whether it was lost while nobody used it, or during a statement, whose caller gets an error."""
    of_two = connections(platform, 2)
    try:
        killer, victim = await of_two.take(), await of_two.take()
        waiting = asyncio.create_task(victim.execute(SLEEP))
        await asyncio.sleep(0)
        backend = victim.info.backend_pid
        await killer.execute(b"SELECT pg_terminate_backend(%s, 60000)", [backend])
        with pytest.raises(OperationalError):
            await waiting
        of_two.give_back(victim)
        second = await of_two.take()
        assert await value(second, BACKEND) != backend
        idle = second.info.backend_pid
        of_two.give_back(second)
        await killer.execute(b"SELECT pg_terminate_backend(%s, 60000)", [idle])
        third = await of_two.take()
        with pytest.raises(OperationalError):
            await third.execute(b"SELECT 1")
        of_two.give_back(third)
        fourth = await of_two.take()
        assert await value(fourth, BACKEND) not in (backend, idle)
        of_two.give_back(fourth)
        of_two.give_back(killer)
    finally:
        of_two.close()


async def test_an_open_transaction_does_not_reach_the_next_user(platform: Platform) -> None:
    """A connection that is given back in one is closed, which rolls it back."""
    of_one = connections(platform)
    try:
        connection = await of_one.take()
        await connection.execute(b"BEGIN")
        backend = connection.info.backend_pid
        of_one.give_back(connection)
        again = await of_one.take()
        assert await value(again, BACKEND) != backend
        of_one.give_back(again)
    finally:
        of_one.close()


async def test_a_request_that_gets_no_connection_in_time_fails(platform: Platform) -> None:
    """And the next one gets it as soon as it is given back."""
    of_one = connections(platform, seconds=0.05)
    try:
        held = await of_one.take()
        with pytest.raises(OperationalError, match="free"):
            await of_one.take()
        following = asyncio.create_task(of_one.take())
        await asyncio.sleep(0)
        of_one.give_back(held)
        assert await following is held
        of_one.give_back(held)
    finally:
        of_one.close()


async def test_a_large_result_arrives_whole(platform: Platform) -> None:
    """It takes more than one read of the socket."""
    of_one = connections(platform)
    try:
        connection = await of_one.take()
        cursor = await connection.execute(b"SELECT repeat('x', 10000) FROM generate_series(1, 2000)")
        assert sum(len(row[0]) for row in await cursor.fetchall()) == 20_000_000
        long = "y" * 20_000_000  # This does not fit into the buffers of the socket.
        assert await value_of(connection, long) == len(long)
        of_one.give_back(connection)
    finally:
        of_one.close()


@pytest.mark.parametrize("keeps_prepared", [True, False])
async def test_more_statements_than_are_kept(platform: Platform, keeps_prepared: bool) -> None:
    """All run, also those that were prepared before the others and forgotten since, and one that failed."""
    of_one = connections(platform, keeps_prepared=keeps_prepared)
    try:
        connection = await of_one.take()
        statements = connection.statements
        for number in [*range(MAX_PREPARED + 2), 0, 1]:
            result = await statements.run(
                b"SELECT %d + %%(more)s::int4, %%(none)s::text" % number, {"more": 1, "none": None}
            )
            assert statements.rows(result, list) == [[number + 1, None]]
        divide = b"SELECT 1 / %(divisor)s::int4"
        with pytest.raises(DivisionByZero):
            await statements.run(divide, {"divisor": 0})
        assert statements.rows(await statements.run(divide, {"divisor": 1}), list) == [[1]]
        of_one.give_back(connection)
    finally:
        of_one.close()


@pytest.mark.parametrize("change", [b"DEALLOCATE ALL", b"ALTER TABLE changing ALTER number TYPE bigint"])
async def test_statements_that_were_prepared_before_a_change(platform: Platform, change: bytes) -> None:
    """A pooler may deallocate them, and a migration may change their columns. They are prepared again."""
    of_one = connections(platform)
    try:
        connection = await of_one.take()
        read, statements = b"SELECT number, %(more)s::text FROM changing", connection.statements
        await connection.execute(b"CREATE TEMPORARY TABLE changing AS SELECT 1::int AS number")
        assert statements.rows(await statements.run(read, {"more": "x"}), list) == [[1, "x"]]
        await connection.execute(change)
        assert statements.rows(await statements.run(read, {"more": "y"}), list) == [[1, "y"]]
        await connection.execute(b"ALTER TABLE changing ALTER number TYPE text")
        await connection.execute(b"BEGIN")
        with pytest.raises(FeatureNotSupported):
            await statements.run(read, {"more": "x"})
        await connection.execute(b"ROLLBACK")
        assert statements.rows(await statements.run(read, {"more": "x"}), list) == [["1", "x"]]
        of_one.give_back(connection)
    finally:
        of_one.close()


async def test_a_request_that_is_cancelled_while_statements_are_deallocated(platform: Platform) -> None:
    """The next user of the connection can run all of them."""
    of_one = connections(platform)
    try:
        connection = await of_one.take()
        statements = connection.statements
        for number in range(MAX_PREPARED):
            await statements.run(b"SELECT %d" % number, {})
        cancelled = asyncio.create_task(statements.run(b"SELECT %d" % MAX_PREPARED, {}))
        await asyncio.sleep(0)  # It waits for PostgreSQL, which deallocates all statements, and is read too late.
        wait_for(lambda: has_response(connection))
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        of_one.give_back(connection)
        again = await of_one.take()
        assert again is connection
        assert statements.rows(await statements.run(b"SELECT 0", {}), list) == [[0]]
        of_one.give_back(again)
    finally:
        of_one.close()


def has_response(connection: AsyncConnection[Any]) -> bool:
    return bool(select([connection.pgconn.socket], [], [], 0)[0])


async def value_of(connection: AsyncConnection[Any], text: str) -> Any:
    return (await (await connection.execute(b"SELECT length(%s::text)", [text])).fetchall())[0][0]
