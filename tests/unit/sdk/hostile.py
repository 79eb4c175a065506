"""A platform that means harm: a server on a real socket that answers with any bytes, also for ever."""

import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Behaviour = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request, and the connection to answer on."""

    method: str
    path: str
    connection: socket.socket = field(repr=False)
    stopping: threading.Event = field(repr=False)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def answer(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send a proper answer."""
        lines = [f"HTTP/1.1 {status} Status", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if self.method == "HEAD" else body))

    def for_ever(self, piece: bytes, every: float = 0.0) -> None:
        """Send a piece again and again, until the client goes away or the test ends."""
        while not self.stopping.wait(every):
            self.send(piece)


@contextmanager
def hostile_platform(behaviour: Behaviour) -> Iterator[str]:
    """The API's address of a server that behaves so. The connection is closed after each answer."""
    stopping = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)

    def serve() -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                connection, _ = listening.accept()
                threading.Thread(target=_serve_one, args=(connection, behaviour, stopping), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1.7/"
    finally:
        stopping.set()
        thread.join()
        listening.close()


def _serve_one(connection: socket.socket, behaviour: Behaviour, stopping: threading.Event) -> None:
    with connection, suppress(OSError, ValueError):
        connection.settimeout(30)
        received = connection.makefile("rb")
        method, path, _ = received.readline().decode().split(" ", 2)
        headers = {}
        while (line := received.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        received.read(int(headers.get("content-length", 0)))
        if headers.get("transfer-encoding") == "chunked":
            while received.readline().strip() != b"0":
                pass
            received.readline()
        behaviour(Exchange(method, path, connection, stopping))


def gzip_bomb(megabytes: int) -> bytes:
    """A gzip file that decompresses to so many MB of zeros, a thousandth as large; made in no time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(16 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + piece * (megabytes // 16)
