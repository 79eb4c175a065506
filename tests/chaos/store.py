"""An S3 server that can be told to fail or to be slow."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

ERROR = b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>made to fail</Message></Error>'


class FaultyStore:
    """A server of S3 in a thread of this process. `fails` and `delay_seconds` may be changed at any time."""

    def __init__(self) -> None:
        self.fails = False
        self.delay_seconds = 0.0
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
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        if self.fails:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"].read(length)
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [ERROR]
        answered: Iterable[bytes] = self._application(environ, start_response)
        return answered
