"""Tests of connections to a server that ends in the middle of a statement."""

import asyncio
import socket
import struct
import sys
import threading
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from psycopg import OperationalError
from tests.patience import GIVE_UP_SECONDS

from privateshare.platform.db.watched_connection import WatchedConnection

AUTHENTICATED, READY = b"R\0\0\0\x08\0\0\0\0", b"Z\0\0\0\x05I"
TERMINATED = b"E\0\0\0\x23SFATAL\0C57P01\0Mterminating it\0\0"
NO_WAIT = struct.pack("ii", 1, 0)
uvloop = pytest.importorskip("uvloop", reason="uvloop is not for this system")


def end_in_the_middle(listening: socket.socket) -> None:
    """Accept a connection as PostgreSQL does. Once a statement arrives, refuse it without reading it, and close."""
    connection, _ = listening.accept()
    connection.recv(4096)
    connection.sendall(AUTHENTICATED + READY)
    connection.recv(1, socket.MSG_PEEK)
    connection.sendall(TERMINATED)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_WAIT)
    connection.close()


@pytest.mark.parametrize("family", ["unix", "tcp"])
@pytest.mark.skipif(sys.platform != "linux", reason="how a connection ends is Linux's to say")
def test_a_connection_that_ends_with_an_error_is_noticed(family: str) -> None:
    """uvloop, on which the platform runs, does not tell it. The statement fails soon, and does not wait for ever."""
    unix = family == "unix"
    with (
        TemporaryDirectory(dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as listening,
    ):
        address: Any = f"{folder}/.s.PGSQL.5432" if unix else ("127.0.0.1", 0)
        listening.bind(address)
        listening.listen()
        where = f"host={folder}" if unix else f"host=127.0.0.1 port={listening.getsockname()[1]}"
        server = threading.Thread(target=end_in_the_middle, args=[listening])
        server.start()

        async def run() -> None:
            connection = await WatchedConnection.connect(
                f"{where} user=x sslmode=disable gssencmode=disable", autocommit=True
            )
            running = asyncio.create_task(connection.execute(b"SELECT 1"))
            done, _ = await asyncio.wait({running}, timeout=GIVE_UP_SECONDS)
            assert done
            with pytest.raises(OperationalError):
                await running
            connection.discard()

        uvloop.run(run())
        server.join()
