"""What surrounds every request: an id, safe headers, a bound on its body, and the platform's own address."""

from collections.abc import AsyncIterator
from secrets import token_hex
from urllib.parse import unquote_to_bytes

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.errors import InvalidRequest
from privateshare.platform.runtime import Platform
from privateshare.protocol.addresses import ONBOARD_PATH

MAX_BODY_BYTES = 1 << 20  # of a body that is read into memory; what `body_stream` gives is not


class RequestIds:
    """ASGI middleware: gives each request an id, in its state, its log lines and the header X-Request-Id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id

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
    """ASGI middleware: refuses a body of more than MAX_BODY_BYTES, but for those that are taken as a stream."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES and not state.get("streamed"):
                raise HTTPException(413, f"The body is larger than the {MAX_BODY_BYTES} bytes that are allowed")
            return message

        await self._app(scope, receive_some, send)


def check_address(request: Request) -> None:
    """Refuse an address that is not UTF-8: read as text, different addresses would become the same.

    Raises InvalidRequest. The consent pages read their queries themselves, since what is wrong there is for the app.
    """
    parts = [request.scope["raw_path"]]
    if not request.url.path.startswith(ONBOARD_PATH):
        parts.append(request.scope["query_string"])
    try:
        for part in parts:
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


def origin(request: Request) -> str:
    """The platform's own origin as its users reach it, such as https://share.example.org, without a slash at the end.

    It is the setting, or where none is given the address that this request came to.
    """
    configured = platform_of(request).settings.origin
    return configured or str(request.base_url).rstrip("/")


def api_address(request: Request) -> str:
    """The API's address as this client reached it, with a slash at the end. Protocol 1."""
    version = request.url.path.split("/", 2)[1]
    return f"{origin(request)}/{version}/"


def count_unsigned(request: Request) -> None:
    """Counts a call that nobody signed. Raises TooManyRequests. For `dependencies=[Depends(count_unsigned)]`."""
    platform_of(request).limits.check_address(request.client.host if request.client else "unknown")
