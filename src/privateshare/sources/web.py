"""HTTP for sources: every answer is bounded in size and in time, and no redirection is followed.

HTTPS goes through the proxy that the environment names (HTTPS_PROXY, but for NO_PROXY), which sees no more than host
and port. Plain HTTP is for this machine alone (`is_safe`), and never goes to a proxy. Which addresses are asked is
decided before, by the address: a proxy changes nothing about that.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpx2
import orjson

from privateshare.protocol.addresses import is_web_address
from privateshare.sources.contract import JsonObject

MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_ANSWER_SECONDS = 120  # for all of an answer
SILENT_SECONDS = 30  # between two parts of an answer
CONNECT_SECONDS = 5
LOOPBACK = ("127.0.0.1", "::1", "localhost")
DEFAULT_PORTS = {"https": 443, "http": 80}
PATIENCE_SECONDS = 60  # for a server that asks for patience and does not say for how long

NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.ProxyError,  # it refused to lead there
)
"""The errors after which the server certainly knows nothing of the request."""


class UnfitAnswer(httpx2.TransportError):
    """An answer that is larger, or takes longer to arrive, than makes sense, or is packed though nobody asked."""


class Bounded(httpx2.BaseTransport):
    """A transport whose answers come to an end. They must not be packed: who counts packed bytes counts nothing."""

    def __init__(self, max_bytes: int, max_seconds: float) -> None:
        self._direct = httpx2.HTTPTransport()
        self._led = httpx2.HTTPTransport(proxy=proxy) if (proxy := environment_proxy()) else self._direct
        self._max_bytes, self._max_seconds = max_bytes, max_seconds

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, which is cut off where it exceeds a bound."""
        request.headers["accept-encoding"] = "identity"
        leads = request.url.scheme == "https" and not proxy_bypass(request.url.host)
        response = (self._led if leads else self._direct).handle_request(request)
        assert isinstance(response.stream, httpx2.SyncByteStream)
        if response.headers.get("content-encoding", "identity") != "identity":
            response.close()
            raise UnfitAnswer("the answer is packed, and nobody asked for that")
        response.stream = _BoundedStream(response.stream, self._max_bytes, time.monotonic() + self._max_seconds)
        return response

    def close(self) -> None:
        """Closes its connections."""
        self._direct.close()
        self._led.close()


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, max_bytes: int, give_up_at: float) -> None:
        self._inner, self._left, self._give_up_at = inner, max_bytes, give_up_at

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            self._left -= len(piece)
            if self._left < 0 or time.monotonic() > self._give_up_at:
                raise UnfitAnswer("the answer does not end")
            yield piece

    def close(self) -> None:
        self._inner.close()


def environment_proxy() -> str | None:
    """The proxy for HTTPS that the environment names, as an address."""
    proxy = getproxies_environment().get("https")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def open_client(
    headers: dict[str, str], max_bytes: int = MAX_ANSWER_BYTES, max_seconds: float = MAX_ANSWER_SECONDS
) -> httpx2.Client:
    """A client for one source, whose answers have at most so many bytes and seconds; to be closed."""
    timeout = httpx2.Timeout(min(max_seconds, SILENT_SECONDS), connect=CONNECT_SECONDS)
    return httpx2.Client(transport=Bounded(max_bytes, max_seconds), timeout=timeout, headers=headers)


def read_object(response: httpx2.Response) -> JsonObject | None:
    """The JSON object that an answer holds, None if it holds none that can be written as JSON again."""
    try:
        content: Any = orjson.loads(response.content)
    except ValueError:  # too deep as well
        return None
    return content if isinstance(content, dict) else None


def asks_to_wait(response: httpx2.Response) -> int:
    """The seconds of its Retry-After, which may also be a date."""
    told = response.headers.get("retry-after", "")
    try:
        return max(1, int(told))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(told)
        return max(1, int((moment - datetime.now(UTC)).total_seconds()))
    except (ValueError, TypeError):  # no date, or one without a zone
        return PATIENCE_SECONDS


def is_safe(address: str) -> bool:
    """Whether it is an address, and what goes there cannot be read on the way: https, or this machine."""
    if not is_web_address(address):
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in LOOPBACK


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of the same scheme, host and port."""
    return is_web_address(one) and is_web_address(other) and _origin(one) == _origin(other)


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
