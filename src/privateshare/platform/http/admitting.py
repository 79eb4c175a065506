"""Who waits where: the ASGI middleware that has each request wait for its place. See `platform/operating/admission.py`.

An app waits in the queue of its contract once its signature holds; until then, as whoever needs no signature, in the
queue of its address. So nobody can fill the queue of a contract whose key they do not have, however many requests they
send in its name; and who forges names has one queue for all of them.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.errors import ApiError, PrivateShareError, TooManyRequests
from privateshare.platform.http.bearer import check_storage_claims, check_timestamp, read_bearer
from privateshare.platform.keys.known_keys import KnownKeys
from privateshare.platform.operating.admission import Admission, AdmittedRequest, HungUp, set_current_request
from privateshare.platform.operating.fair_queue import FairQueue
from privateshare.protocol import jwt

PAGES, STATIC, CLOUD = "/apps/", "/apps/saas/static/", "/cloud/"
QUERY = "/permission-access/query/"
WITHOUT_PLACE = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"}  # cheap, and wanted when all else is busy
SLOWEST_READER_SECONDS = 60.0  # for one piece of a streamed answer
CHECKING_SECONDS = 0.001  # of signatures, before others have their turn
IPV6_NETWORK_BITS = 64  # what one caller has of addresses


class Admit:
    """ASGI middleware: a request goes on once it has a place, and gives it back with the start of its answer."""

    def __init__(self, app: ASGIApp, admission: Admission, known_keys: KnownKeys) -> None:
        self._app, self._admission = app, admission
        self._signatures = Signatures(known_keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in WITHOUT_PLACE or scope["path"].startswith(STATIC):
            await self._app(scope, receive, send)
            return
        incoming = Incoming(receive)
        admitted = AdmittedRequest(self._admission, *await self._queue_of(scope), incoming.watch)
        try:
            await admitted.begin()
            with set_current_request(admitted):
                await self._app(scope, _giving_up_its_place(admitted, incoming), _ending(admitted, send))
        except TooManyRequests as error:  # the app answers its own
            await _refuse(error, scope, receive, send)
        except (HungUp, ClientDisconnect):
            scope["state"]["hung_up"] = True
        finally:
            admitted.end()
            incoming.close()

    async def _queue_of(self, scope: Scope) -> tuple[FairQueue, Hashable]:
        admission = self._admission
        if scope["path"].startswith(PAGES):
            return admission.people, _network(scope)
        headers = Headers(scope=scope)
        signer = await self._signatures.check(headers) if "authorization" in headers else None
        if signer is None:
            return admission.strangers, _network(scope)
        return admission.apps, (signer, _is_file(scope))  # short calls do not wait behind many files


class Signatures:
    """Checks whose signature requests carry, a few at a time: a page does not wait while a thousand are checked."""

    def __init__(self, keys: KnownKeys) -> None:
        self._keys = keys
        self._unchecked: deque[tuple[Headers, asyncio.Future[str | None]]] = deque()

    def check(self, headers: Headers) -> asyncio.Future[str | None]:
        """Return what tells the client id whose signature these headers carry, or None if that is not known."""
        loop = asyncio.get_running_loop()
        checked: asyncio.Future[str | None] = loop.create_future()
        self._unchecked.append((headers, checked))
        if len(self._unchecked) == 1:
            loop.call_soon(self._check_some)
        return checked

    def _check_some(self) -> None:
        began = monotonic()
        while self._unchecked and monotonic() - began < CHECKING_SECONDS:
            headers, checked = self._unchecked.popleft()
            if checked.done():
                continue
            try:
                checked.set_result(_signer(headers, self._keys))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's, and the next are checked
                checked.set_exception(error)
        if self._unchecked:
            asyncio.get_running_loop().call_soon(self._check_some)


def _signer(headers: Headers, keys: KnownKeys) -> str | None:
    """Return whose signature a request carries, if that is known without asking the database."""
    try:
        token = read_bearer(headers)
        claimed = jwt.read_unverified(token)
        name = claimed.get("client_id") or f"{claimed.get('sub')}_{claimed.get('iss')}"  # protocol 2.2, 11.2
        key = keys.find(name)
        if key is None:
            return None
        claims, now = jwt.verify(token, key), datetime.now(UTC)
        check_timestamp(claims, now) if "client_id" in claims else check_storage_claims(claims, now)
    except ApiError:  # the endpoint will tell what is wrong
        return None
    return str(name)


def _is_file(scope: Scope) -> bool:
    path = scope["path"]
    return path.startswith(CLOUD) or "/" in path.partition(QUERY)[2]


def _network(scope: Scope) -> Hashable:
    host = scope["client"][0] if scope.get("client") else "unknown"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return ip_network((address, IPV6_NETWORK_BITS), strict=False) if isinstance(address, IPv6Address) else address


async def _refuse(error: PrivateShareError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer as the app answers errors that one of its endpoints raises."""
    request = Request(scope, receive)
    answer = request.app.exception_handlers[PrivateShareError]
    response = await answer(request, error)
    await response(scope, receive, send)


def _giving_up_its_place(admitted: AdmittedRequest, incoming: "Incoming") -> Receive:
    async def receive() -> Message:
        admitted.pause()
        message = await incoming.receive()
        await admitted.resume()
        return message

    return receive


def _ending(admitted: AdmittedRequest, send: Send) -> Send:
    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            admitted.response_started()
        if not admitted.is_streaming:
            await send(message)
            return
        try:
            async with asyncio.timeout(SLOWEST_READER_SECONDS):
                await send(message)
        except TimeoutError as error:
            raise HungUp from error

    return send_on


class Incoming:
    """What a client sends, with a look ahead for the end of its connection."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ahead: deque[Message] = deque()
        self._looking: asyncio.Task[None] | None = None
        self._hung_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def watch(self) -> asyncio.Future[None]:
        """Return what is done once the client has ended its connection.

        Of a body that comes in several pieces only one is taken ahead, so that what waits fills no memory: while there
        is more of it, the end of the connection is not noticed.
        """
        if self._looking is None and not self._ahead:
            self._look_ahead()
        return self._hung_up

    async def receive(self) -> Message:
        """Return the next message."""
        if not self._ahead and self._looking is not None:
            await asyncio.wait({self._looking})
        return self._ahead.popleft() if self._ahead else await self._receive()

    def close(self) -> None:
        """Look ahead no more."""
        if self._looking is not None:
            self._looking.cancel()

    def _look_ahead(self) -> None:
        self._looking = asyncio.get_running_loop().create_task(self._take_one())

    async def _take_one(self) -> None:
        # The message is kept by the task that takes it: a server's own awaitable may call its callbacks in any order,
        # and whoever waited for it would find nothing and ask for the next message.
        message = await self._receive()
        self._looking = None
        self._ahead.append(message)
        if message["type"] == "http.disconnect":
            if not self._hung_up.done():
                self._hung_up.set_result(None)
        elif not message.get("more_body"):
            self._look_ahead()
