"""Coming back more than once: by a reload, the back button, two tabs, another user; with FastAPI and with Flask."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from tests.patience import GIVE_UP_SECONDS

from privateshare import (
    ConsentDeclined,
    InternalError,
    MemoryTokenStore,
    NetworkError,
    PrivateShareError,
    TokenStore,
    Unavailable,
    UnexpectedReturn,
)
from privateshare.testing import InMemoryPlatform
from privateshare.web import Arrived
from privateshare.web.web_framework import ALREADY_SHARED

SECRET = "a secret of thirty-two characters, or more"
ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        yield running


@dataclass
class App:
    """An app, by what it does with who comes back; and whoever is signed in to it."""

    platform: InMemoryPlatform
    get: Callable[[str, dict[str, str]], tuple[int, str, str]] = lambda _, __: (0, "", "")
    store: TokenStore | None = None
    signed_in: str | None = None
    failures: list[PrivateShareError] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    take: Callable[[Arrived], None] = lambda _: None

    def welcome(self, arrived: Arrived) -> str:
        """Take a person's token."""
        self.take(arrived)
        self.arrived.append(arrived)
        return "welcome"


@contextmanager
def fastapi_app(app: App) -> Iterator[None]:
    """With FastAPI, on uvicorn."""
    import uvicorn
    from fastapi import FastAPI, Request
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import PlainTextResponse, Response

    from privateshare.web.fastapi import consent_router, tell_failure

    async def welcome(_: Request, arrived: Arrived) -> Response:
        return PlainTextResponse(await run_in_threadpool(app.welcome, arrived))

    async def explain(request: Request, error: PrivateShareError) -> Response:
        app.failures.append(error)
        return await tell_failure(request, error)

    client = app.platform.async_client(token_store=app.store, retries=0)
    who: dict[str, Any] = {"user": lambda _: app.signed_in} if app.signed_in is not None else {}
    web = FastAPI()
    address = f"{ORIGIN}/c/return"
    web.include_router(
        consent_router(client, secret=SECRET, redirect_uri=address, on_token=welcome, on_failure=explain, **who),
        prefix="/c",
    )
    server = uvicorn.Server(uvicorn.Config(web, port=0, log_level="critical"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    origin = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    def get(address: str, cookies: dict[str, str]) -> tuple[int, str, str]:
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        answer = httpx2.get(origin + address.removeprefix(ORIGIN), headers={"cookie": header}, timeout=GIVE_UP_SECONDS)
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            cookies[name] = value.strip('"')
        return answer.status_code, answer.headers.get("location", ""), answer.text

    app.get = get
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def flask_app(app: App) -> Iterator[None]:
    """With Flask."""
    from flask import Flask

    from privateshare.web.flask import consent_blueprint, tell_failure

    def explain(error: PrivateShareError) -> Any:
        app.failures.append(error)
        return tell_failure(error)

    client = app.platform.client(token_store=app.store, retries=0)
    who: dict[str, Any] = {"user": lambda: app.signed_in} if app.signed_in is not None else {}
    web = Flask(__name__)
    blueprint = consent_blueprint(client, secret=SECRET, on_token=app.welcome, on_failure=explain, **who)
    web.register_blueprint(blueprint, url_prefix="/c")

    def get(address: str, cookies: dict[str, str]) -> tuple[int, str, str]:
        browser = web.test_client(use_cookies=False)
        header = "; ".join(f"{name}={value}" for name, value in cookies.items())
        answer = browser.get(address, base_url=ORIGIN, headers={"cookie": header} if header else {})
        for cookie in answer.headers.getlist("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            cookies[name] = value
        return answer.status_code, answer.headers.get("location", ""), answer.text

    app.get = get
    with client:
        yield


Serve = Callable[[App], AbstractContextManager[None]]


@pytest.fixture(params=[fastapi_app, flask_app])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[App], None]]:
    """Serves apps until the test ends."""
    serve: Serve = request.param
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serve(app))


def begin(app: App, cookies: dict[str, str]) -> str:
    """Sends a browser off; the address of the consent page."""
    status, location, _ = app.get("/c/start", cookies)
    assert status in (302, 303)
    return location


def test_reload_and_back_say_that_the_person_has_shared(
    platform: InMemoryPlatform, make: Callable[[App], None]
) -> None:
    """Whatever the address says. The app is notified once."""
    make(app := App(platform))
    cookies: dict[str, str] = {}
    page = begin(app, cookies)
    back = platform.consent(page)
    assert app.get(back, cookies) == (200, "", "welcome")
    failed = back.replace("success=true", "success=false&errorCode=INVALID_CODE")
    for address in (back, back, failed):
        assert app.get(address, cookies) == (200, "", ALREADY_SHARED)
    assert (len(app.arrived), app.failures) == (1, [])


def test_a_reload_after_declining_shows_that_again(platform: InMemoryPlatform, make: Callable[[App], None]) -> None:
    """The person may start again."""
    make(app := App(platform))
    cookies: dict[str, str] = {}
    declined = platform.decline(begin(app, cookies))
    for _ in range(2):
        status, _, text = app.get(declined, cookies)
        assert (status, text) == (400, "The data was not shared (USER_CANCEL).")
    assert [type(error) for error in app.failures] == [ConsentDeclined, ConsentDeclined]
    assert app.get(platform.consent(begin(app, cookies)), cookies)[2] == "welcome"


