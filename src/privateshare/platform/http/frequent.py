"""Routes of the calls that apps make most often, without the work that FastAPI does for each request.

For each request, FastAPI matches the path with all earlier routes, works out the parameters of the endpoint, and opens
three exit stacks. For a read of a small file, that takes as long as both of its statements in the database.

The endpoints are also routes of FastAPI, which makes the OpenAPI document from them. A request that is unusual in any
way, such as one with a query or with a body that is not valid, is left to FastAPI. So only FastAPI reports errors in
requests.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import Message, Receive, Scope, Send

from privateshare.platform.http.requests import check_address

Respond = Callable[[Request], Awaitable[Response]]
"""A function that answers a request. Raises UnusualRequest to leave it to FastAPI."""

BodyT = TypeVar("BodyT")


class UnusualRequest(Exception):
    """FastAPI must process this request. `body` is its body, if it was read."""

    def __init__(self, body: bytes | None = None) -> None:
        self.body = body


class FrequentRoute(BaseRoute):
    """The route of an endpoint under a prefix, for its usual requests. It stands before all routes of FastAPI."""

    def __init__(self, route: APIRoute, prefix: str, respond: Respond) -> None:
        self.path, self.methods, self.endpoint = prefix + route.path, route.methods or set(), route.endpoint
        self._route, self._respond = route, respond
        self._pattern = compile_path(self.path)[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether this is a usual request of the endpoint, with the parameters in its path."""
        if scope["type"] != "http" or scope["method"] not in self.methods or scope["query_string"]:
            return Match.NONE, {}
        found = self._pattern.match(scope["path"])
        if found is None or scope["state"].get("is_unusual"):
            return Match.NONE, {}
        return Match.FULL, {"path_params": found.groupdict(), "route": self._route}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive, send)
        await check_address(request)
        try:
            response = await self._respond(request)
        except UnusualRequest as unusual:
            scope["state"]["is_unusual"] = True
            again = receive if unusual.body is None else _with_body(unusual.body, receive)
            await request.app.router(scope, again, send)
        else:
            await response(scope, receive, send)


def _with_body(body: bytes, receive: Receive) -> Receive:
    """Return a function that receives a body that was read before, and then what follows it."""
    read: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return read.pop() if read else await receive()

    return receive_again


async def read_json_body(request: Request, type_: TypeAdapter[BodyT]) -> BodyT | None:
    """Parse the body, if there is one. Raises UnusualRequest if it is not JSON of this type."""
    body = await request.body()
    if not body:
        return None
    if request.headers.get("content-type", "").partition(";")[0].rstrip().lower() != "application/json":
        raise UnusualRequest(body)
    try:
        content: Any = json.loads(body)
        return type_.validate_python(content) if content is not None else None
    except (ValueError, RecursionError, ValidationError) as error:
        raise UnusualRequest(body) from error
