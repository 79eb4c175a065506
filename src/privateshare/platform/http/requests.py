"""What surrounds every request: an id, safe headers, a bound on its body, and the platform's own address."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from secrets import token_hex
from urllib.parse import unquote_to_bytes, urlsplit

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.errors import InvalidRequest
from privateshare.platform.operating.public_address import is_this_machine
from privateshare.platform.runtime import Platform
from privateshare.protocol.addresses import ONBOARD_PATH

ANSWERED_EVERYWHERE = ("/healthz", "/readyz", "/metrics")  # for who looks after the process, by whatever address
MAX_BODY_BYTES = 1 << 20  # of a body that is read into memory; what `body_stream` gives is not
MAX_BODY_SECONDS = 60.0  # from its first byte on

_FORWARDED_HOST = re.compile(r"host=\"?([^\";,]*)", re.IGNORECASE)  # RFC 7239


class RequestIds:
    """ASGI middleware: gives each request an id, in its state, its log lines and the header X-Request-Id.

    Its state also says when it arrived.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = token_hex(16)
        scope.setdefault("state", {}).update(request_id=request_id, arrived=datetime.now(UTC))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_safe_headers(MutableHeaders(scope=message), request_id)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)


def add_safe_headers(headers: MutableHeaders, request_id: str) -> None:
    """What every answer carries: its id, and unless it says otherwise that nobody keeps it or guesses at its type."""
    headers["x-request-id"] = request_id
    headers.setdefault("x-content-type-options", "nosniff")
    headers.setdefault("cache-control", "no-store")


class BodyLimit:
    """ASGI middleware: refuses a body that is too large or takes too long, but for those that are taken as a stream.

    Whoever sends many bodies and ends none of them fills no memory for long.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        received, is_whole, give_up = 0, False, asyncio.get_running_loop().time() + MAX_BODY_SECONDS

        async def receive_some() -> Message:
            nonlocal received, is_whole
            try:
                async with asyncio.timeout_at(None if is_whole or state.get("streamed") else give_up):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(408, f"The body took longer than {MAX_BODY_SECONDS:.0f} s to arrive") from error
            is_whole = not message.get("more_body")
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES and not state.get("streamed"):
                raise HTTPException(413, f"The body is larger than the {MAX_BODY_BYTES} bytes that are allowed")
            return message

        await self._app(scope, receive_some, send)


class BelowPath:
    """ASGI middleware: takes the path below which people reach the platform off an address, if the proxy did not."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = self._path.encode()
        if scope["type"] == "http" and scope["raw_path"].startswith(raw + b"/"):
            # in place, since whoever answers errors looks at the scope that came
            scope["path"] = scope["path"].removeprefix(self._path)
            scope["raw_path"] = scope["raw_path"].removeprefix(raw)
        await self._app(scope, receive, send)


def check_address(request: Request) -> None:
    """Refuse an address that is not ours, or that is not UTF-8: read as text, different ones would become the same.

    Raises InvalidRequest. What is wrong with the query of a link to the consent pages is told to the app instead.
    """
    path = request.scope["path"]
    if path not in ANSWERED_EVERYWHERE:
        _check_host(request)
    check_utf8(request.scope["raw_path"])
    if not path.startswith(ONBOARD_PATH):
        check_utf8(request.scope["query_string"])


def _check_host(request: Request) -> None:
    """Raises InvalidRequest if no address is configured and the request does not name this machine."""
    if platform_of(request).settings.origin is not None:
        return
    hosts, forwarded = request.headers.getlist("host"), ",".join(request.headers.getlist("forwarded"))
    named = [*hosts, *request.headers.getlist("x-forwarded-host"), *_FORWARDED_HOST.findall(forwarded)]
    if len(hosts) != 1 or not all(is_this_machine(host) for host in named):
        raise InvalidRequest(
            "This platform answers under names of its own machine alone. "
            "Set PRIVATESHARE_ORIGIN to the address that people and apps use"
        )


def check_utf8(part: bytes) -> None:
    """Raises InvalidRequest if a part of an address is not percent-encoded UTF-8."""
    try:
        unquote_to_bytes(part).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("The address must be UTF-8, with percent-encoding") from error


def body_stream(request: Request) -> AsyncIterator[bytes]:
    """The body of any size, in pieces: for who counts them, and keeps none in memory."""
    request.state.streamed = True
    return request.stream()


def platform_of(request: Request) -> Platform:
    """The platform that serves this request."""
    platform = request.app.state.platform
    assert isinstance(platform, Platform)
    return platform


def arrived_at(request: Request) -> datetime:
    """Tell when this request arrived: it may have waited since."""
    arrived = request.state.arrived
    assert isinstance(arrived, datetime)
    return arrived


def public_address(request: Request) -> str:
    """Give the platform's address as its users reach it, such as https://share.example.org, without a slash at the end.

    It is the setting, or where none is given the address on this machine that the request came to. Raises
    InvalidRequest if that is not this machine's.
    """
    configured = platform_of(request).settings.origin
    if configured is not None:
        return configured
    _check_host(request)
    return f"{request.scope['scheme']}://{request.headers['host'].lower()}"


def base_path(request: Request) -> str:
    """Give the path below which people reach the platform, such as /share; empty if it has the host for itself."""
    return urlsplit(platform_of(request).settings.origin or "").path


def is_secure(request: Request) -> bool:
    """Tell whether people reach the platform over https."""
    return (platform_of(request).settings.origin or request.scope["scheme"]).startswith("https")


def api_address(request: Request) -> str:
    """Give the API's address as this client reached it, with a slash at the end. Protocol 1."""
    version = request.scope["path"].split("/", 2)[1]
    return f"{public_address(request)}/{version}/"


def count_unsigned(request: Request) -> None:
    """Counts a call that nobody signed. Raises TooManyRequests. For `dependencies=[Depends(count_unsigned)]`."""
    platform_of(request).limits.check_address(request.client.host if request.client else "unknown")
