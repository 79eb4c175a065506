"""Idempotency: a request that changes something takes effect once, however often it is sent. Protocol 2.3.

Endpoints declare it as `once: Once`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidRequest, Unavailable
from privateshare.platform.api.callers import Caller, ContractCaller
from privateshare.platform.db.tables import NonceRow
from privateshare.platform.grants.contracts import client_id
from privateshare.platform.http.errors import headers_of
from privateshare.platform.keys.wrapping import DataKey, derive_key, open_value, seal_value
from privateshare.platform.library.erasure import destroy_listed_keys
from privateshare.protocol.bearer import MAX_SKEW

NONCE_LIFETIME = 2 * MAX_SKEW
MAX_EXTERNAL_CHANGE = timedelta(minutes=4)  # After this time it is certain that no result will be recorded.
RETRY_SECONDS = 5
IN_PROGRESS = HTTPStatus.PROCESSING
RESPONSE_PURPOSE = "repeated answer"
# These headers are part of what a request asks for.
FINGERPRINT_HEADERS = ("accountid", "redirecturi", "filedescriptor")


class RepeatedRequest(Exception):
    """The identical request was answered before. This is not an error: it carries the response to send again."""

    def __init__(self, response: Response) -> None:
        self.response = response


@dataclass(frozen=True, slots=True)
class OnceOnly:
    """The nonce of a request, with which an endpoint records its response. Protocol 2.3."""

    db: AsyncSession
    row: NonceRow
    key: DataKey

    async def respond(self, body: dict[str, Any], status: int = 200) -> Response:
        """Make the response and store it, sealed, for repeated requests. It is committed together with the change."""
        content = orjson.dumps(body)
        self.row.status = status
        self.row.sealed_response = seal_value(self.key, RESPONSE_PURPOSE, self.row.nonce, content)
        await self.db.flush()
        return _json(content, status)

    def begin_external_change(self) -> None:
        """Mark the start of a change in another system, which no transaction can include.

        Commit this before the change, and call `resume` after it. Meanwhile, repeated requests get an error that asks
        them to retry later. If no response is ever recorded they are refused, since the change may have happened and
        must not happen twice.
        """
        self.row.status = IN_PROGRESS

    async def resume(self, db: AsyncSession) -> "OnceOnly":
        """Load the nonce in another transaction."""
        row = await db.get_one(NonceRow, (self.row.client_id, self.row.nonce), with_for_update=True)
        return OnceOnly(db, row, self.key)

    async def forget(self) -> None:
        """Forget the nonce, because nothing was changed: a repeated request is then handled as a new one."""
        await self.db.delete(self.row)


async def _once(request: Request, caller: ContractCaller) -> OnceOnly:
    return await begin_once(request, caller)


async def begin_once(request: Request, caller: Caller, content: str = "") -> OnceOnly:
    """Record the nonce of a request. `content` is the hash of a body that was read as a stream.

    Raises:
        InvalidRequest: A different request used the nonce before.
        RepeatedRequest: The same request was answered before.
        Unavailable: The same request is in progress.
        KeyStoreUnavailable: The same request erased something whose key could not be destroyed yet.
    """
    nonce = str(caller.claims["nonce"])
    key = response_key(caller.token)
    fingerprint = await _fingerprint(request, caller.token, content)
    values = {
        "client_id": client_id(caller.contract),
        "nonce": nonce,
        "fingerprint": fingerprint,
        "expires_at": caller.now + NONCE_LIFETIME,
    }
    insertion = insert(NonceRow).values(values).on_conflict_do_nothing().returning(NonceRow)
    inserted = await caller.db.scalar(insertion)
    if inserted is not None:
        return OnceOnly(caller.db, inserted, key)
    query = select(NonceRow).where(NonceRow.client_id == values["client_id"], NonceRow.nonce == nonce)
    row = (await caller.db.scalars(query.with_for_update())).one()
    in_progress = row.status == IN_PROGRESS
    if in_progress and row.fingerprint == fingerprint and caller.now < _recorded_at(row) + MAX_EXTERNAL_CHANGE:
        raise Unavailable("The same request is still in progress. Try again later", retry_after=RETRY_SECONDS)
    if in_progress or row.fingerprint != fingerprint:
        raise InvalidRequest(f"The nonce provided in JWT payload ({nonce}) has already been used")
    if row.status is not None and row.sealed_response is not None:
        if request.method == "DELETE":  # The stored response means that the keys of the erased data are destroyed.
            await destroy_listed_keys(caller.platform)
        raise RepeatedRequest(_json(open_value(key, RESPONSE_PURPOSE, nonce, row.sealed_response), row.status))
    return OnceOnly(caller.db, row, key)  # A repeated request that was refused before is handled again.


def _recorded_at(row: NonceRow) -> datetime:
    return row.expires_at - NONCE_LIFETIME


Once = Annotated[OnceOnly, Depends(_once, scope="function")]


def response_key(token: str) -> DataKey:
    """Derive the key of a stored response from the request's JWT, so that only the sender can read it."""
    return derive_key(token, RESPONSE_PURPOSE)


async def _fingerprint(request: Request, token: str, content: str) -> bytes:
    sent = (request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"), content)
    headers = (request.headers.get(name, "") for name in FINGERPRINT_HEADERS)
    seen = hashlib.sha256(b"\0".join(part.encode() for part in (token, *sent, *headers)))
    if not getattr(request.state, "streamed", False):
        seen.update(await request.body())
    return seen.digest()


def _json(content: bytes, status: int) -> Response:
    headers = headers_of(orjson.loads(content)["error"]) if status >= HTTPStatus.BAD_REQUEST else None
    return Response(content, status, headers, media_type="application/json")
