"""Idempotency: a request that changes something takes effect once, however often it is sent. Protocol 2.3.

Endpoints declare it as `once: Once`, or as `call: Writing` if they run named statements instead of the ORM.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

import orjson
from fastapi import Depends, Request
from psycopg.errors import UniqueViolation
from starlette.responses import Response

from privateshare.errors import InvalidRequest, Unavailable
from privateshare.platform.api.callers import Caller, ContractCaller, authenticate
from privateshare.platform.db.call_lookup import AlsoRead
from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.statements import NoRows, Statement, StatementTransaction
from privateshare.platform.grants.contracts import client_id
from privateshare.platform.http.errors import headers_of
from privateshare.platform.http.requests import read_body
from privateshare.platform.keys.wrapping import DataKey, derive_key, open_value, seal_value
from privateshare.platform.library.erasure import destroy_listed_keys
from privateshare.protocol.bearer import MAX_SKEW

NONCE_LIFETIME = 2 * MAX_SKEW
MAX_EXTERNAL_CHANGE = timedelta(minutes=4)  # After this time it is certain that no result will be recorded.
RETRY_SECONDS = 5
IN_PROGRESS_MESSAGE = "The same request is still in progress. Try again later"
IN_PROGRESS = HTTPStatus.PROCESSING
RESPONSE_PURPOSE = "repeated answer"
# These headers are part of what a request asks for.
FINGERPRINT_HEADERS = ("accountid", "redirecturi", "filedescriptor")


class RepeatedRequest(Exception):
    """The identical request was answered before. This is not an error: it carries the response to send again."""

    def __init__(self, response: Response) -> None:
        self.response = response


class _Nonce(NamedTuple):
    fingerprint: bytes
    status: int | None
    sealed_response: bytes | None
    expires_at: datetime


INSERT_NONCE = Statement("insert_nonce", NoRows)
CLAIM_NONCE = Statement("claim_nonce", _Nonce)
LOCK_NONCE = Statement("lock_nonce", _Nonce)
ANSWER_NONCE = Statement("answer_nonce", NoRows)
DELETE_NONCE = Statement("delete_nonce", NoRows)
NONCES_KEY = "nonces_pkey"


@dataclass(slots=True)
class OnceOnly:
    """The nonce of a request, with which an endpoint records its response. Protocol 2.3."""

    request: Request
    caller: Caller
    transaction: AnyTransaction
    fingerprint: bytes
    key: DataKey
    is_stored: bool = False

    async def claim(self) -> None:
        """Store the nonce now, so that the same request, sent again meanwhile, waits for the end of this transaction.

        Raises what `begin_once` raises.
        """
        if self.is_stored:
            return
        sql = await statements_of(self.transaction)
        if await sql.first(CLAIM_NONCE, self._values) is None:
            await self.check_repeated()
        self.is_stored = True

    async def check_repeated(self) -> None:
        """Decide about a nonce that is stored. A repeated request that was refused before is handled again.

        Raises what `begin_once` raises.
        """
        before, now = await (await statements_of(self.transaction)).first(LOCK_NONCE, self._name), self.caller.now
        if before is None:  # It was forgotten meanwhile.
            raise Unavailable(IN_PROGRESS_MESSAGE, retry_after=RETRY_SECONDS)
        in_progress, is_same = before.status == IN_PROGRESS, before.fingerprint == self.fingerprint
        if in_progress and is_same and now < before.expires_at - NONCE_LIFETIME + MAX_EXTERNAL_CHANGE:
            raise Unavailable(IN_PROGRESS_MESSAGE, retry_after=RETRY_SECONDS)
        if in_progress or not is_same:
            raise InvalidRequest(f"The nonce provided in JWT payload ({self.nonce}) has already been used")
        if before.status is not None and before.sealed_response is not None:
            if self.request.method == "DELETE":  # The response means that the keys of the erased data are destroyed.
                await destroy_listed_keys(self.caller.platform)
            content = open_value(self.key, RESPONSE_PURPOSE, self.nonce, before.sealed_response)
            raise RepeatedRequest(_json(content, before.status))
        self.is_stored = True

    async def respond(self, body: dict[str, Any], status: int = 200) -> Response:
        """Make the response and store it, sealed, for repeated requests. It is committed together with the change."""
        content = orjson.dumps(body)
        await self._answer(status, seal_value(self.key, RESPONSE_PURPOSE, self.nonce, content))
        return _json(content, status)

    async def begin_external_change(self) -> None:
        """Mark the start of a change in another system, which no transaction can include.

        Commit this before the change, and call `resume` after it. Meanwhile, repeated requests get an error that asks
        them to retry later. If no response is ever recorded they are refused, since the change may have happened and
        must not happen twice.
        """
        await self._answer(IN_PROGRESS, None)

    async def resume(self, transaction: AnyTransaction) -> "OnceOnly":
        """Lock the nonce in another transaction."""
        await (await statements_of(transaction)).first(LOCK_NONCE, self._name)
        return replace(self, transaction=transaction)

    async def forget(self) -> None:
        """Forget the nonce, because nothing was changed: a repeated request is then handled as a new one."""
        await (await statements_of(self.transaction)).write(DELETE_NONCE, self._name)

    @property
    def nonce(self) -> str:
        """The nonce."""
        return str(self.caller.claims["nonce"])

    async def _answer(self, status: int, sealed_response: bytes | None) -> None:
        sql, answer = await statements_of(self.transaction), {"status": status, "sealed_response": sealed_response}
        if self.is_stored:
            await sql.write(ANSWER_NONCE, self._name | answer)
        else:
            await sql.write(INSERT_NONCE, self._values | answer)

    @property
    def _name(self) -> dict[str, object]:
        return {"client_id": client_id(self.caller.contract), "nonce": self.nonce}

    @property
    def _values(self) -> dict[str, object]:
        return self._name | {"fingerprint": self.fingerprint, "expires_at": self.caller.now + NONCE_LIFETIME}


async def _once(request: Request, caller: ContractCaller) -> OnceOnly:
    return await begin_once(request, caller, caller.db)


async def begin_once(request: Request, caller: Caller, transaction: AnyTransaction, content: str = "") -> OnceOnly:
    """Record the nonce of a request. `content` is the hash of a body that was read as a stream.

    Raises:
        InvalidRequest: A different request used the nonce before.
        RepeatedRequest: The same request was answered before.
        Unavailable: The same request is in progress.
        KeyStoreUnavailable: The same request erased something whose key could not be destroyed yet.
    """
    once = await prepare_once(request, caller, transaction, content)
    await once.claim()
    return once


async def prepare_once(request: Request, caller: Caller, transaction: AnyTransaction, content: str = "") -> OnceOnly:
    """Check that a nonce was not used before; it is stored together with the response. Raises as `begin_once` does.

    If the same request, sent again meanwhile, stores it first, the transaction fails with UniqueViolation: open it
    within `answering_repetition`.
    """
    fingerprint = await _fingerprint(request, caller.token, content)
    once = OnceOnly(request, caller, transaction, fingerprint, response_key(caller.token))
    if caller.found.is_repeated:
        await once.check_repeated()
    return once


@asynccontextmanager
async def answering_repetition(request: Request, caller: Caller, content: str = "") -> AsyncIterator[None]:
    """Turn the failure of a transaction in this context, since the same request was faster, into its response.

    Raises what `begin_once` raises.
    """
    try:
        yield
    except UniqueViolation as error:
        if error.diag.constraint_name != NONCES_KEY:
            raise
        async with caller.platform.database.statements() as sql:
            await begin_once(request, caller, sql, content)
        raise Unavailable(IN_PROGRESS_MESSAGE, retry_after=RETRY_SECONDS) from error


@dataclass(frozen=True, slots=True)
class WritingCall:
    """A call that changes something: who makes it, the transaction of what it changes, and its nonce."""

    caller: Caller
    sql: StatementTransaction
    once: OnceOnly


@asynccontextmanager
async def writing_call(request: Request, also: AlsoRead | None = None) -> AsyncIterator[WritingCall]:
    """Authenticate a call that changes something, and open its transaction, which is committed at the end.

    `also` is read together with the caller.
    """
    await read_body(request)  # The body is read first, so that a slow sender does not hold a database connection.
    caller = await authenticate(request, also=also)
    async with answering_repetition(request, caller), caller.platform.database.statements() as sql:
        yield WritingCall(caller, sql, await prepare_once(request, caller, sql))


async def _writing(request: Request) -> AsyncIterator[WritingCall]:
    async with writing_call(request) as call:
        yield call


Writing = Annotated[WritingCall, Depends(_writing, scope="function")]
"""A call of a contract that changes something, for endpoints that run named statements."""

Once = Annotated[OnceOnly, Depends(_once, scope="function")]


def response_key(token: str) -> DataKey:
    """Derive the key of a stored response from the request's JWT, so that only the sender can read it."""
    return derive_key(token, RESPONSE_PURPOSE)


async def _fingerprint(request: Request, token: str, content: str) -> bytes:
    sent = (request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"), content)
    headers = (request.headers.get(name, "") for name in FINGERPRINT_HEADERS)
    seen = hashlib.sha256(b"\0".join(part.encode() for part in (token, *sent, *headers)))
    if not getattr(request.state, "streamed", False):
        seen.update(await read_body(request))
    return seen.digest()


def _json(content: bytes, status: int) -> Response:
    headers = headers_of(orjson.loads(content)["error"]) if status >= HTTPStatus.BAD_REQUEST else None
    return Response(content, status, headers, media_type="application/json")
