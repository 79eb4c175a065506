"""A web server on this machine that receives a person who comes back from the consent pages. RFC 8252 7.3."""

import hmac
import socket
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit

from privateshare.errors import AuthorizationFailed, ConfigurationError

LOOPBACK_HOSTS = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}
"""The names of this machine in a callback, and the addresses to listen on for them."""
IDLE_SECONDS = 10.0
"""How long a connection may send nothing. Browsers open connections that they may never use."""
STOP_CHECK_SECONDS = 0.05
WAIT_SECONDS = 30 * 60.0
"""How long to wait by default: the consent link is valid for as long (protocol 4.6)."""
OK, BAD_REQUEST, NOT_FOUND = 200, 400, 404
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><title>{0}</title>'
    '<body style="font: 1.2rem system-ui; margin: 4rem auto; max-width: 30rem; padding: 0 1rem"><h1>{0}</h1><p>{1}</p>'
)
AGREED = PAGE.format("Thank you", "You can close this page and go back to the program.")
NOT_SHARED = PAGE.format("Nothing was shared", "You can close this page and go back to the program.")
FOREIGN = PAGE.format("This page is not expected", "The program waits for the answer to another request.")
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class LoopbackServer:
    """A server at the callback of one request, on a port of this machine. It is closed at the end of the `with` block.

    With port 0 it takes a free port; `address` is the callback to use then.
    """

    def __init__(self, callback: str) -> None:
        host, port, self._path = _parts(callback)
        self._returned: Future[str] = Future()
        self._server = _listen(host, port)
        shown = f"[{host}]" if ":" in host else host
        self._origin = f"http://{shown}:{self._server.server_port}"
        self.address: str = self._origin + self._path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def returned(self, state: str) -> "Future[str]":
        """Begin to answer, and return the future of the address that the person comes back to with this state."""
        self._server.start(lambda target: self._page_for(target, state), self._receive)
        return self._returned

    def _page_for(self, target: str, state: str) -> str | None:
        """Return the page for a request, or None if it is not for this callback.

        A request with another state belongs to something else, so it is not what the program waits for.
        """
        parts = urlsplit(target)
        if parts.path != self._path:
            return None
        query = parse_qs(parts.query)
        if not hmac.compare_digest(query.get("state", [""])[0].encode(), state.encode()):
            return FOREIGN
        return NOT_SHARED if query.get("success") == ["false"] else AGREED

    def _receive(self, target: str) -> None:
        with suppress(InvalidStateError):  # The person reloaded the page.
            self._returned.set_result(self._origin + target)


class _Server(ThreadingHTTPServer):
    """An HTTP server that asks for the page of each request."""

    daemon_threads = True
    is_started = False

    def start(self, page_for: Callable[[str], str | None], receive: Callable[[str], None]) -> None:
        self.page_for, self.receive, self.is_started = page_for, receive, True
        Thread(target=self.serve_forever, args=(STOP_CHECK_SECONDS,), daemon=True).start()

    def stop(self) -> None:
        if self.is_started:
            self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a browser that closes its connection is no error, and a traceback could show the code."""


class _ServerOnIPv6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        page = self.server.page_for(self.path)
        if page is None:
            self.send_error(NOT_FOUND)
            return
        self.send_response(BAD_REQUEST if page == FOREIGN else OK)
        for name, value in (HEADERS | {"content-length": str(len(page.encode()))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page.encode())
        if page != FOREIGN:
            self.server.receive(self.path)

    def log_message(self, *_: object) -> None:
        """Log nothing, because the address contains an authorization code."""


def did_not_return(seconds: float) -> AuthorizationFailed:
    """Build the error for a person who did not come back in time."""
    return AuthorizationFailed("TIMEOUT", f"The person did not come back within {seconds:g} seconds")


def _parts(callback: str) -> tuple[str, int, str]:
    """Return host, port and path of a callback. Raise ConfigurationError if it is not an address of this machine."""
    expected = "the callback must be an address of this machine with a port, such as http://127.0.0.1:8000/return"
    hint = "A registered loopback address allows any port. For another address, use a web server and read_return"
    try:
        parts = urlsplit(callback)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigurationError(f"To wait for a person, {expected}", hint=hint) from error
    if parts.scheme != "http" or host not in LOOPBACK_HOSTS or port is None:
        raise ConfigurationError(f"To wait for a person, {expected}", hint=hint)
    return host, port, parts.path or "/"


def _listen(host: str, port: int) -> _Server:
    kind = _ServerOnIPv6 if ":" in host else _Server
    try:
        return kind((LOOPBACK_HOSTS[host], port), _Handler)
    except OSError as error:
        hint = "Stop the program that uses it, or choose another port: a registered loopback address allows any"
        raise ConfigurationError(
            f"Cannot listen on port {port} of this machine: {error.strerror}", hint=hint
        ) from error
