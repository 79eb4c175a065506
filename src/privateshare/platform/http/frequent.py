"""Answers to the calls that apps make most often, without the work that FastAPI does for each request.

For each request, FastAPI matches the path with all earlier routes, works out the parameters of the endpoint, and opens
three exit stacks. For a read of a small file, that takes as long as both of its statements in the database.

The endpoints are also routes of FastAPI, which makes the OpenAPI document from them. A request that is unusual in any
way, such as one with an unknown query or with a body that is not valid, is left to FastAPI. So only FastAPI reports
errors in requests.
"""

import json
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.platform.http.requests import check_address, read_body

Respond = Callable[[Request], Awaitable[Response]]
"""A function that answers a request. Raises UnusualRequest to leave it to FastAPI."""

BodyT = TypeVar("BodyT")


class UnusualRequest(Exception):
    """FastAPI must process this request. `body` is its body, if it was read."""

    def __init__(self, body: bytes | None = None) -> None:
        self.body = body


@dataclass(frozen=True, slots=True)
class FrequentCall:
    """An endpoint of FastAPI under a prefix, and the function that answers its usual requests.

    Only with `takes_query` does the function get requests that have a query.
    """

    endpoint: APIRoute
    prefix: str
    respond: Respond
    takes_query: bool = False

    def pattern(self) -> re.Pattern[str]:
        """Return the pattern of the path, with the names of its parameters."""
        return compile_path(self.prefix + self.endpoint.path)[0]


class FrequentCalls:
    """ASGI middleware that answers the usual requests of these calls, and leaves all others to FastAPI.

    It is the innermost middleware, so that requests are counted, limited and logged before they get here.
    """

    def __init__(self, app: ASGIApp, calls: Iterable[FrequentCall]) -> None:
        self._app = app
        self._calls = defaultdict[str, list[tuple[re.Pattern[str], FrequentCall]]](list)
        for call in calls:
            for method in call.endpoint.methods or ():
                self._calls[method].append((call.pattern(), call))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._find(scope)
        if call is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await _respond(call, request)
        except UnusualRequest as unusual:
            again = receive if unusual.body is None else _with_body(unusual.body, receive)
            await self._app(scope, again, send)
        else:
            await response(scope, receive, send)

    def _find(self, scope: Scope) -> FrequentCall | None:
        """Return the call of a usual request, and note in its scope the endpoint and the parameters in its path."""
        if scope["type"] != "http":
            return None
        for pattern, call in self._calls.get(scope["method"], ()):
            found = pattern.match(scope["path"])
            if found is not None and (call.takes_query or not scope["query_string"]):
                scope["route"], scope["path_params"] = call.endpoint, found.groupdict()
                return call
        return None


async def _respond(call: FrequentCall, request: Request) -> Response:
    """Answer a request, with the response of the app's handler for an error. Raises UnusualRequest."""
    try:
        await check_address(request)
        return await call.respond(request)
    except UnusualRequest:
        raise
    except Exception as error:  # The app has handlers for any class; what none of them knows is raised again.
        handlers = request.app.exception_handlers
        known = (kind for kind in type(error).__mro__ if kind is not Exception and kind in handlers)
        handler = handlers.get(next(known, None))
        if handler is None:
            raise
        response: Response = await handler(request, error)
        return response


def _with_body(body: bytes, receive: Receive) -> Receive:
    """Return a function that receives a body that was read before, and then what follows it."""
    read: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return read.pop() if read else await receive()

    return receive_again


async def read_json_body(request: Request, type_: TypeAdapter[BodyT]) -> BodyT | None:
    """Parse the body, if there is one. Raises UnusualRequest if it is not JSON of this type."""
    body = await read_body(request)
    if not body:
        return None
    if request.headers.get("content-type", "").partition(";")[0].rstrip().lower() != "application/json":
        raise UnusualRequest(body)
    try:
        content: Any = json.loads(body)
        return type_.validate_python(content) if content is not None else None
    except (ValueError, RecursionError, ValidationError) as error:
        raise UnusualRequest(body) from error
