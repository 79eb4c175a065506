"""Tests of admission: which queue a request waits in, and what happens to it meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse
from structlog.testing import capture_logs
from tests.keys import rsa_key
from tests.patience import GIVE_UP_SECONDS

from privateshare.errors import TooManyRequests
from privateshare.platform.http import admitting
from privateshare.platform.http.admitting import Admit, Incoming
from privateshare.platform.http.errors import add_error_handlers, render_error
from privateshare.platform.http.requests import RequestIds
from privateshare.platform.keys.known_keys import KnownKeys
from privateshare.platform.operating.admission import Admission, current_request, place_given_up
from privateshare.platform.operating.fair_queue import FairQueue
from privateshare.protocol import jwt

FILE = "/v1.7/permission-access/query/session/file"
LIST = "/v1.7/permission-access/query/session"
ACCOUNTS = "/v1.7/permission-access/accounts"
PAGE = "/apps/saas/authorize"
STORED = "/cloud/v1/clouds/x/files/apps/y/z"
HERE, THERE = "192.0.2.1", "198.51.100.2"
MINUTES = 60


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return rsa_key()


@pytest.fixture(scope="module")
def foreign() -> RSAPrivateKey:
    return rsa_key(1)


@dataclass
class Call:
    """A request that was sent: what came back, and a way to hang up or to send more."""

    task: "asyncio.Task[None]"
    incoming: "asyncio.Queue[dict[str, Any]]"
    sent: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int | None:
        return next((message["status"] for message in self.sent if message["type"] == "http.response.start"), None)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    def hang_up(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})


class Site:
    """An app behind the middleware, whose answers wait until the test lets them go."""

    def __init__(self, places: int = 2, **limits: Any) -> None:
        queue = partial(FairQueue, places, **limits)
        self.admission = Admission(queue(), queue(), queue(), streams=FairQueue(2, **limits))
        self.places, self.keys = places, KnownKeys()
        self.working: list[str] = []
        self.done: list[str] = []
        self.go_on = asyncio.Event()
        self.calls: list[Call] = []
        self.app = FastAPI()
        add_error_handlers(self.app, renderers={}, render_page=render_error)
        self.app.add_middleware(Admit, admission=self.admission, known_keys=self.keys)
        self.app.add_middleware(RequestIds)
        self.app.add_api_route("/{path:path}", self.work, methods=["GET", "POST"])

    async def work(self, request: Request) -> Response:
        """Reads the body, and waits until it may go on; how is in the query."""
        name = request.query_params.get("name", "")
        self.working.append(name)
        if "outside" in request.query_params:
            async with place_given_up():
                await self.go_on.wait()
        elif "stream" in request.query_params:
            await current_request().stream()
            return StreamingResponse(self.pieces())
        else:
            await request.body()
            await self.go_on.wait()
        self.done.append(name)
        return Response(name)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield a body that goes on while the test lets it."""
        yield b"begun"
        await self.go_on.wait()
        yield b"ended"

    def send(
        self, path: str, token: str | None = None, *, address: str = HERE, query: str = "", body: bool = True
    ) -> Call:
        """Sends a request; without `body` that is still to come."""
        incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        if body:
            incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET" if body else "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "client": (address, 1),
            "server": ("test", 80),
        }
        call = Call(asyncio.create_task(asyncio.sleep(0)), incoming)

        async def send(message: Any) -> None:
            call.sent.append(message)

        call.task = asyncio.create_task(self.app(scope, incoming.get, send))
        self.calls.append(call)
        return call

    async def until(self, *working: str) -> None:
        """Waits until these, and no others, have been let in; and then a little, for those that must not be."""
        async with asyncio.timeout(GIVE_UP_SECONDS):
            while len(self.working) < len(working):
                await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert sorted(self.working) == sorted(working)

    async def end(self) -> None:
        """Lets everything go on, and checks that every place was given back."""
        self.go_on.set()
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await asyncio.gather(*(call.task for call in self.calls), return_exceptions=True)
        for queue in (*self.admission.queues().values(), self.admission.polls):
            assert queue.waiting == 0
            assert all(queue.join(f"another {number}").done() for number in range(self.places))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Provide a site with two places of each kind, of which a caller may take one."""
    made = Site()
    yield made
    await made.end()


def signed(key: RSAPrivateKey, client_id: str = "app_contract", *, age: float = 0, **claims: object) -> str:
    """Return the JWT of a request. Protocol 2.2."""
    moment = (time.time() - age) * 1000
    return jwt.sign(key, jwt.request_claims(client_id, nonce="n" * 32, timestamp=moment, **claims))  # type: ignore[arg-type]


def known(site: Site, key: RSAPrivateKey) -> None:
    """Lets the site know the contract's key, as after its first call."""
    site.keys.remember("app_contract", jwt.public_pem(key.public_key()))


