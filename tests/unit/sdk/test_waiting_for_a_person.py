"""`wait_for_return`: a program without a web server receives the person at an address of this machine."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx2
import pytest

from privateshare import AuthorizationFailed, AuthorizeUrl, ConfigurationError, ConsentDeclined, Session
from privateshare.testing import InMemoryPlatform
from tests.patience import GIVE_UP_SECONDS
from tests.ports import free_port

SESSION = Session(key="s", expiry=4_000_000_000_000)


@pytest.fixture(scope="module")
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        yield running


def opened(address: str) -> httpx2.Response:
    """Open an address as a browser does, as soon as somebody listens there."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            return httpx2.get(address, follow_redirects=False)
        except httpx2.ConnectError:
            assert time.monotonic() < give_up
            time.sleep(0.02)


def asked_at(callback: str, state: str = "mine") -> AuthorizeUrl:
    return AuthorizeUrl("https://share.example/", "v" * 43, state, SESSION, callback)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_program_waits_for_the_person(platform: InMemoryPlatform, host: str) -> None:
    """It gets what they came back with, and they see a page that says so. Then nothing listens there any more."""
    callback = f"http://{host}:{free_port()}/return"
    with platform.client() as app, ThreadPoolExecutor(1) as threads:
        asked = app.get_authorize_url(f"{callback}?user=17")
        waiting = threads.submit(app.wait_for_return, asked, timeout=GIVE_UP_SECONDS)
        page = opened(platform.consent(asked.url))
        returned = waiting.result(GIVE_UP_SECONDS)
        assert (page.status_code, "Thank you" in page.text) == (200, True)
        assert page.headers["cache-control"] == "no-store"
        assert returned.state == asked.state
        assert app.exchange_code_for_token(returned.code, asked.code_verifier).user_id
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(callback)


async def test_the_asyncio_client_waits_too(platform: InMemoryPlatform) -> None:
    """Other tasks go on meanwhile."""
    async with platform.async_client() as app:
        asked = await app.get_authorize_url(f"http://127.0.0.1:{free_port()}/return")
        waiting = asyncio.create_task(app.wait_for_return(asked, timeout=GIVE_UP_SECONDS))
        await asyncio.to_thread(opened, platform.consent(asked.url))
        assert (await waiting).code


def test_a_person_who_declines_is_an_error(platform: InMemoryPlatform) -> None:
    """It is that of read_return, and the page says that nothing was shared."""
    with platform.client() as app, ThreadPoolExecutor(1) as threads:
        asked = app.get_authorize_url(f"http://127.0.0.1:{free_port()}/return")
        waiting = threads.submit(app.wait_for_return, asked, timeout=GIVE_UP_SECONDS)
        assert "Nothing was shared" in opened(platform.decline(asked.url)).text
        with pytest.raises(ConsentDeclined):
            waiting.result(GIVE_UP_SECONDS)


def test_other_visitors_change_nothing(platform: InMemoryPlatform) -> None:
    """Another state, another path, a method that no browser uses here, and a connection that says nothing."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    with platform.client() as app, ThreadPoolExecutor(1) as threads:
        waiting: Future[object] = threads.submit(
            app.wait_for_return, asked_at(f"{origin}/return"), timeout=GIVE_UP_SECONDS
        )
        for path, status in (
            ("/return?success=true&code=c&state=other", 400),
            ("/return", 400),
            ("/returns?success=true&code=c&state=mine", 404),
            ("/favicon.ico", 404),
        ):
            assert opened(origin + path).status_code == status, path
        assert httpx2.post(f"{origin}/return?success=true&code=c&state=mine").status_code == 501
        assert not waiting.done()
        opened(f"{origin}/return?success=true&code=c&state=mine")
        assert waiting.result(GIVE_UP_SECONDS)


def test_a_person_who_never_comes_ends_the_wait(platform: InMemoryPlatform) -> None:
    """After the timeout, with a code of its own."""
    with platform.client() as app:
        with pytest.raises(AuthorizationFailed, match=r"did not come back within 0\.2 seconds") as told:
            app.wait_for_return(asked_at(f"http://127.0.0.1:{free_port()}/return"), timeout=0.2)
        assert told.value.code == "TIMEOUT"


@pytest.mark.parametrize(
    "callback",
    ["https://app.example/return", "http://app.example:8000/return", "http://127.0.0.1/return", "my-app://return", ""],
)
def test_only_this_machine_can_be_waited_at(platform: InMemoryPlatform, callback: str) -> None:
    """The error says which callback would do."""
    with platform.client() as app, pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:8000/return"):
        app.wait_for_return(asked_at(callback))


def test_a_port_that_is_in_use_is_named(platform: InMemoryPlatform) -> None:
    """And what to do about it."""
    port = free_port()
    with platform.client() as app, ThreadPoolExecutor(1) as threads:
        first = threads.submit(
            app.wait_for_return, asked_at(f"http://127.0.0.1:{port}/return"), timeout=GIVE_UP_SECONDS
        )
        opened(f"http://127.0.0.1:{port}/")
        with pytest.raises(ConfigurationError, match=f"port {port}"):
            app.wait_for_return(asked_at(f"http://127.0.0.1:{port}/return"), timeout=1)
        opened(f"http://127.0.0.1:{port}/return?success=true&code=c&state=mine")
        first.result(GIVE_UP_SECONDS)
    assert threading.active_count() < 50