def test_two_tabs_are_two_requests(platform: InMemoryPlatform, make: Callable[[App], None]) -> None:
    """Each returns to its own, in any order."""
    make(app := App(platform))
    cookies: dict[str, str] = {}
    first, second = begin(app, cookies), begin(app, cookies)
    assert app.get(platform.consent(first), cookies)[2] == "welcome"
    assert app.get(platform.decline(second), cookies)[0] == 400
    assert app.get(platform.consent(first), cookies)[2] == ALREADY_SHARED
    third, fourth = begin(app, cookies), begin(app, cookies)
    assert app.get(platform.consent(fourth), cookies)[2] == "welcome"
    assert app.get(platform.consent(third), cookies)[2] == "welcome"
    assert len(app.arrived) == 3


def test_another_user_of_the_browser_cannot_finish_a_request(
    platform: InMemoryPlatform, make: Callable[[App], None]
) -> None:
    """A person who signed in meanwhile gets nothing; the one who asked still does."""
    store = MemoryTokenStore()
    make(app := App(platform, store=store, signed_in="ann"))
    cookies: dict[str, str] = {}
    back = platform.consent(begin(app, cookies))
    app.signed_in = "bob"
    assert app.get(back, cookies)[0] == 400
    assert [(type(error), error.code) for error in app.failures] == [(UnexpectedReturn, "WRONG_USER")]
    assert (store.get("ann"), store.get("bob"), app.arrived) == (None, None, [])
    app.signed_in = "ann"
    assert app.get(back, cookies)[2] == "welcome"
    assert app.arrived[0].user == "ann"
    assert store.get("ann") == app.arrived[0].token
    app.signed_in = "bob"
    assert app.get(back, cookies)[0] == 400


@pytest.mark.protocol("4.2")
def test_a_reload_during_the_exchange_uses_no_code_twice(
    platform: InMemoryPlatform, make: Callable[[App], None]
) -> None:
    """The browser of an impatient person sends its old cookie again: protocol 4.2 would revoke the grant."""
    taking, go_on = threading.Event(), threading.Event()

    def take(_: Arrived) -> None:
        taking.set()
        assert go_on.wait(GIVE_UP_SECONDS)

    make(app := App(platform, take=take))
    cookies: dict[str, str] = {}
    back = platform.consent(begin(app, cookies))
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(app.get, back, dict(cookies))
        assert taking.wait(GIVE_UP_SECONDS)
        again = app.get(back, dict(cookies))
        go_on.set()
        assert first.result()[2] == "welcome"
    assert again[2] == ALREADY_SHARED
    assert len(app.arrived) == 1
    with platform.client() as client:
        assert client.read_accounts(app.arrived[0].token) is not None


def test_simultaneous_requests_of_one_browser_exchange_the_code_once(
    platform: InMemoryPlatform, make: Callable[[App], None]
) -> None:
    """One is welcomed. The others wait, and then show that it is done."""
    make(app := App(platform, take=lambda _: time.sleep(0.05)))
    cookies: dict[str, str] = {}
    back = platform.consent(begin(app, cookies))
    with ThreadPoolExecutor(6) as pool:
        texts = [answer[2] for answer in pool.map(lambda _: app.get(back, dict(cookies)), range(6))]
    assert sorted(texts) == sorted(["welcome", *[ALREADY_SHARED] * 5])
    with platform.client() as client:
        assert client.read_accounts(app.arrived[0].token) is not None


def test_a_return_while_the_platform_is_unreachable_can_be_retried(
    platform: InMemoryPlatform, make: Callable[[App], None]
) -> None:
    """The code was not used, so a reload continues."""
    make(app := App(platform))
    cookies: dict[str, str] = {}
    back = platform.consent(begin(app, cookies))
    platform.fail_next(Unavailable("soon"))
    assert app.get(back, cookies)[0] == 400
    assert app.get(back, cookies)[2] == "welcome"
    assert not any(isinstance(error, NetworkError) for error in app.failures)


@pytest.mark.parametrize("error", [InternalError("no disk"), OSError("no disk")])
def test_an_app_that_failed_to_store_a_token_receives_it_again(
    platform: InMemoryPlatform, make: Callable[[App], None], error: Exception
) -> None:
    """With the next request, although the code was used."""
    errors = [error]

    def take(_: Arrived) -> None:
        if errors:
            raise errors.pop()

    make(app := App(platform, take=take))
    cookies: dict[str, str] = {}
    back = platform.consent(begin(app, cookies))
    assert app.get(back, cookies)[0] >= 400
    assert app.get(back, cookies)[2] == "welcome"
    assert app.get(back, cookies)[2] == ALREADY_SHARED


def test_a_token_in_the_store_counts_as_shared_even_if_the_app_fails(
    platform: InMemoryPlatform, make: Callable[[App], None]
) -> None:
    """The routes stored it before the app could fail."""

    def take(_: Arrived) -> None:
        raise InternalError("no disk")

    store = MemoryTokenStore()
    make(app := App(platform, store=store, signed_in="ann", take=take))
    cookies: dict[str, str] = {}
    back = platform.consent(begin(app, cookies))
    assert app.get(back, cookies)[0] >= 400
    assert store.get("ann") is not None
    assert app.get(back, cookies)[2] == ALREADY_SHARED
