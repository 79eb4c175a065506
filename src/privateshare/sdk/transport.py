"""HTTP under the clients: an adapter has two methods, `send` and `close`.

For asyncio see `atransport.py`, for reading many files `bulk.py`.
"""

import threading
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from privateshare.errors import ConfigurationError, NetworkError
from privateshare.sdk.bodies import ACCEPTED_ENCODING, FIRST_REFUSAL, body_of, check_not_encoded
from privateshare.sdk.deadlines import Deadline, keeping
from privateshare.sdk.flow import Request, Response
from privateshare.sdk.surroundings import LOOPBACK

if TYPE_CHECKING:
    from http.cookiejar import CookieJar

    import httpx2

C = TypeVar("C", "httpx2.Client", "httpx2.AsyncClient")

PIECE_BYTES = 128 * 1024
CONNECTIONS = 64
NOT_PROXIED = {f"all://[{host}]" if ":" in host else f"all://{host}": None for host in LOOPBACK}


class Transport(Protocol):
    """Sends one request at a time, from any thread. Once `abandoned` is set, those that wait raise Abandoned."""

    abandoned: threading.Event

    def twin(self) -> "Transport":
        """Another that uses the same connections, and is not abandoned with this one."""

    def send(self, request: Request) -> Response:
        """The answer, its body fed to the sink if it is a good one. Raises NetworkError, and what the sink raises."""

    def close(self) -> None:
        """Ends all connections."""


class HttpxTransport:
    """httpx2, blocking."""

    def __init__(self, timeout: float, client: "httpx2.Client | None" = None) -> None:
        import httpx2

        from privateshare.sdk.connections import keep_deadlines

        self.abandoned: threading.Event = threading.Event()
        self._errors = (httpx2.RequestError, httpx2.InvalidURL)
        self._timeout = timeout
        self._client = client or opened(httpx2.Client, timeout)
        if client is None:
            keep_deadlines(self._client)

    def twin(self) -> "HttpxTransport":
        """Return another that uses the same connections, and is not abandoned with this one."""
        return HttpxTransport(self._timeout, self._client)

    def send(self, request: Request) -> Response:
        """Send a request and return its answer."""
        try:
            with keeping(deadline_of(request, self._timeout, self.abandoned)) as limit:
                body = request.body() if callable(request.body) else request.body
                if isinstance(body, AsyncIterator):
                    raise ConfigurationError("an async iterator can be sent with AsyncPrivateShare only")
                headers = sent_headers(request)
                call = self._client.build_request(request.method, request.url, headers=headers, content=body)
                answer = self._client.send(call, stream=True)
                limit.has_headers = True
                try:
                    return self._received(request, answer)
                finally:
                    answer.close()
        except self._errors as error:
            raise network_error(request, f"{type(error).__name__} {error}") from error

    def _received(self, request: Request, answer: "httpx2.Response") -> Response:
        status, headers = answer.status_code, lower(answer.headers.items())
        if request.sink is None or status >= FIRST_REFUSAL:
            body = body_of(status, headers, request.limit)
            for piece in answer.iter_raw(PIECE_BYTES):
                body.write(piece)
                if not body.wants_more:
                    break
            return Response(status, headers, body.finish())
        check_not_encoded(headers)
        request.sink.begin(headers)
        for piece in answer.iter_raw(PIECE_BYTES):
            request.sink.write(piece)
        request.sink.finish()
        return Response(status, headers)

    def close(self) -> None:
        """Ends all connections."""
        self._client.close()


def deadline_of(request: Request, timeout: float, abandoned: threading.Event | None = None) -> Deadline:
    """Return the deadline of a request: only one that sends or fetches a file may go on while bytes move."""
    return Deadline(timeout, abandoned, is_short=request.sink is None and not callable(request.body))


def sent_headers(request: Request) -> dict[str, str]:
    """Return the headers of a request, with what the answer may be encoded with: a file must come as it is."""
    encoding = "identity" if request.sink is not None else ACCEPTED_ENCODING
    return {"accept-encoding": encoding, **request.headers}


def opened(kind: type[C], timeout: float) -> C:
    """An HTTP client, of proxies and certificates as the environment has it. Raises ConfigurationError."""
    import httpx2

    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    try:
        return kind(timeout=timeout, limits=limits, mounts=NOT_PROXIED, cookies=_no_cookies())
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        hint = "Look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY; for socks5:// also: pip install 'httpx2[socks]'"
        raise ConfigurationError("the proxy that the environment names cannot be used", hint=hint) from error
    except OSError as error:
        hint = "Look at SSL_CERT_FILE and SSL_CERT_DIR"
        raise ConfigurationError("the certificates that the environment names cannot be read", hint=hint) from error


def _no_cookies() -> "CookieJar":
    """Return a jar that takes nothing: the protocol has no cookies, and a platform could fill it without end."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers}


def network_error(request: Request, reason: str) -> NetworkError:
    """That no answer came, and why."""
    address = request.url.split("?", 1)[0].split("/query/", 1)[0]  # a session's key is a secret
    return NetworkError(f"no answer from {address}: {reason[:120]}".strip())
