"""Request ids, default headers, limits of bodies, and the platform's own address."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_hex
from urllib.parse import unquote_to_bytes, urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.errors import InvalidRequest
from privateshare.platform.operating.client_addresses import client_host
from privateshare.platform.operating.public_address import is_this_machine
from privateshare.platform.runtime import Platform
from privateshare.protocol.addresses import ONBOARD_PATH

# Monitoring may use any address of the process.
PATHS_FOR_ANY_HOST = ("/healthz", "/readyz", "/metrics", "/metrics/processes")
MAX_BODY_BYTES = 1 << 20  # This limits bodies that are read into memory, not those read with `body_stream`.
MAX_BODY_SECONDS = 60.0
MAX_DISCARDED_BYTES = 8 << 20
MAX_DISCARDING_SECONDS = 10.0

YEAR_SECONDS = 365 * 24 * 3600
ONLY_HTTPS = (b"strict-transport-security", f"max-age={YEAR_SECONDS}".encode())
DEFAULT_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_HOST_HEADERS = frozenset({b"host", b"forwarded", b"x-forwarded-host"})
_FORWARDED_HOST = re.compile(r"host=\"?([^\";,]*)", re.IGNORECASE)  # RFC 7239 defines this parameter.


class RequestIds:
    """ASGI middleware that gives each request an id: in its state, its log lines and the header X-Request-Id.

    It also records in the state when the request arrived, and adds the headers of every response. `origin` is the
    platform's address in the settings.
    """

    def __init__(self, app: ASGIApp, origin: str | None = None) -> None:
        self._app, self._origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = token_hex(16)
        scope.setdefault("state", {}).update(request_id=request_id, arrived=datetime.now(UTC))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure = (self._origin or scope["scheme"]).startswith("https")
                add_safe_headers(message["headers"], request_id, secure=secure)
            await send(message)

        before = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            structlog.contextvars.reset_contextvars(**before)


def add_safe_headers(headers: list[tuple[bytes, bytes]], request_id: str, *, secure: bool) -> None:
    """Add the headers of every response: its id, and by default no caching and no guessing of its content type.

    Over https, browsers are told to use nothing else from now on (RFC 6797).
    """
    given = {name for name, _ in headers}
    headers += ((name, value) for name, value in DEFAULT_HEADERS if name not in given)
    headers.append((b"x-request-id", request_id.encode()))
    if secure:
        headers.append(ONLY_HTTPS)


class BodyLimit:
    """ASGI middleware that rejects bodies that are too large or too slow, except those read with `body_stream`.

    So a client that sends many incomplete bodies does not fill the memory for long.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        received, is_complete, deadline = 0, False, asyncio.get_running_loop().time() + MAX_BODY_SECONDS

        async def receive_some() -> Message:
            nonlocal received, is_complete
            try:
                async with asyncio.timeout_at(None if is_complete or state.get("streamed") else deadline):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, f"The body took longer than {MAX_BODY_SECONDS:.0f} s to arrive") from error
            is_complete = not message.get("more_body")
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES and not state.get("streamed"):
                raise HTTPException(413, f"The body is larger than the limit of {MAX_BODY_BYTES} bytes")
            return message

        await self._app(scope, receive_some, send)


class DiscardRest:
    """ASGI middleware that receives the rest of a body that was not read, after the response, and discards it.

    Otherwise the server closes the connection at once, and a client that still sends may see a broken connection
    instead of the response. The Node client would then lose a push whose token it should refresh.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_body_sent(scope):
            await self._app(scope, receive, send)
            return
        is_complete = False

        async def receive_some() -> Message:
            nonlocal is_complete
            message = await receive()
            is_complete = not message.get("more_body")
            return message

        await self._app(scope, receive_some, send)
        discarded = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(MAX_DISCARDING_SECONDS):
                while not is_complete and discarded < MAX_DISCARDED_BYTES:
                    discarded += len((await receive_some()).get("body", b""))


def _is_body_sent(scope: Scope) -> bool:
    """Return whether a client sends a body without waiting for permission (RFC 9110, 10.1.1)."""
    headers = dict(scope["headers"])
    has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
    return has_body and b"expect" not in headers


class StripBasePath:
    """ASGI middleware that removes the platform's base path from request paths, if the proxy did not."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = self._path.encode()
        if scope["type"] == "http" and (scope["raw_path"] + b"/").startswith(raw + b"/"):
            # The scope is changed in place, since the error handlers use the original scope.
            scope["path"] = scope["path"].removeprefix(self._path) or "/"
            scope["raw_path"] = scope["raw_path"].removeprefix(raw) or b"/"
        await self._app(scope, receive, send)


