"""Tests of what a serving process tells its operator."""

import asyncio

import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.processes.web import announce


@pytest.mark.parametrize("origin", [None, "https://share.example.org"])
async def test_the_address_to_listen_on_is_told_beside_a_public_one(origin: str | None) -> None:
    """An operator needs it to set up the proxy."""
    told: list[str] = []
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await announce(Settings(origin=origin), port, told.append)
    here = f"http://127.0.0.1:{port}"
    expected = [f"PrivateShare is ready at {here}"]
    if origin is not None:
        expected = [f"PrivateShare is ready at {origin}", f"It listens on {here}"]
    assert told[:-1] == expected
