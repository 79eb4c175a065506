"""HTTP under the clients: an adapter has two methods, `send` and `close`.

For asyncio see `atransport.py`, for reading many files `bulk.py`.
"""

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from privateshare.errors import ConfigurationError, NetworkError
from privateshare.sdk.flow import Request, Response
from privateshare.sdk.surroundings import LOOPBACK

if TYPE_CHECKING:
    import httpx2

C = TypeVar("C", "httpx2.Client", "httpx2.AsyncClient")

PIECE_BYTES = 128 * 1024
CONNECTIONS = 64
NOT_PROXIED = {f"all://[{host}]" if ":" in host else f"all://{host}": None for host in LOOPBACK}


class Transport(Protocol):
    """Sends one request at a time, from any thread."""

    def send(self, request: Request) -> Response:
        """The answer, its body fed to the sink if it is a good one. Raises NetworkError, and what the sink raises."""

    def close(self) -> None:
        """Ends all connections."""


class HttpxTransport:
    """httpx2, blocking."""

    def __init__(self, timeout: float) -> None:
        import httpx2

        self._errors = (httpx2.RequestError, httpx2.InvalidURL)
        self._client = opened(httpx2.Client, timeout)

    def send(self, request: Request) -> Response:
        """The answer."""
        try:
            body = request.body() if callable(request.body) else request.body
            if isinstance(body, AsyncIterator):
                raise ConfigurationError("an async iterator can be sent with AsyncPrivateShare only")
            call = self._client.build_request(request.method, request.url, headers=request.headers, content=body)
            answer = self._client.send(call, stream=True)
            try:
                headers = lower(answer.headers.items())
                if request.sink is None or answer.status_code >= 300:
                    return Response(answer.status_code, headers, answer.read())
                request.sink.begin(headers)
                for piece in answer.iter_raw(PIECE_BYTES):
                    request.sink.write(piece)
                request.sink.finish()
                return Response(answer.status_code, headers)
            finally:
                answer.close()
        except self._errors as error:
            raise network_error(request, f"{type(error).__name__} {error}") from error

    def close(self) -> None:
        """Ends all connections."""
        self._client.close()


def opened(kind: type[C], timeout: float) -> C:
    """An HTTP client, of proxies and certificates as the environment has it. Raises ConfigurationError."""
    import httpx2

    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    try:
        return kind(timeout=timeout, limits=limits, mounts=NOT_PROXIED)
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        hint = "Look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY; for socks5:// also: pip install 'httpx2[socks]'"
        raise ConfigurationError("the proxy that the environment names cannot be used", hint=hint) from error
    except OSError as error:
        hint = "Look at SSL_CERT_FILE and SSL_CERT_DIR"
        raise ConfigurationError("the certificates that the environment names cannot be read", hint=hint) from error


def lower(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): value for name, value in headers}


def network_error(request: Request, reason: str) -> NetworkError:
    """That no answer came, and why."""
    address = request.url.split("?", 1)[0].split("/query/", 1)[0]  # a session's key is a secret
    return NetworkError(f"no answer from {address}: {reason[:120]}".strip())
