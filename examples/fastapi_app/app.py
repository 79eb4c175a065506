"""A web app that asks its visitors for their music and their health record, and shows each what it read.

Start page -> consent pages of the platform -> `/return` -> `/you`. README.md says how to run it.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from examples.fastapi_app.insights import Insights
from privateshare import AsyncPrivateShare, AuthorizationFailed, AuthorizeUrl, UserAccessToken

COOKIE = "visitor"
pages = Jinja2Templates(Path(__file__).with_name("templates"))


@dataclass
class Visitor:
    """What the app remembers of one browser. A real app keeps this in its database, the token like a password."""

    asked: AuthorizeUrl
    token: UserAccessToken | None = None


def create_app(client: AsyncPrivateShare) -> FastAPI:
    """The app, for one contract."""
    visitors: dict[str, Visitor] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def start(request: Request) -> Response:
        return pages.TemplateResponse(request, "start.html")

    @app.post("/connect")
    async def connect(request: Request) -> Response:
        asked = await client.get_authorize_url(str(request.url_for("come_back")))
        visitor = secrets.token_urlsafe()
        visitors[visitor] = Visitor(asked)
        response = RedirectResponse(asked.url, 303)
        response.set_cookie(COOKIE, visitor, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return response

    @app.get("/return")
    async def come_back(request: Request) -> Response:
        visitor = visitors.get(request.cookies.get(COOKIE, ""))
        if visitor is None:
            return RedirectResponse("/", 303)
        try:
            returned = client.read_return(str(request.url), state=visitor.asked.state)
        except AuthorizationFailed as failed:
            return pages.TemplateResponse(request, "start.html", {"failed": failed.code})
        if visitor.token is None and returned.code is not None:
            visitor.token = await client.exchange_code_for_token(returned.code, visitor.asked.code_verifier)
        return RedirectResponse("/you", 303)

    @app.get("/you")
    async def you(request: Request) -> Response:
        visitor = visitors.get(request.cookies.get(COOKIE, ""))
        if visitor is None or visitor.token is None:
            return RedirectResponse("/", 303)
        insights = Insights()
        async with client.read_all_files(visitor.asked.session, visitor.token) as files:
            async for file in files:
                insights.add(file)
        return pages.TemplateResponse(request, "you.html", {"insights": insights})

    return app


def from_environment() -> FastAPI:
    """The app of the contract that the environment names."""
    key = Path(os.environ["PRIVATESHARE_PRIVATE_KEY"]).read_text()
    base_url = os.environ.get("PRIVATESHARE_BASE_URL", "http://127.0.0.1:8790/v1.7/")
    application, contract = os.environ["PRIVATESHARE_APPLICATION_ID"], os.environ["PRIVATESHARE_CONTRACT_ID"]
    return create_app(AsyncPrivateShare(application, contract_id=contract, private_key=key, base_url=base_url))
