"""Servers in a thread of the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread

LOOK_SECONDS = 0.02  # The end of a block waits for this long.


@contextmanager
def in_a_thread(server: TCPServer) -> Iterator[str]:
    """Run a server of the standard library until the end of the block, and provide its host and port.

    Requests that are still being answered then are not waited for.
    """
    if isinstance(server, ThreadingMixIn):
        server.daemon_threads = True
    with server:
        thread = Thread(target=server.serve_forever, args=(LOOK_SECONDS,))
        thread.start()
        try:
            host, port = server.server_address[:2]
            yield f"{host!s}:{port}"
        finally:
            server.shutdown()
            thread.join()
