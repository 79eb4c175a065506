"""Tests of connections to a database that does not respond."""

import asyncio
import socket

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from privateshare.platform.db import engine
from privateshare.platform.db.engine import Database

GIVE_UP_SECONDS = 25  # This is less than the defaults of the driver and of the pool.


@pytest.mark.parametrize("timeout", ["", "?connect_timeout=2"])
async def test_a_silent_database_times_out_soon(timeout: str) -> None:
    """The default timeout is short, unless the URL sets another."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none{timeout}", 2)
        async with asyncio.timeout(GIVE_UP_SECONDS):
            with pytest.raises(OperationalError, match="timeout"):
                async with database.transaction() as db:
                    await db.execute(text("SELECT 1"))
        await database.close()


def test_options_in_the_url_are_kept() -> None:
    """Options that an operator writes into DATABASE_URL are not replaced."""
    url = Database("postgresql://host/name?connect_timeout=60", 2).engine.url
    assert url.query["connect_timeout"] == "60"
    assert url.query["tcp_user_timeout"] == engine.CONNECTION_DEFAULTS["tcp_user_timeout"]
