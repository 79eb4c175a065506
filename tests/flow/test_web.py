"""Tests of the consent routes in FastAPI, Flask and Django: real servers, cookies and a running platform."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx2
import pytest

from privateshare import AsyncPrivateShare, ConfigurationError, PrivateShare
from privateshare.protocol import jwt
from privateshare.web import Arrived, Keeper
from privateshare.web.web_framework import ALREADY_SHARED
from tests.flow.people import People
from tests.flow.wire import Wire, query_of
from tests.threads import in_a_thread

SECRET = "a secret of thirty-two characters, or more"
PATH = "/consent/return"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract(redirect_uris=[f"http://127.0.0.1{PATH}"])


def settings(wire: Wire) -> dict[str, Any]:
    """Return the settings of both clients."""
    return {"contract_id": wire.contract_id, "private_key": jwt.private_pem(wire.key), "base_url": wire.url("")}


@contextmanager
def fastapi_app(wire: Wire) -> Iterator[str]:
    """Provide a FastAPI app on uvicorn."""
    import uvicorn
    from fastapi import FastAPI, Request
    from starlette.responses import PlainTextResponse, Response

    from privateshare.web.fastapi import consent_router

    client = AsyncPrivateShare(wire.application_id, **settings(wire))

    async def remember(_: Request, arrived: Arrived) -> Response:
        names = [file.name async for file in client.read_all_files(arrived.session, arrived.token)]
        return PlainTextResponse(f"{len(names)} files")

    app = FastAPI()
    app.include_router(consent_router(client, secret=SECRET, on_token=remember), prefix="/consent")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        pass
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def wsgi(app: Any) -> Iterator[str]:
    """Provide a WSGI app on the standard library's server."""
    with in_a_thread(make_server("127.0.0.1", 0, app, handler_class=Quiet)) as at:
        yield f"http://{at}"


@contextmanager
def flask_app(wire: Wire) -> Iterator[str]:
    """Provide a Flask app."""
    from flask import Flask

    from privateshare.web.flask import consent_blueprint

    client = PrivateShare(wire.application_id, **settings(wire))

    def remember(arrived: Arrived) -> str:
        return f"{client.read_all_files(arrived.session, arrived.token).result().files} files"

    app = Flask(__name__)
    app.register_blueprint(consent_blueprint(client, secret=SECRET, on_token=remember), url_prefix="/consent")
    with wsgi(app) as address, client:
        yield address


@contextmanager
def django_app(wire: Wire) -> Iterator[str]:
    """Provide a Django app."""
    import django
    from django.conf import settings as django_settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import include, path

    from privateshare.web.django import consent_urls

    client = PrivateShare(wire.application_id, **settings(wire))

    def remember(_: HttpRequest, arrived: Arrived) -> HttpResponse:
        return HttpResponse(f"{client.read_all_files(arrived.session, arrived.token).result().files} files")

    urls = type(
        "Urls", (), {"urlpatterns": [path("consent/", include(consent_urls(client, secret=SECRET, on_token=remember)))]}
    )
    django_settings.configure(ROOT_URLCONF=urls, ALLOWED_HOSTS=["127.0.0.1", "elsewhere.example"], SECRET_KEY=SECRET)
    django.setup()
    with wsgi(get_wsgi_application()) as address, client:
        yield address


@pytest.mark.parametrize("serve", [fastapi_app, flask_app, django_app])
async def test_a_person_leaves_and_comes_back(
    serve: Callable[[Wire], Iterator[str]], wire: Wire, people: People
) -> None:
    """They see their own data. Other people, foreign states and errors show none, and a repeat is explained."""
    with serve(wire) as address, httpx2.Client() as browser, httpx2.Client() as other:  # type: ignore[attr-defined]
        sent = browser.get(f"{address}/consent/start")
        assert sent.status_code in (302, 303)
        cookie = sent.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        consent_page = query_of(sent.headers["location"])
        code = await people.consent(consent_page["code"])
        journey_state = await state_of(people, consent_page["code"])
        back = f"{address}{PATH}?success=true&code={code}&state={journey_state}"
        assert other.get(back).status_code == 400
        assert browser.get(f"{address}{PATH}?success=true&code={code}&state=foreign").status_code == 400
        sent = browser.get(f"{address}/consent/start")
        consent_page = query_of(sent.headers["location"])
        code = await people.consent(consent_page["code"], sample="default")
        journey_state = await state_of(people, consent_page["code"])
        back = f"{address}{PATH}?success=true&code={code}&state={journey_state}"
        shown = await asyncio.to_thread(browser.get, back)
        assert shown.status_code == 200, shown.text
        assert shown.text.endswith("files")
        assert int(shown.text.split()[0]) > 10
        again = await asyncio.to_thread(browser.get, back)
        assert (again.status_code, again.text) == (200, ALREADY_SHARED)
        assert other.get(back).status_code == 400
        sent = browser.get(f"{address}/consent/start")
        journey_state = await state_of(people, query_of(sent.headers["location"])["code"])
        for _ in range(2):
            declined = browser.get(f"{address}{PATH}?success=false&errorCode=USER_CANCEL&state={journey_state}")
            assert (declined.status_code, "USER_CANCEL" in declined.text) == (400, True)
        assert browser.get(f"{address}{PATH}?success=false&errorCode=USER_CANCEL").status_code == 400
        unknown = browser.get(f"{address}/consent/start", headers={"Host": "elsewhere.example"})
        assert (unknown.status_code, "InvalidRedirectUri" in unknown.text) == (400, True)


async def state_of(people: People, code: str) -> str:
    """Return the state that the platform would send back."""
    return str((await people.return_target(code)).state)


def test_a_short_secret_is_rejected() -> None:
    """Cookies that are signed with a short secret could be forged."""
    with pytest.raises(ConfigurationError, match="32"):
        Keeper("short")
