"""What the transports of both clients have in common: headers, deadlines, proxies and errors.

The transports themselves are in `_async` and `_sync`.
"""

import threading
from collections.abc import Iterable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import httpx2

from privateshare.errors import ConfigurationError, NetworkError
from privateshare.sdk.http.deadlines import Deadline
from privateshare.sdk.http.environment import LOOPBACK
from privateshare.sdk.http.requests import BodyReceiver, Request, Response
from privateshare.sdk.http.response_bodies import ACCEPTED_ENCODING

C = TypeVar("C", httpx2.Client, httpx2.AsyncClient)

PIECE_BYTES = 128 * 1024
CONNECTIONS = 64
MAX_LENGTH_DIGITS = 18
HTTP_ERRORS = (httpx2.RequestError, httpx2.InvalidURL)
WITHOUT_PROXY = {f"all://[{host}]" if ":" in host else f"all://{host}": None for host in LOOPBACK}


class BlockingTransport(Protocol):
    """Sends one request at a time, from any thread. Once `abandoned` is set, waiting threads raise Abandoned."""

    abandoned: threading.Event

    def send(self, request: Request) -> Response:
        """Send a request and return its response. Raise NetworkError, and what the receiver of the body raises."""


def new_http_client(kind: type[C], timeout: float) -> C:
    """Make an HTTP client that uses the environment's proxies and certificates. Raise ConfigurationError."""
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    try:
        return kind(timeout=timeout, limits=limits, mounts=WITHOUT_PROXY, cookies=_rejecting_cookie_jar())
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        hint = "Look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY. A socks5:// proxy needs: pip install 'httpx2[socks]'"
        raise ConfigurationError("The proxy that the environment names cannot be used", hint=hint) from error
    except OSError as error:
        hint = "Look at SSL_CERT_FILE and SSL_CERT_DIR"
        raise ConfigurationError("The certificates that the environment names cannot be read", hint=hint) from error


def deadline_of(request: Request, timeout: float, abandoned: threading.Event) -> Deadline:
    """Return the deadline of a request. Only one that sends or fetches a file may go on while bytes move."""
    return Deadline(timeout, abandoned, is_short=request.receiver is None and not callable(request.body))


def sent_headers(request: Request) -> dict[str, str]:
    """Return the headers of a request, with the encodings that are accepted. A file must arrive as it is stored."""
    encoding = "identity" if request.receiver is not None else ACCEPTED_ENCODING
    return {"accept-encoding": encoding, **request.headers}


def with_lower_names(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers with their names in lower case."""
    return {name.lower(): value for name, value in headers}


def network_error(request: Request, reason: str) -> NetworkError:
    """Build the error for a request that got no response."""
    # A session's key in the path is a secret, so the address is shown with the names of its parts.
    parts = urlsplit(request.url)
    return NetworkError(
        f"No response from {parts.scheme}://{parts.netloc} to {request.method} {request.route}: {reason[:120]}"
    )


def is_one_piece(headers: Mapping[str, str]) -> bool:
    """Tell whether a body is small enough to be taken in one piece.

    A chunked body may have any length, whatever `content-length` says.
    """
    length = headers.get("content-length", "")
    is_declared = length.isascii() and length.isdigit() and "transfer-encoding" not in headers
    return is_declared and len(length) <= MAX_LENGTH_DIGITS and int(length) <= PIECE_BYTES


def receive_whole(receiver: BodyReceiver, headers: Mapping[str, str], body: bytes) -> None:
    """Give a whole body to its receiver."""
    receiver.begin(headers)
    receiver.write(body)
    receiver.finish()


def _rejecting_cookie_jar() -> CookieJar:
    """Return a jar that takes no cookies. The protocol has none, and a hostile platform could fill the memory."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
