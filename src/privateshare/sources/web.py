"""The HTTP client of sources. It limits the size and duration of responses, and follows no redirects.

HTTPS requests use the proxy in the environment (HTTPS_PROXY and NO_PROXY), which sees only host and port. Plain HTTP is
allowed only for this machine (`is_safe`), and never uses a proxy. Addresses are checked before a request is sent, so a
proxy makes no difference to which are allowed.

Servers that a person names may only be public ones (`ServerReach.PUBLIC`): the name is resolved here, every address
that it stands for must be public, and the connection is made to exactly the address that was checked. No proxy is used
then, because the proxy would resolve the name itself. ADR 31, 53.
"""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpx2
import orjson

from privateshare.protocol.addresses import is_web_address
from privateshare.protocol.public_networks import is_public
from privateshare.sources.contract import JsonObject
from privateshare.sources.deadlines import DeadlineBackend, ResponseDeadline
from privateshare.sources.request_spans import request_span

MAX_RESPONSE_BYTES = 32 * 1024 * 1024
MAX_JSON_VALUES = 1_000_000  # An empty list has two bytes, and takes thirty times as much memory once it is parsed.
MAX_RESPONSE_SECONDS = 120  # Applies to the complete response, with its headers.
READ_TIMEOUT_SECONDS = 30  # Applies between two parts of a response.
CONNECT_TIMEOUT_SECONDS = 5
LOOPBACK = ("127.0.0.1", "::1", "localhost")
NAMED_HOST = "named by a person"  # Stands for it in traces: many people have a server of their own.
DEFAULT_PORTS = {"https": 443, "http": 80}
DEFAULT_RETRY_AFTER_SECONDS = 60

NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.ProxyError,  # The proxy refused the connection.
)
"""The errors after which the server has certainly not received the request."""


class ServerReach(Enum):
    """Which servers a client may connect to: those of the settings and of the code, or public ones only."""

    ANY = "any"
    PUBLIC = "public"


class ServerNotAllowed(httpx2.ConnectError):
    """The server's name cannot be resolved, or it stands for an address that is not public."""


class ResponseLimitExceeded(httpx2.TransportError):
    """The response is too large, takes too long, or is compressed although that was not requested."""


class BoundedTransport(httpx2.BaseTransport):
    """A transport that limits the size and duration of responses.

    Compressed responses are rejected, because a small one could inflate past the limit.
    """

    def __init__(self, max_bytes: int, max_seconds: float, reach: ServerReach = ServerReach.ANY) -> None:
        proxy = environment_proxy() if reach is ServerReach.ANY else None
        self._deadline = ResponseDeadline()
        self._direct = self._transport()
        self._proxied = self._transport(proxy) if proxy else self._direct
        self._pinned_host = ""
        self._max_bytes, self._max_seconds, self._reach = max_bytes, max_seconds, reach

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request. Reading the response raises ResponseLimitExceeded if it exceeds a limit.

        Raises:
            ServerNotAllowed: Only public servers may be reached, by TLS, and this is none.
        """
        traced_host = request.url.host
        if self._reach is ServerReach.PUBLIC:
            self._pin_public_address(request)
            traced_host = NAMED_HOST
        self._deadline.begin(self._max_seconds)
        request.headers["accept-encoding"] = "identity"
        uses_proxy = request.url.scheme == "https" and not proxy_bypass(request.url.host)
        with request_span(request.method, traced_host) as note:
            response = (self._proxied if uses_proxy else self._direct).handle_request(request)
            note(response.status_code)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise ResponseLimitExceeded("the response is compressed although that was not requested")
        response.stream = _BoundedStream(response.stream, self._max_bytes, time.monotonic() + self._max_seconds)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._direct.close()
        self._proxied.close()

    def _transport(self, proxy: str | None = None) -> httpx2.HTTPTransport:
        transport = httpx2.HTTPTransport(proxy=proxy)
        transport._pool._network_backend = DeadlineBackend(self._deadline)  # The transport has no argument for it.
        return transport

    def _pin_public_address(self, request: httpx2.Request) -> None:
        """Put the checked address into a request. The header Host and the certificate are still those of the name."""
        if request.url.scheme != "https":
            raise ServerNotAllowed("only https is used for servers that people name")
        host = request.url.host
        if host != self._pinned_host:
            # Open connections are found by their address. A certificate was checked for the name before, not for this.
            self._direct.close()
            self._direct = self._proxied = self._transport()
            self._pinned_host = host
        request.extensions = {**request.extensions, "sni_hostname": host}
        address = public_address_of(host, request.url.port or DEFAULT_PORTS["https"])
        request.url = request.url.copy_with(host=address)


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, max_bytes: int, deadline: float) -> None:
        self._inner, self._remaining_bytes, self._deadline = inner, max_bytes, deadline

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            self._remaining_bytes -= len(piece)
            if self._remaining_bytes < 0 or time.monotonic() > self._deadline:
                raise ResponseLimitExceeded("the response is too large or takes too long")
            yield piece

    def close(self) -> None:
        self._inner.close()


def public_address_of(host: str, port: int) -> str:
    """Resolve the name of a server that a person named. Raises ServerNotAllowed if one of its addresses is not public.

    The connection must be made to the returned address: a moment later the name may stand for another one.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ServerNotAllowed("the name of the server cannot be resolved") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise ServerNotAllowed("the server is not a public one")
    return addresses[0]


def environment_proxy() -> str | None:
    """Return the address of the HTTPS proxy in the environment, if there is one."""
    proxy = getproxies_environment().get("https")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def open_client(
    headers: dict[str, str],
    max_bytes: int = MAX_RESPONSE_BYTES,
    max_seconds: float = MAX_RESPONSE_SECONDS,
    reach: ServerReach = ServerReach.ANY,
    wrap: Callable[[httpx2.BaseTransport], httpx2.BaseTransport] | None = None,
) -> httpx2.Client:
    """Open an HTTP client for one source, with limits for each response. Close it after use.

    `wrap` puts a transport around the usual one.
    """
    timeout = httpx2.Timeout(min(max_seconds, READ_TIMEOUT_SECONDS), connect=CONNECT_TIMEOUT_SECONDS)
    transport: httpx2.BaseTransport = BoundedTransport(max_bytes, max_seconds, reach)
    transport = wrap(transport) if wrap is not None else transport
    return httpx2.Client(transport=transport, timeout=timeout, headers=headers)


def parse_json(content: bytes) -> Any:
    """Parse JSON that a server sent. Raises ValueError if it is none, is too deep, or has too many values."""
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:  # Those in texts count too, so it may be fewer.
        raise ValueError("the JSON has too many values")
    return orjson.loads(content)


def read_object(response: httpx2.Response) -> JsonObject | None:
    """Parse the JSON object of a response; None if it is not one."""
    try:
        content = parse_json(response.content)
    except ValueError:  # Also raised for JSON that is nested too deeply.
        return None
    return content if isinstance(content, dict) else None


def retry_after_seconds(response: httpx2.Response) -> int:
    """Return the seconds of the header Retry-After, which can also be a date."""
    value = response.headers.get("retry-after", "")
    try:
        return max(1, int(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
        return max(1, int((moment - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError):  # The value is not a date, or has no time zone.
        return DEFAULT_RETRY_AFTER_SECONDS


def is_safe(address: str) -> bool:
    """Return whether requests to an address cannot be intercepted: it is https, or this machine."""
    if not is_web_address(address):
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in LOOPBACK


def same_origin(one: str, other: str) -> bool:
    """Return whether two addresses have the same scheme, host and port."""
    return is_web_address(one) and is_web_address(other) and _origin(one) == _origin(other)


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