async def test_nobody_fills_a_contracts_queue_without_its_key(
    site: Site, key: RSAPrivateKey, foreign: RSAPrivateKey
) -> None:
    """Requests with a foreign or an old signature wait in another queue, even from the same address."""
    known(site, key)
    forged = [signed(foreign), signed(key, age=6 * MINUTES), signed(key).rsplit(".", 1)[0] + ".AAAA", "x"]
    for number, token in enumerate(forged * 5):
        site.send(FILE, token, query=f"name=forged{number}")
    site.send(FILE, signed(key), query="name=true")
    await site.until("forged0", "true")


async def test_signed_requests_wait_nowhere_but_in_the_queue(site: Site, key: RSAPrivateKey) -> None:
    """They join in the first step of the event loop, since nobody limits or measures the time that they wait before."""
    known(site, key)
    for _ in range(100):
        site.send(FILE, signed(key), query="name=x")
    await asyncio.sleep(0)
    assert site.admission.apps.waiting == 99


async def test_many_names_from_one_address_are_one_caller(site: Site, foreign: RSAPrivateKey) -> None:
    """Inventing contracts or using many IPv6 addresses does not take the places of others."""
    for number in range(20):
        site.send(FILE, signed(foreign, f"app_{number}"), query="name=forged", address=f"2001:db8:1:1::{number:x}")
    site.send(FILE, signed(foreign, "app_new"), query="name=other", address="2001:db8:1:2::1")
    await site.until("forged", "other")


async def test_a_contract_is_one_caller_wherever_it_calls_from(site: Site, key: RSAPrivateKey) -> None:
    """After its signature is verified its address does not matter, and short calls do not wait for its files."""
    known(site, key)
    for number in range(10):
        site.send(FILE, signed(key), query="name=file", address=f"192.0.2.{number}")
    site.send(LIST, signed(key), query="name=list", address=THERE)
    site.send(ACCOUNTS, signed(key), query="name=accounts", address=THERE)
    await site.until("file", "list")


@pytest.mark.protocol("11.2")
async def test_storage_calls_count_for_their_contract(site: Site, key: RSAPrivateKey) -> None:
    """The JWT of storage calls names the contract in another field."""
    known(site, key)
    now = int(time.time())
    token = jwt.sign(key, {"sub": "app", "iss": "contract", "aud": "cloud", "iat": now, "exp": now + 60})
    site.send(FILE, signed(key), query="name=file")
    site.send(STORED, token, query="name=stored", address=THERE)
    site.send(STORED, jwt.sign(key, {"sub": "app", "iss": "contract", "aud": "cloud", "iat": 10**400, "exp": 1}))
    await site.until("file", "")  # The last request is from a stranger.


