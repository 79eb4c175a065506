"""A platform whose answers a test scripts, for tests of how the SDK reads where things go wrong."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep

from privateshare.errors import ApiError
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from tests.keys import rsa_key
from tests.threads import in_a_thread

KEY = rsa_key()
ENVELOPE_START = 272
PATIENCE = {"busy": "0", "patience": "3"}  # as `retry-after`
HOLD_SECONDS = 2.0  # protocol 6.7


def content(name: str) -> bytes:
    """What a file holds."""
    return f"[{json.dumps(name)}]".encode() * 500


@dataclass
class Scripted:
    """How often each file was asked for; and what each answer is: `whole` where nothing is scripted."""

    lists: Callable[[int], dict[str, object]]
    script: dict[str, list[str]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    api: str = ""
    listed: int = 0
    hold: float = HOLD_SECONDS
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_step(self, name: str) -> str:
        """What this request comes to."""
        with self.lock:
            self.asked[name] += 1
            steps = self.script.get(name, [])
            return steps.pop(0) if steps else "whole"

    def next_list(self) -> bytes:
        """The next file list."""
        with self.lock:
            self.listed += 1
            return json.dumps(self.lists(self.listed)).encode()


def file_list(names: list[str], state: str = "completed", updated: int = 1) -> dict[str, object]:
    """A list of files."""
    return {"status": {"state": state}, "fileList": [{"name": name, "updatedDate": updated} for name in names]}


@contextmanager
def scripted(platform: Scripted) -> Iterator[Scripted]:
    """Serves it."""
    with in_a_thread(_Server(("127.0.0.1", 0), _handler(platform))) as at:
        platform.api = f"http://{at}/v1.7/"
        yield platform


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Quiet: clients go away."""


def _handler(platform: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # The body would wait 40 ms for the confirmation of the headers.

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            name = path.split("/query/", 1)[1].partition("/")[2]
            if name:
                self._file(name)
            else:
                if "wait=" in query:
                    sleep(platform.hold)  # as a platform that holds its answer
                try:
                    self._answer(200, platform.next_list(), etag='"1"')
                except ApiError as error:
                    refusal = {"error": {"code": error.code, "message": error.message}}
                    self._answer(error.status, json.dumps(refusal).encode())

        def _file(self, name: str) -> None:
            step = platform.next_step(name)
            if step in PATIENCE:
                return self._answer(503, b"{}", retry_after=PATIENCE[step])
            if step == "slow":
                sleep(0.4)
            plain = content(name)
            told = {"metadata": {}, "size": len(plain), "sha256": sha256(plain).hexdigest()}
            body = bytearray(b"".join(encrypt_stream([plain], KEY.public_key())))
            if step == "changed":
                body[ENVELOPE_START + 20] ^= 1
            return self._answer(200, bytes(body), cut=step == "cut", x_metadata=encode_metadata(told))

        def _answer(self, status: int, body: bytes, *, cut: bool = False, **headers: str) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection = cut

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
