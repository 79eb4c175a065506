"""The way to sources: through a proxy where the environment names one, and what that changes."""

import socketserver
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest
from tests.scripted import Scripted, serving
from tests.threads import in_a_thread

from privateshare.sources.contract import TryLater
from privateshare.sources.fhir_server.pushing import create
from privateshare.sources.web import MAX_JSON_VALUES, open_client, parse_json, read_object, retry_after_seconds


@dataclass
class Proxy:
    """A proxy that leads nowhere, and remembers what it was asked."""

    address: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The proxy of the environment."""
    told = Proxy()

    class Refusing(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            told.asked.append(self.rfile.readline().decode().strip())
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with in_a_thread(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing)) as at:
        told.address = at
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, told.address)
        for name in ("https_proxy", "http_proxy", "all_proxy", "NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield told


def test_https_uses_the_proxy(proxy: Proxy) -> None:
    """The proxy is asked for a connection to host and port, and receives nothing else."""
    with open_client({"authorization": "Bearer secret"}) as client, pytest.raises(httpx2.ProxyError):
        client.get("https://fhir.example/Patient/1")
    assert proxy.asked == ["CONNECT fhir.example:443 HTTP/1.1"]


@pytest.mark.protocol("10.2")
def test_a_request_that_the_proxy_rejects_was_not_sent(proxy: Proxy) -> None:
    """So it can be sent again."""
    with open_client({}) as client, pytest.raises(TryLater):
        create(client, "https://fhir.example", "Observation", b"{}")


def test_no_proxy_excludes_hosts(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY names hosts that are reached directly."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,near.example")
    with open_client({}) as client, pytest.raises(httpx2.ConnectError):
        client.get("https://127.0.0.1:1/")
    assert proxy.asked == []


def test_plain_http_never_uses_the_proxy(proxy: Proxy) -> None:
    """It is only for this machine, and a proxy could read it."""
    with serving(Scripted()) as server, open_client({}) as client:
        server.json("/near", {})
        assert client.get(f"{server.address}/near").status_code == 200
    assert proxy.asked == []


class Endless(socketserver.StreamRequestHandler):
    """Sends the beginning of a response, and then the same piece again and again."""

    beginning, piece, pause = b"", b"", 0.01

    def handle(self) -> None:
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        try:
            self.wfile.write(self.beginning)
            while True:
                self.wfile.write(self.piece)
                time.sleep(self.pause)
        except OSError:
            pass


@pytest.mark.parametrize(
    ("beginning", "piece", "pause"),
    [
        (b"", b"H", 0.2),
        (b"HTTP/1.1 200 OK\r\nX-Name: ", b"x", 0.01),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x", 0.01),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.0),
    ],
)
def test_no_response_takes_longer_than_its_limit(beginning: bytes, piece: bytes, pause: float) -> None:
    """Each byte comes in time, and the response never does: of the first line, of headers, content, interim responses."""
    handler = type("Handler", (Endless,), {"beginning": beginning, "piece": piece, "pause": pause})
    with in_a_thread(socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)) as at:
        begun = time.monotonic()
        with open_client({}, max_seconds=0.3) as client, pytest.raises(httpx2.TransportError):
            client.get(f"http://{at}/")
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize("value", ["9" * 15, "9" * 400, "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT", "-1", "inf", "x"])
def test_no_source_asks_for_a_pause_without_end(value: str) -> None:
    response = httpx2.Response(503, headers={"retry-after": value})
    pause = TryLater("the source is away", retry_after_seconds(response)).retry_after
    assert 1 <= pause <= 7 * 24 * 3600


@pytest.mark.parametrize("value", [b"[]", b"{}", b"0", b'""', b'{"a":1}'])
def test_json_of_very_many_values_is_not_parsed(value: bytes) -> None:
    """It would take many times the memory of its text. What any API sends is far below the limit."""
    content = b'{"a":[' + b",".join([value] * MAX_JSON_VALUES) + b"]}"
    with pytest.raises(ValueError, match="too many values"):
        parse_json(content + b",")
    assert read_object(httpx2.Response(200, content=content + b",")) is None
    assert parse_json(b'{"a":[' + b",".join([value] * 100_000) + b"]}")["a"]