@pytest.mark.parametrize("page", [PAGE, "/me/0"])
async def test_apps_do_not_keep_people_waiting(site: Site, key: RSAPrivateKey, page: str) -> None:
    """People's pages have places of their own, and health checks need none. Strangers cannot fill them either."""
    known(site, key)
    for number in range(10):
        site.send(FILE, signed(key), query="name=app")
        site.send(ACCOUNTS, query="name=stranger", address=f"192.0.2.{number}")
    site.send(page, query="name=person")
    for path in ("/healthz", "/readyz", "/metrics", "/apps/saas/static/style.css"):
        for _ in range(5):
            site.send(path, query="name=free")
    await site.until("app", "stranger", "stranger", "person", *["free"] * 20)


async def test_a_disconnected_request_is_not_processed(site: Site, key: RSAPrivateKey) -> None:
    """The next request in the queue takes its place, and nothing is sent."""
    known(site, key)
    first = site.send(FILE, signed(key), query="name=first")
    gone, last = (site.send(FILE, signed(key), query=f"name={name}") for name in ("gone", "last"))
    await site.until("first")
    gone.hang_up()
    async with asyncio.timeout(GIVE_UP_SECONDS):
        await gone.task
    assert (gone.sent, site.admission.apps.waiting) == ([], 1)
    site.go_on.set()
    async with asyncio.timeout(GIVE_UP_SECONDS):
        await last.task
    assert (first.status, last.status, site.working) == (200, 200, ["first", "last"])


async def test_a_slow_body_takes_no_place(site: Site, key: RSAPrivateKey) -> None:
    """A slow upload does not block others, and at most one chunk of a waiting body is in memory."""
    known(site, key)
    slow = site.send(ACCOUNTS, signed(key), query="name=slow", body=False)
    await site.until("slow")
    site.send(ACCOUNTS, signed(key), query="name=quick")
    await site.until("slow", "quick")
    waiting = site.send(ACCOUNTS, signed(key), query="name=waiting", body=False)
    for _ in range(3):
        waiting.incoming.put_nowait({"type": "http.request", "body": b"x" * 1000, "more_body": True})
    await site.until("slow", "quick")
    assert waiting.incoming.qsize() == 2
    waiting.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    slow.incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    site.go_on.set()
    async with asyncio.timeout(GIVE_UP_SECONDS):
        await asyncio.gather(slow.task, waiting.task)
    assert (slow.status, waiting.status) == (200, 200)


async def test_waiting_for_a_source_takes_no_place(site: Site, key: RSAPrivateKey) -> None:
    """Other requests are processed meanwhile, and the request ends even if its client disconnected."""
    known(site, key)
    outside = [site.send(ACCOUNTS, signed(key), query="name=outside&outside=1") for _ in range(5)]
    await site.until(*["outside"] * 5)
    site.send(ACCOUNTS, signed(key), query="name=inside")
    await site.until(*["outside"] * 5, "inside")
    outside[0].hang_up()
    site.go_on.set()
    async with asyncio.timeout(GIVE_UP_SECONDS):
        await asyncio.gather(*(call.task for call in outside))
    assert site.done.count("outside") == 5


async def test_streams_have_their_own_places(site: Site, key: RSAPrivateKey) -> None:
    """The number of open streams is limited, and other calls are answered meanwhile."""
    known(site, key)
    streams = [site.send(FILE, signed(key), query="name=stream&stream=1") for _ in range(3)]
    await site.until(*["stream"] * 3)
    assert [call.status for call in streams] == [200, None, None]
    site.send(FILE, signed(key), query="name=call")
    await site.until(*["stream"] * 3, "call")
    streams[1].hang_up()
    async with asyncio.timeout(GIVE_UP_SECONDS):
        await streams[1].task
        site.go_on.set()
        await streams[2].task
    assert [call.status for call in streams] == [200, None, 200]


