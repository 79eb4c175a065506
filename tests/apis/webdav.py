"""A WebDAV server of real software (wsgidav) for tests, in a thread, and what goes wrong there next."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from wsgidav.wsgidav_app import WsgiDAVApp

from tests.threads import in_a_thread

USER, PASSWORD = "ann", "app-password"


@dataclass
class WebDav:
    """A running server with one user. `folder` is what lies there, `failures` are the answers that come first."""

    folder: Path
    address: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)
    passwords: dict[str, dict[str, str]] = field(default_factory=lambda: {USER: {"password": PASSWORD}})

    def fail(self, method: str, path: str, status: str, **headers: str) -> None:
        """Have the next request with this method and end of path answer something else."""
        self.failures.append((method, path, status, headers))

    def fetched(self) -> list[str]:
        """Return the paths of the files that were fetched since the last call, and forget them."""
        found = [path for method, path in self.asked if method == "GET"]
        self.asked.clear()
        return found


class _Server(ThreadingMixIn, WSGIServer):
    pass


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def webdav(folder: Path) -> Iterator[WebDav]:
    """Run a server."""
    server = WebDav(folder)
    mapping = {"*": server.passwords}
    dav = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": mapping},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        server.asked.append((method, path))
        for failure in server.failures:
            if failure[0] == method and path.rstrip("/").endswith(failure[1]):
                server.failures.remove(failure)
                start(failure[2], [*failure[3].items(), ("Content-Length", "0")])
                return [b""]
        return dav(environ, start)

    with in_a_thread(make_server("127.0.0.1", 0, answer, server_class=_Server, handler_class=_Quiet)) as at:
        server.address = f"http://{at}"
        yield server
