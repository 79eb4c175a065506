"""A web server on this machine that receives the redirect after consent, for apps at a terminal."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Self

PAGE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Done</title>
<body style="font: 1.2rem system-ui; margin: 4rem auto; max-width: 30rem"><h1>Thank you</h1>
<p>Go back to the terminal: it reads your data now.</p>"""


class ReturnAddress:
    """A loopback address that is open until the end of the `with` block."""

    REGISTERED = "http://127.0.0.1/return"  # A registered loopback address allows any port.

    def __init__(self) -> None:
        came: SimpleQueue[str] = SimpleQueue()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if not self.path.startswith("/return?"):
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Referrer-Policy", "no-referrer")
                self.end_headers()
                self.wfile.write(PAGE)
                came.put(self.path)

            def log_message(self, *_: object) -> None:
                """Log nothing, because the address contains a code."""

        self._came = came
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/return"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float | None = None) -> str | None:
        """Wait for the redirect and return its address; None if it does not arrive in time."""
        try:
            return self.address.removesuffix("/return") + self._came.get(timeout=seconds)
        except Empty:
            return None