async def test_a_client_that_does_not_read_is_disconnected(
    site: Site, key: RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not hold a stream's place forever."""
    monkeypatch.setattr(admitting, "MAX_SEND_SECONDS", 0.05)
    known(site, key)
    incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    scope = {
        "type": "http", "method": "GET", "path": FILE, "query_string": b"stream=1", "http_version": "1.1",
        "headers": [(b"authorization", f"Bearer {signed(key)}".encode())], "client": (HERE, 1), "scheme": "http",
        "server": ("test", 80),
    }  # fmt: skip

    async def take_nothing(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async with asyncio.timeout(GIVE_UP_SECONDS):
        await site.app(scope, incoming.get, take_nothing)


@pytest.mark.protocol("13")
@pytest.mark.parametrize("path", [FILE, PAGE, STORED])
async def test_requests_that_would_wait_too_long_are_rejected(path: str) -> None:
    """The response is 429 with Retry-After, in the format of every error."""
    site = Site(places=1, max_waiting=1)
    try:
        for number in range(2):
            site.send(path, query=f"name={number}")
        await site.until("0")
        refused = site.send(path)
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await refused.task
        assert refused.status == 429
        assert refused.headers["x-error-code"] == "TooManyRequests"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["x-request-id"] == refused.headers["x-error-reference"]
    finally:
        await site.end()


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def overload(site: Site, clock: Clock, caller: object) -> None:
    """Let four requests arrive for each that is served, for some seconds, until no more may wait."""
    queue = site.admission.apps
    for _ in range(20):
        clock.now += 0.25
        for _ in range(4):
            with suppress(TooManyRequests):
                queue.join(caller)
        queue.leave(caller)
    assert queue.is_overloaded
    for _ in range(20):
        with suppress(TooManyRequests):
            queue.join(caller)


@pytest.mark.protocol("13")
async def test_an_overloaded_platform_refuses_before_it_checks_signatures(
    key: RSAPrivateKey, foreign: RSAPrivateKey
) -> None:
    """A request that would be refused costs nothing else, and is in one line of the log with many others."""
    clock = Clock()
    site = Site(places=2, clock=clock)
    known(site, key)
    overload(site, clock, ("app_contract", True))
    with capture_logs() as lines:
        calls = [site.send(FILE, signed(private), query="name=x") for private in (key, foreign) for _ in range(3)]
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await asyncio.gather(*(call.task for call in calls))
            while not (told := [line for line in lines if line.get("limited") == ["contract contract: 6"]]):
                await asyncio.sleep(0.01)
    assert site.working == []
    assert site.admission.strangers.waiting == 0
    for call in calls:
        assert (call.status, call.headers["x-error-code"]) == (429, "TooManyRequests")
        assert 1 <= int(call.headers["retry-after"]) <= 300
        assert call.headers["x-request-id"] == call.headers["x-error-reference"]
    assert [line["refused"] for line in told] == [6]
    site.send(ACCOUNTS, signed(key), query="name=other")  # The queue of its short calls is empty.
    await site.until("other")
    site.go_on.set()


class LateFuture(asyncio.Future[dict[str, Any]]):
    """An awaitable of a server, which calls the first of its callbacks last."""

    def add_done_callback(self, fn: Any, *, context: Any = None) -> None:
        """Call it when all others were called."""
        loop = asyncio.get_running_loop()
        if self._callbacks:
            super().add_done_callback(fn, context=context)
        else:
            super().add_done_callback(lambda done: loop.call_soon(loop.call_soon, fn, done))


async def test_no_part_of_a_body_is_lost_by_reading_ahead() -> None:
    """A server may return its own kind of future, with callbacks in its own order."""
    messages = iter(({"type": "http.request", "body": b"sent", "more_body": False}, {"type": "http.disconnect"}))

    def receive() -> LateFuture:
        message = LateFuture()
        asyncio.get_running_loop().call_soon(message.set_result, next(messages))
        return message

    incoming = Incoming(receive)
    hung_up = incoming.watch()
    assert (await incoming.receive())["body"] == b"sent"
    await asyncio.wait_for(hung_up, GIVE_UP_SECONDS)
    assert (await incoming.receive())["type"] == "http.disconnect"
