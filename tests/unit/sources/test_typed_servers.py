"""Tests of servers that people name: which texts are addresses, and that only public servers are reached."""

import socket
from collections.abc import Callable

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.apis.mastodon import mastodon

from privateshare.sources import request_spans, web
from privateshare.sources.contract import Broken, Connection, TryLater
from privateshare.sources.mastodon.source import LiveMastodon
from privateshare.sources.typed_servers import TypedServers
from privateshare.sources.web import ServerNotAllowed, ServerReach, open_client
from privateshare.testing.api_server import running


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("mastodon.social", "https://mastodon.social"),
        (" Mastodon.Social. ", "https://mastodon.social"),
        ("https://mastodon.social/@ann", "https://mastodon.social"),
        ("@ann@mastodon.social", "https://mastodon.social"),
        ("ann@mastodon.social", "https://mastodon.social"),
        ("https://ann:secret@mastodon.social/x?y#z", "https://mastodon.social"),
        ("mastodon.social:8443", "https://mastodon.social:8443"),
    ],
)
def test_people_type_addresses_in_many_ways(typed: str, origin: str) -> None:
    assert TypedServers().origin(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        *("", "x", "localhost", "http://mastodon.social", "file:///etc/passwd", "gopher://a.example", "a b.example"),
        *("a.example:0", "a.example:99999", "https://", "@", "//", "a.example\n.b", "javascript:alert(1)", "…"),
    ],
)
def test_other_texts_are_refused(typed: str) -> None:
    with pytest.raises(Broken, match="is not the address of a server"):
        TypedServers().origin(typed)


@pytest.mark.parametrize(
    "typed",
    [
        *("127.0.0.1", "[::1].", "10.0.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "192.168.1.1", "127.1"),
        *("2130706433.0", "[::ffff:127.0.0.1]:8080", "127.0.0.1.:80"),
    ],
)
def test_no_request_reaches_a_private_server(typed: str) -> None:
    """Addresses of this machine and of private networks lead to an error, and no connection."""
    with running(mastodon()) as server:
        port = server.address.rpartition(":")[2]
        source = LiveMastodon()
        with pytest.raises((Broken, TryLater)):
            source.prepare({"server": f"{typed}:{port}" if ":" not in typed else typed}, "https://x.example/")
        assert not server.asked


def resolving(*answers: str) -> Callable[..., object]:
    """Return a function that resolves each name to the next of these addresses."""
    left = list(answers)

    def resolve(_host: str, port: int, **_: object) -> object:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (left.pop(0), port))]

    return resolve


def test_a_name_of_a_private_server_is_refused_by_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was public when it was typed, and is not any more, is not reached."""
    with running(mastodon()) as server:
        monkeypatch.setattr(socket, "getaddrinfo", resolving("127.0.0.1"))
        source, token = (
            LiveMastodon(),
            {"server": server.address, "access_token": "x", "client_id": "c", "client_secret": "s"},
        )
        with pytest.raises(TryLater):
            source.identify(Connection(token=token))
        assert not server.asked


def test_the_connection_is_made_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is resolved once. The header Host and the name for TLS stay those of the name."""
    monkeypatch.setattr(socket, "getaddrinfo", resolving("203.0.113.9", "127.0.0.1"))
    monkeypatch.setattr(web, "is_public", lambda address: address == "203.0.113.9")
    sent: list[httpx2.Request] = []

    def keep(_transport: object, request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        raise httpx2.ConnectError("no network")

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", keep)
    with open_client({}, reach=ServerReach.PUBLIC) as client, pytest.raises(httpx2.ConnectError):
        client.get("https://social.example/api")
    (request,) = sent
    assert request.url.host == "203.0.113.9"
    assert request.headers["host"] == "social.example"
    assert request.extensions["sni_hostname"] == "social.example"


def test_one_private_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    with pytest.raises(ServerNotAllowed):
        web.public_address_of("social.example", 443)


def test_only_https_is_used_for_public_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving("93.184.216.34"))
    with open_client({}, reach=ServerReach.PUBLIC) as client, pytest.raises(ServerNotAllowed, match="only https"):
        client.get("http://social.example/api")


def test_a_connection_to_one_name_is_not_used_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names may have one address, and the certificate was checked for one of them only."""
    monkeypatch.setattr(web, "public_address_of", lambda *_: "203.0.113.9")
    used: list[tuple[str, httpx2.HTTPTransport]] = []

    def keep(transport: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        used.append((request.headers["host"], transport))
        return httpx2.Response(200, content=b"{}", request=request)

    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", keep)
    with open_client({}, reach=ServerReach.PUBLIC) as client:
        for name in ("a.example", "a.example", "b.example"):
            client.get(f"https://{name}/")
    (_, first), (_, again), (_, other) = used
    assert first is again
    assert other is not first


def test_traces_do_not_name_the_server_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many people have a server of their own, so its address is about the person."""
    exported, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exported))
    monkeypatch.setattr(request_spans, "_tracer", tracers.get_tracer("test"))
    monkeypatch.setattr(web, "public_address_of", lambda *_: "127.0.0.1")
    with open_client({}, reach=ServerReach.PUBLIC) as client, pytest.raises(httpx2.ConnectError):
        client.get("https://ann.example:1/ann")
    (span,) = exported.get_finished_spans()
    assert "ann" not in span.to_json()
    assert "127.0.0.1" not in span.to_json()
