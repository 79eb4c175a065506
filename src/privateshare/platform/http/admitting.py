"""ASGI middleware that makes each request wait for a place. See `platform/operating/admission.py`.

A request with a valid signature waits in the queue of its contract. All other requests wait in the queue of their
client address. So nobody can fill the queue of a contract without its key, and a client that forges many client ids
still has only one queue.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from privateshare.errors import ApiError, PrivateShareError, TooManyRequests
from privateshare.platform.http.errors import render_error
from privateshare.platform.keys.known_keys import KnownKeys
from privateshare.platform.operating.access_log import note_contract
from privateshare.platform.operating.admission import (
    Admission,
    AdmittedRequest,
    HungUp,
    reset_current_request,
    set_current_request,
)
from privateshare.platform.operating.client_addresses import AddressForm, client_host, client_network, shown_address
from privateshare.platform.operating.fair_queue import FairQueue
from privateshare.protocol import jwt
from privateshare.protocol.bearer import check_storage_claims, check_timestamp, read_bearer

PAGES, API = ("/apps/", "/me/"), "/v1."
STATIC, CLOUD = "/apps/saas/static/", "/cloud/"
QUERY = "/permission-access/query/"
# These are cheap, and must work when everything else is busy.
PATHS_WITHOUT_QUEUE = {"/healthz", "/readyz", "/metrics", "/metrics/processes", "/openapi.json", "/docs"}
MAX_SEND_SECONDS = 60.0  # A reader that needs longer for one piece of a streamed response is disconnected.
SUMMARY_SECONDS = 1.0
MAX_SHOWN_CALLERS = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The JWT of a request, whose signature was verified with a key of the cache. The key may be out of date."""

    client_id: str
    token: jwt.ParsedToken
    key: RSAPublicKey

    @property
    def claims(self) -> jwt.Claims:
        """Return the verified claims."""
        return self.token.unverified_claims


def verified_token(request: Request) -> VerifiedToken | None:
    """Return the token of a request if its signature was verified when it arrived."""
    verified = request.scope["state"].get("verified")
    assert verified is None or isinstance(verified, VerifiedToken)
    return verified