async def check_address(request: Request) -> None:  # A function that is not async would run in another thread.
    """Reject a request for another host, or with a path or query that is not UTF-8.

    Different bytes that are not UTF-8 would decode to the same text. An invalid query of a link to the consent pages is
    reported to the app by those pages instead. Raises InvalidRequest.
    """
    path = request.scope["path"]
    if path not in PATHS_FOR_ANY_HOST:
        _check_host(request)
    check_utf8(request.scope["raw_path"])
    if not path.startswith(ONBOARD_PATH):
        check_utf8(request.scope["query_string"])


def _check_host(request: Request) -> None:
    """Check that the request names this machine, if no address is configured. Raises InvalidRequest."""
    if platform_of(request).settings.origin is not None or request.scope["state"].get("names_this_machine"):
        return
    given = [(name, value.decode("latin-1")) for name, value in request.scope["headers"] if name in _HOST_HEADERS]
    hosts = [value for name, value in given if name == b"host"]
    forwarded = ",".join(value for name, value in given if name == b"forwarded")
    others = [value for name, value in given if name == b"x-forwarded-host"]
    if len(hosts) != 1 or not all(map(is_this_machine, [*hosts, *others, *_FORWARDED_HOST.findall(forwarded)])):
        raise InvalidRequest(
            "This platform accepts only requests to names of its own machine, such as localhost. "
            "Set PRIVATESHARE_ORIGIN to the address that people and apps use"
        )
    request.scope["state"]["names_this_machine"] = True


def check_utf8(part: bytes) -> None:
    """Check that a part of an address is percent-encoded UTF-8. Raises InvalidRequest."""
    try:
        unquote_to_bytes(part).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("The address must be percent-encoded UTF-8") from error


async def read_body(request: Request) -> bytes:
    """Return the body. Raises InvalidRequest if it does not arrive completely.

    The server ends a body as if the client had disconnected if a chunk is not valid. The client may then still read.
    """
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise InvalidRequest("The body is incomplete, or its encoding in chunks is not valid") from error


def body_stream(request: Request) -> AsyncIterator[bytes]:
    """Return the body in pieces, without a limit. Callers must limit its size, and not keep it in memory."""
    request.state.streamed = True
    return request.stream()


def platform_of(request: Request) -> Platform:
    """Return the platform that serves this request."""
    platform = request.app.state.platform
    assert isinstance(platform, Platform)
    return platform


def arrived_at(request: Request) -> datetime:
    """Return when this request arrived. It may have waited since."""
    arrived = request.state.arrived
    assert isinstance(arrived, datetime)
    return arrived


def public_address(request: Request) -> str:
    """Return the platform's address as its users reach it, such as https://share.example.org.

    That is the setting or, without one, the address of the request, which must name this machine. It has no slash at
    the end. Raises InvalidRequest if the request names another host.
    """
    configured = platform_of(request).settings.origin
    if configured is not None:
        return configured
    _check_host(request)
    return f"{request.scope['scheme']}://{request.headers['host'].lower()}"


def base_path(request: Request) -> str:
    """Return the path below which people reach the platform, such as /share, or an empty string."""
    return urlsplit(platform_of(request).settings.origin or "").path


def is_secure(request: Request) -> bool:
    """Return whether people reach the platform over https."""
    return (platform_of(request).settings.origin or request.scope["scheme"]).startswith("https")


def api_address(request: Request) -> str:
    """Return the API's address as this client reached it, with a slash at the end. Protocol 1."""
    version = request.scope["path"].split("/", 2)[1]
    return f"{public_address(request)}/{version}/"


async def count_unsigned(request: Request) -> None:
    """Count an unsigned request. Raises TooManyRequests. Used as `dependencies=[Depends(count_unsigned)]`."""
    await platform_of(request).limits.check_address(client_host(request.scope))
