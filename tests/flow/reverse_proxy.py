"""A small reverse proxy for tests: it gives a platform a path on a host that others share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.patience import GIVE_UP_SECONDS
from tests.threads import in_a_thread

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade"}


@dataclass
class ReverseProxy:
    """What stands before the platform. With `strips` it takes the path off what it passes on.

    `outside` are the requests for what is not below the path, with their cookies: the rest of the host is others'.
    """

    path: str
    port: int
    upstream: str = ""
    strips: bool = True
    outside: list[tuple[str, str]] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The address that people and apps use."""
        return f"http://127.0.0.1:{self.port}{self.path}"


@contextmanager
def reverse_proxy(path: str) -> Iterator[ReverseProxy]:
    """Provide a proxy on a loopback port. Set its `upstream` before the first request."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = ReverseProxy(path, server.server_port)
    server.proxy = proxy  # type: ignore[attr-defined]
    with in_a_thread(server):
        yield proxy


class Handler(BaseHTTPRequestHandler):
    """Passes one request on, and its answer back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # The body would wait 40 ms for the confirmation of the headers.
    server: ThreadingHTTPServer

    def do_GET(self) -> None:
        """Forward a request of any method."""
        proxy: ReverseProxy = self.server.proxy  # type: ignore[attr-defined]
        if not self.path.startswith(f"{proxy.path}/"):
            proxy.outside.append((self.path, self.headers.get("cookie", "")))
            self._answer(200, [("content-type", "text/html")], b"<!doctype html><title>another site</title>")
            return
        target = self.path.removeprefix(proxy.path) if proxy.strips else self.path
        sent = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection = HTTPConnection(urlsplit(proxy.upstream).netloc, timeout=GIVE_UP_SECONDS)
        try:
            connection.request(self.command, target, self._body(), sent | {"X-Forwarded-Host": "elsewhere.example"})
            response = connection.getresponse()
            headers = [(name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP]
            self._answer(response.status, headers, response.read())
        finally:
            connection.close()

    do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that the base class calls

    def _body(self) -> bytes | None:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0))) or None
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if status != 304:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
