"""A FastAPI app that asks its visitors for their music and their health record, and shows each what it read.

Start page -> `/consent/start` -> consent pages of the platform -> `/consent/return` -> `/you`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.middleware.sessions import SessionMiddleware

from examples.genrefy.insights import Insights
from examples.genrefy.pages import STOPPED, TEMPLATES, notice
from examples.genrefy.settings import Settings, from_environment
from privateshare import AsyncPrivateShare, AsyncUser, InvalidToken, PrivateShareError
from privateshare.web import Arrived
from privateshare.web.fastapi import consent_router

pages = Jinja2Templates(TEMPLATES)


def create_app() -> FastAPI:
    """Create the app from the settings in the environment."""
    settings = from_environment()
    client = AsyncPrivateShare(
        settings.application_id,
        contract_id=settings.contract_id,
        private_key=settings.private_key,
        base_url=settings.base_url,
        token_store=settings.tokens,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with client:
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_middleware(SessionMiddleware, secret_key=settings.secret, https_only=settings.secure, same_site="lax")
    add_consent(app, client, settings)
    add_pages(app, client)
    return app


def add_consent(app: FastAPI, client: AsyncPrivateShare, settings: Settings) -> None:
    """Add the routes for consent, and the messages for errors."""

    async def remember(request: Request, arrived: Arrived) -> Response:
        person = arrived.token.user_id
        await client.user(person).keep(arrived.token)
        request.session["person"] = person
        return RedirectResponse("/you", 303)

    async def show(_: Request) -> Response:
        return RedirectResponse("/you", 303)

    @app.exception_handler(PrivateShareError)
    async def explain(request: Request, error: PrivateShareError) -> Response:
        request.session["notice"] = notice(error)
        return RedirectResponse("/", 303)

    @app.exception_handler(InvalidToken)
    async def forget(request: Request, error: InvalidToken) -> Response:
        request.session.pop("person", None)  # The client has already deleted the token.
        return await explain(request, error)

    consent = consent_router(
        client,
        secret=settings.secret,
        redirect_uri=settings.redirect_uri,
        on_token=remember,
        on_failure=explain,
        on_repeat=show,
    )
    app.include_router(consent, prefix="/consent")


def add_pages(app: FastAPI, client: AsyncPrivateShare) -> None:
    """Add the start page, the page with the data, and the route that deletes it."""

    def person_of(request: Request) -> AsyncUser | None:
        person = request.session.get("person")
        return client.user(person) if person else None

    @app.get("/")
    async def start(request: Request) -> Response:
        person = person_of(request)
        lends = person is not None and await person.token() is not None
        told = {"notice": request.session.pop("notice", None), "lends": lends}
        return pages.TemplateResponse(request, "start.html", told)

    @app.get("/you")
    async def you(request: Request) -> Response:
        person = person_of(request)
        if person is None:
            return RedirectResponse("/", 303)
        insights, session = Insights(), await client.read_session(person)
        async with client.read_all_files(session, person, on_file_error=insights.miss) as files:
            async for file in files:
                insights.add(file)
        never = {"Cache-Control": "no-store"}
        return pages.TemplateResponse(request, "you.html", {"insights": insights}, headers=never)

    @app.post("/stop")
    async def stop(request: Request) -> Response:
        person = person_of(request)
        if person is not None:
            await client.delete_user(person)
            request.session.clear()
            request.session["notice"] = STOPPED
        return RedirectResponse("/", 303)
