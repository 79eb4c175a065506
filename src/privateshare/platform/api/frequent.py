"""The calls that apps make most often, which are answered without FastAPI. See `platform/http/frequent.py`."""

import re
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response

from privateshare.platform.api import accounts, files, oauth, pushing, sessions
from privateshare.platform.api.once import writing_call
from privateshare.platform.db.call_lookup import AlsoRead
from privateshare.platform.http.frequent import FrequentCall, Respond, UnusualRequest, read_json_body

Endpoint = Callable[..., Awaitable[Response]]
PREFIX = "/v1.7"
_WAIT = re.compile(rb"wait=([0-9]{1,2})")


def frequent_calls() -> list[FrequentCall]:
    """Return these calls, each with the function that answers it."""
    return [
        _call(files.router, files.get_file, _reading(files.get_file)),
        _call(files.router, files.get_session_files, _list_files, takes_query=True),
        _call(accounts.router, accounts.list_accounts, _reading(accounts.list_accounts)),
        _call(oauth.router, oauth.issue_tokens, _writing(oauth.issue_tokens, oauth.also_read_refresh_token)),
        _call(oauth.router, oauth.preauthorize, _writing_body(oauth.preauthorize, oauth.AuthorizeBody)),
        _call(sessions.router, sessions.trigger_session, _writing_body(sessions.trigger_session, sessions.TriggerBody)),
        _call(pushing.router, pushing.push_to_library, _push),
    ]


def _call(router: APIRouter, endpoint: Endpoint, respond: Respond, *, takes_query: bool = False) -> FrequentCall:
    (route,) = (route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is endpoint)
    return FrequentCall(route, PREFIX, respond, takes_query)


def _reading(endpoint: Endpoint) -> Respond:
    """Answer with an endpoint whose parameters are the request and what is in its path."""

    async def respond(request: Request) -> Response:
        return await endpoint(request, **request.path_params)

    return respond


def _writing(endpoint: Endpoint, also: Callable[[Request], AlsoRead | None]) -> Respond:
    """Answer with an endpoint whose only parameter is `call: Writing`. `also` says what is read with its caller."""

    async def respond(request: Request) -> Response:
        async with writing_call(request, also(request)) as call:
            return await endpoint(call)

    return respond


def _writing_body(endpoint: Endpoint, model: type[BaseModel]) -> Respond:
    """Answer with an endpoint whose parameters are `call: Writing` and a body that may be missing."""
    type_ = TypeAdapter[BaseModel](model)

    async def respond(request: Request) -> Response:
        body = await read_json_body(request, type_)
        async with writing_call(request) as call:
            return await endpoint(call, body)

    return respond


async def _list_files(request: Request) -> Response:
    """Answer a request for the list of files, which may wait for a change. Any other query is left to FastAPI."""
    query = request.scope["query_string"]
    asked = _WAIT.fullmatch(query)
    if query and (asked is None or int(asked[1]) > files.MAX_WAIT_SECONDS):
        raise UnusualRequest
    wait, etag = int(asked[1]) if asked else 0, request.headers.get("if-none-match")
    return await files.get_session_files(request, request.path_params["session_key"], wait, etag)


async def _push(request: Request) -> Response:
    """Answer a push, whose body is read as a stream. One without a descriptor is left to FastAPI."""
    descriptor = request.headers.get("filedescriptor")
    if descriptor is None:
        raise UnusualRequest
    return await pushing.push_to_library(request, descriptor)
