"""Tests of the pool's connections to a database that ends them."""

from sqlalchemy import text

from privateshare.platform.db.engine import Database
from privateshare.platform.runtime import Platform


async def test_an_idle_connection_that_was_ended_is_replaced(platform: Platform) -> None:
    """A restart of PostgreSQL ends all connections. The next transactions get new ones, and none of them fails."""
    database = Database(platform.database_url.get_secret_value(), 1)
    try:
        seen = [await backend(database)]
        assert await backend(database) == seen[0]
        for _ in range(2):
            async with platform.database.transaction() as db:
                assert await db.scalar(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": seen[-1]})
            seen.append(await backend(database))
            assert len(set(seen)) == len(seen)
    finally:
        await database.close()


async def backend(database: Database) -> int:
    """Return the process of PostgreSQL that a transaction runs in."""
    async with database.transaction() as db:
        return int((await db.scalars(text("SELECT pg_backend_pid()"))).one())
