"""A web server that answers as a test wrote it, on a real socket."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.threads import in_a_thread

Answer = tuple[int, dict[str, str], bytes]


class Scripted:
    """A server that answers a path as a test wrote it. `asked` holds what came: path, then the token."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[], Answer]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.address = ""

    def bundle(self, path: str, *resources: Any, link: str | None = None, **headers: str) -> None:
        """A page of a search at a path."""
        links = [] if link is None else [{"relation": "next", "url": link}]
        entries = [{"resource": resource} for resource in resources]
        bundle = {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}
        self.json(path, bundle, 200, **headers)

    def json(self, path: str, content: Any, status: int = 200, **headers: str) -> None:
        """JSON at a path."""
        self.answers[path] = status, {name.replace("_", "-"): text for name, text in headers.items()}, dumped(content)


def dumped(content: Any) -> bytes:
    return json.dumps(content).encode()


@contextmanager
def serving(scripted: Scripted) -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.split("?")[0]
            scripted.asked.append((self.path, self.headers.get("authorization")))
            found = scripted.answers.get(path) or scripted.answers.get(self.path) or (404, {}, b"{}")
            status, headers, body = found if isinstance(found, tuple) else found()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "transfer-encoding" not in headers:
                self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PROPFIND = do_REPORT = _answer  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: object) -> None:
            pass

    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as at:
        scripted.address = f"http://{at}"
        yield scripted
