"""An S3 server that can be told to fail, to be slow, to stop, or to break off its answers."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

MAX_PAUSE_SECONDS = 30
ERROR = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>made to fail</Message></Error>'


class FaultyStore:
    """A server of S3 in a thread of this process.

    Attributes:
        fails: Whether it answers 500, and does nothing.
        delay_seconds: How long it waits before it does something.
        breaks_off: Whether it ends each connection in the middle of its answer, after it has done what was asked.
        going: An event that is not set while it is paused.
    """

    def __init__(self) -> None:
        self.fails = False
        self.breaks_off = False
        self.delay_seconds = 0.0
        self.going = threading.Event()
        self.going.set()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._application = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def environment(self) -> dict[str, str]:
        """Return the environment in which the platform finds this store."""
        access = {"ENDPOINT_URL": self.url, "ALLOW_HTTP": "true", "DEFAULT_REGION": "us-east-1"}
        access |= {"ACCESS_KEY_ID": "id", "SECRET_ACCESS_KEY": "secret"}
        return {f"AWS_{name}": value for name, value in access.items()}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve until the end of the block."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.going.wait(MAX_PAUSE_SECONDS)
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        if self.fails:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"].read(length)
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [ERROR]
        answered: Iterable[bytes] = self._application(environ, start_response)
        return _first_half(environ["werkzeug.socket"], answered) if self.breaks_off else answered

    def be_well(self) -> None:
        """Answer as it should again."""
        self.fails, self.breaks_off, self.delay_seconds = False, False, 0.0
        self.going.set()


def _first_half(connection: socket.socket, answered: Iterable[bytes]) -> Iterator[bytes]:
    """Yield half of an answer, and end the connection. Of an answer without a body nothing is sent."""
    whole = b"".join(answered)
    if whole:
        yield whole[: len(whole) // 2]
    connection.shutdown(socket.SHUT_RDWR)