class Admit:
    """ASGI middleware that handles a request once it has a place, and frees the place when the response starts."""

    def __init__(
        self, app: ASGIApp, admission: Admission, known_keys: KnownKeys, log_addresses: AddressForm = "short"
    ) -> None:
        self._app, self._admission, self._log_addresses = app, admission, log_addresses
        self._known_keys = known_keys
        self._refused: Counter[str] = Counter()  # Since the last line of the log about them, by caller.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PATHS_WITHOUT_QUEUE or scope["path"].startswith(STATIC):
            await self._app(scope, receive, send)
            return
        incoming, admitted = Incoming(receive), None
        try:
            self._check_overload(scope)
            queue, caller = self._queue_of(scope)
            admitted = AdmittedRequest(self._admission, queue, caller, incoming.watch)
            await admitted.begin()
            before = set_current_request(admitted)
            try:
                await self._app(scope, _freeing_place(admitted, incoming), _until_response_ends(admitted, send))
            finally:
                reset_current_request(before)
        except TooManyRequests as error:  # Errors inside the app never get here: the app handles them itself.
            await self._refuse(error, scope, receive, send)
        except (HungUp, ClientDisconnect):
            scope["state"]["hung_up"] = True
        finally:
            if admitted is not None:
                admitted.end()
            incoming.close()

    def _check_overload(self, scope: Scope) -> None:
        """Refuse a signed request before any work is done for it, if too many wait already. Raises TooManyRequests.

        Its signature does not matter for that: whoever uses the name of another app gets only their own request
        refused.
        """
        name = self._claimed_name(scope) if self._admission.apps.is_overloaded else None
        if name is None:
            return
        try:
            self._admission.apps.check_overload((name, _is_file(scope)))
        except TooManyRequests:
            _note_contract_of(scope, name)
            raise

    def _claimed_name(self, scope: Scope) -> str | None:
        """Return the client id that a request names, if its key is known, without checking the signature."""
        if scope["path"].startswith(PAGES):
            return None
        try:
            name = _claimed_name(read_bearer(Headers(scope=scope)))
        except ApiError:
            return None
        return name if self._known_keys.find(name) is not None else None

    def _queue_of(self, scope: Scope) -> tuple[FairQueue, Hashable]:
        admission = self._admission
        if scope["path"].startswith(PAGES):
            return admission.people, client_network(client_host(scope))
        headers = Headers(scope=scope)
        # The signature is checked at once: if requests waited for that, nobody would count or limit the time.
        verified = _verify(headers, self._known_keys) if "authorization" in headers else None
        if verified is None:
            return admission.strangers, client_network(client_host(scope))
        scope["state"]["verified"] = verified
        _note_contract_of(scope, verified.client_id)
        # Short requests do not wait behind many file downloads.
        return admission.apps, (verified.client_id, _is_file(scope))

    async def _refuse(self, error: TooManyRequests, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response that the app's error handler makes.

        Calls of apps are refused more cheaply, since there may be very many more: their callers are in one line of the
        log a second, in place of two lines for each call.
        """
        request = Request(scope, receive)
        if not scope["path"].startswith(API):
            error.detail = f"limited: {self._shown_caller(scope)}, whose queue would take too long"
            response = await request.app.exception_handlers[PrivateShareError](request, error)
        else:
            if not self._refused:
                asyncio.get_running_loop().call_later(SUMMARY_SECONDS, self._log_refused)
            self._refused[self._shown_caller(scope)] += 1
            scope["state"]["is_summarised"] = True
            response = render_error(request, error)
        await response(scope, receive, send)

    def _log_refused(self) -> None:
        log.warning(
            "more requests than can be answered",
            refused=self._refused.total(),
            limited=[f"{caller}: {number}" for caller, number in self._refused.most_common(MAX_SHOWN_CALLERS)],
        )
        self._refused.clear()

    def _shown_caller(self, scope: Scope) -> str:
        """Name a caller for the log."""
        contract_id = scope["state"].get("contract_id")
        if contract_id is not None:
            return f"contract {contract_id}"
        return f"address {shown_address(client_host(scope), self._log_addresses) or '(not logged)'}"


def _claimed_name(token: jwt.ParsedToken) -> str:
    """Return the client id that a token names, whose signature was not verified."""
    claims = token.unverified_claims
    return str(claims.get("client_id") or f"{claims.get('sub')}_{claims.get('iss')}")  # Protocol 2.2, 11.2.


def _verify(headers: Headers, keys: KnownKeys) -> VerifiedToken | None:
    """Verify the token of a request, if the key of its client is in the cache."""
    try:
        token = read_bearer(headers)
        name = _claimed_name(token)
        key = keys.find(name)
        if key is None:
            return None
        claims, now = jwt.verify(token, key), datetime.now(UTC)
        check_timestamp(claims, now) if "client_id" in claims else check_storage_claims(claims, now)
    except ApiError:  # The endpoint will report what is wrong with the token.
        return None
    return VerifiedToken(name, token, key)


def _note_contract_of(scope: Scope, client_id: str) -> None:
    application_id, _, contract_id = client_id.partition("_")
    note_contract(scope, contract_id, application_id)


def _is_file(scope: Scope) -> bool:
    path = scope["path"]
    return path.startswith(CLOUD) or "/" in path.partition(QUERY)[2]


def _freeing_place(admitted: AdmittedRequest, incoming: "Incoming") -> Receive:
    async def receive() -> Message:
        admitted.pause()
        message = await incoming.receive()
        await admitted.resume()
        return message

    return receive


def _until_response_ends(admitted: AdmittedRequest, send: Send) -> Send:
    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            admitted.response_started()
        if not admitted.is_streaming:
            await send(message)
            return
        try:
            async with asyncio.timeout(MAX_SEND_SECONDS):
                await send(message)
        except TimeoutError as error:
            raise HungUp from error

    return send_on


class Incoming:
    """The messages of a client, read ahead to notice when it closes the connection."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ahead: deque[Message] = deque()
        self._reading: asyncio.Task[None] | None = None
        self._hung_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def watch(self) -> asyncio.Future[None]:
        """Return a future that is done once the client has closed the connection.

        Only one message of a body is read ahead, to limit memory. While more of the body follows, the end of the
        connection is not noticed.
        """
        if self._reading is None and not self._ahead:
            self._read_ahead()
        return self._hung_up

    async def receive(self) -> Message:
        """Return the next message."""
        if not self._ahead and self._reading is not None:
            await asyncio.wait({self._reading})
        return self._ahead.popleft() if self._ahead else await self._receive()

    def close(self) -> None:
        """Stop reading ahead."""
        if self._reading is not None:
            self._reading.cancel()

    def _read_ahead(self) -> None:
        self._reading = asyncio.get_running_loop().create_task(self._read_one())

    async def _read_one(self) -> None:
        # This task stores the message itself. With a done callback of the server's awaitable instead, `receive` could
        # run before the callback, find no message, and wait for the next one.
        message = await self._receive()
        self._reading = None
        self._ahead.append(message)
        if message["type"] == "http.disconnect":
            if not self._hung_up.done():
                self._hung_up.set_result(None)
        elif not message.get("more_body"):
            self._read_ahead()
