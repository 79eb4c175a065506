"""A proxy of TCP between apps and a platform, which cuts connections in the middle of requests and responses."""

import asyncio
import random
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE_BYTES = 16 * 1024
CUT_PIECES = 0.3  # The share of the pieces in the middle of which a connection ends, while connections are cut.
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing ends the connection at once.


class Link:
    """The proxy.

    Attributes:
        is_cutting: Whether connections end in the middle of what they carry, in either direction.
        port: The port at which it listens.
        cut: How many connections it has cut.
    """

    def __init__(self, platform_port: int, seed: int = 0) -> None:
        self.is_cutting, self.cut, self.port = False, 0, 0
        self._platform_port, self._chance = platform_port, random.Random(seed)
        self._ready = threading.Event()
        self._open: set[StreamWriter] = set()

    @property
    def origin(self) -> str:
        """Return the platform's address through this proxy."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def carrying(self) -> Iterator["Link"]:
        """Carry connections until the end of the block. It runs in a thread, since tests call platforms and wait."""
        stopping, loop = asyncio.Event(), asyncio.new_event_loop()
        thread = threading.Thread(target=lambda: loop.run_until_complete(self._run(stopping)), daemon=True)
        thread.start()
        self._ready.wait()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stopping.set)
            thread.join()

    async def _run(self, stopping: asyncio.Event) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await stopping.wait()
        server.close()
        for writer in tuple(self._open):
            _reset(writer)
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            above, below = await asyncio.open_connection("127.0.0.1", self._platform_port)
        except OSError:
            _reset(writer)
            return
        both = (writer, below)
        self._open.update(both)
        async with asyncio.TaskGroup() as directions:
            directions.create_task(self._copy(reader, below, both))
            directions.create_task(self._copy(above, writer, both))
        for one in both:
            one.close()
        self._open.difference_update(both)

    async def _copy(self, source: StreamReader, target: StreamWriter, both: tuple[StreamWriter, ...]) -> None:
        """Carry what one side sends until it ends, or until the connection is cut after a part of a piece."""
        try:
            while piece := await source.read(PIECE_BYTES):
                cuts = self.is_cutting and self._chance.random() < CUT_PIECES
                target.write(piece[: self._chance.randrange(len(piece))] if cuts else piece)
                await target.drain()
                if cuts:
                    self.cut += 1
                    for one in both:
                        _reset(one)
                    return
            target.write_eof()
        except OSError:  # One side is gone, so the other one must learn of it.
            for one in both:
                _reset(one)


def _reset(writer: StreamWriter) -> None:
    """End a connection as when the other machine is gone."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
