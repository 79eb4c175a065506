"""The middleware of frequent calls: it answers usual requests, and leaves all others to FastAPI."""

from collections.abc import AsyncIterator, Mapping

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from privateshare.platform.api import accounts, files, oauth, pushing, sessions
from privateshare.platform.api.frequent import frequent_calls
from privateshare.platform.http.frequent import FrequentCall, FrequentCalls, UnusualRequest, read_json_body

JSON = {"content-type": "application/json"}


class Wanted(BaseModel):
    """The body of a request."""

    number: int | None = None


class WithState:
    """ASGI middleware that adds what the platform's own add: a state, and that any host is accepted."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {}
        await self._app(scope, receive, send)


async def accept(_: Request) -> None:
    """Accept any host."""


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """Provide a client of an app of which each response says which route made it."""

    monkeypatch.setattr("privateshare.platform.http.frequent.check_address", accept)
    app = FastAPI()

    @app.post("/things/{name}")
    async def post(name: str, body: Wanted | None = None, wait: int = 0) -> dict[str, object]:
        return {"by": "fastapi", "name": name, "number": body.number if body else None, "wait": wait}

    wanted = TypeAdapter(Wanted)

    async def respond(request: Request) -> JSONResponse:
        body = await read_json_body(request, wanted)
        name = request.path_params["name"]
        return JSONResponse({"by": "us", "name": name, "number": body.number if body else None, "wait": 0})

    (route,) = (route for route in app.routes if isinstance(route, APIRoute))
    app.add_middleware(FrequentCalls, calls=[FrequentCall(route, "", respond)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(WithState(app)), base_url="http://localhost") as sent:
        yield sent


@pytest.mark.parametrize(
    ("content", "headers", "number"),
    [
        (b"", {}, None),
        (b'{"number": 1}', JSON, 1),
        (b'{"number": 1}', {"content-type": "Application/JSON; charset=utf-8"}, 1),
        (b"null", JSON, None),
        (b"{}", JSON, None),
    ],
)
async def test_usual_requests(
    client: httpx2.AsyncClient, content: bytes, headers: Mapping[str, str], number: int | None
) -> None:
    """Their response is the one that FastAPI would make."""
    answer = await client.post("/things/a%20b", content=content, headers=headers)
    assert answer.json() == {"by": "us", "name": "a b", "number": number, "wait": 0}
    other = await client.post("/things/a%20b?wait=0", content=content, headers=headers)
    assert other.json() == answer.json() | {"by": "fastapi"}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{", JSON),
        (b"[" * 100_000, JSON),
        (b"\xff\xfe", JSON),
        (b'{"number": "x"}', JSON),
        (b"[]", JSON),
        (b'{"number": 1}', {"content-type": "text/plain"}),
        (b'{"number": 1}', {"content-type": "application/jsonx"}),
        (b'{"number": 1}', {}),
    ],
)
async def test_bodies_that_are_not_valid(
    client: httpx2.AsyncClient, content: bytes, headers: Mapping[str, str]
) -> None:
    """FastAPI reads them again, and reports the error."""
    answer = await client.post("/things/a", content=content, headers=headers)
    expected = await client.post("/things/a?wait=0", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    assert (answer.status_code, answer.json()) == (expected.status_code, expected.json())


async def test_other_content_that_is_json(client: httpx2.AsyncClient) -> None:
    """FastAPI accepts it, so it is accepted."""
    answer = await client.post("/things/a", content=b'{"number": 3}', headers={"content-type": "application/x+json"})
    assert answer.json() == {"by": "fastapi", "name": "a", "number": 3, "wait": 0}


async def test_other_methods_and_paths(client: httpx2.AsyncClient) -> None:
    """The route answers nothing but its own."""
    assert (await client.get("/things/a")).status_code == 405
    assert (await client.post("/things/a/b")).status_code == 404
    assert (await client.post("/things/a?wait=x")).status_code == 422
    assert (await client.post("/things/a?wait=2")).json()["wait"] == 2


@pytest.mark.parametrize(("query", "by"), [("", "us"), ("?wait=2", "us"), ("?wait=x", None), ("?other=1", "fastapi")])
async def test_a_call_that_takes_queries(monkeypatch: pytest.MonkeyPatch, query: str, by: str | None) -> None:
    """The queries that it knows are answered without FastAPI, and all others are left to it."""
    monkeypatch.setattr("privateshare.platform.http.frequent.check_address", accept)
    app = FastAPI()

    @app.get("/things")
    async def get(wait: int = 0) -> dict[str, object]:
        return {"by": "fastapi", "wait": wait}

    async def respond(request: Request) -> JSONResponse:
        if request.scope["query_string"] not in (b"", b"wait=2"):
            raise UnusualRequest
        return JSONResponse({"by": "us", "wait": 0})

    (route,) = (route for route in app.routes if isinstance(route, APIRoute))
    app.add_middleware(FrequentCalls, calls=[FrequentCall(route, "", respond, takes_query=True)])
    transport = httpx2.ASGITransport(WithState(app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get(f"/things{query}")
    assert (answer.status_code, answer.json().get("by")) == (200 if by else 422, by)


def test_these_calls_are_answered_without_fastapi() -> None:
    """A call that is not among them any more would still work, and only take longer."""
    assert {call.endpoint.endpoint for call in frequent_calls()} == {
        files.get_file,
        files.get_session_files,
        accounts.list_accounts,
        oauth.issue_tokens,
        oauth.preauthorize,
        sessions.trigger_session,
        pushing.push_to_library,
    }
