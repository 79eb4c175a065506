"""Changing calls happen once, however often they are sent: an endpoint's signature says `once: Once`. Protocol 2.3."""

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

NONCE_KEPT = 2 * MAX_SKEW
LONGEST_CHANGE = timedelta(minutes=4)  # A change elsewhere that is not recorded by then never will be.
RETRY_SECONDS = 5
UNDER_WAY = HTTPStatus.PROCESSING  # The status of a change elsewhere that has begun.
ANSWER = "repeated answer"
IDENTIFYING_HEADERS = ("accountid", "redirecturi", "filedescriptor")  # They say what a request is about.


class RepeatedRequest(Exception):  # not an error: it carries the answer that was given before
    """The identical request was answered before; this is its answer."""

    def __init__(self, response: Response) -> None:
        self.response = response


@dataclass(frozen=True, slots=True)
class OnceOnly:
    """Takes part in a changing call, so that it happens once however often it is sent. Protocol 2.3."""

    db: AsyncSession
    row: NonceRow
    key: DataKey

    async def answer(self, body: dict[str, Any], status: int = 200) -> Response:
        """The answer, kept (sealed) for an identical repeat and committed together with the change."""
        content = orjson.dumps(body)
        self.row.status = status
        self.row.sealed_response = seal_value(self.key, ANSWER, self.row.nonce, content)
        await self.db.flush()
        return _json(content, status)

    def begin_elsewhere(self) -> None:
        """For a change elsewhere, which no transaction of ours can hold: commit this before it, `resume` after it.

        In between, an identical repeat is told to wait, and refused if there never is an answer: the change may have
        happened, and must not happen twice.
        """
        self.row.status = UNDER_WAY

    async def resume(self, db: AsyncSession) -> "OnceOnly":
        """The same in another transaction."""
        row = await db.get_one(NonceRow, (self.row.client_id, self.row.nonce), with_for_update=True)
        return OnceOnly(db, row, self.key)

    async def forget(self) -> None:
        """Nothing was changed: an identical repeat is a first call."""
        await self.db.delete(self.row)


async def _once(request: Request, caller: ContractCaller) -> OnceOnly:
    return await begin_once(request, caller)


async def begin_once(request: Request, caller: Caller, content: str = "") -> OnceOnly:
    """Records the nonce. `content` is the hash of a body that was taken as a stream.

    Raises InvalidRequest if another request used it, Repeated if this one did, Unavailable if this one is under way,
    KeyStoreUnavailable if this one erased something whose key cannot be destroyed yet.
    """
    nonce = str(caller.claims["nonce"])
    key = answer_key(caller.token)
    fingerprint = await _fingerprint(request, caller.token, content)
    values = {
        "client_id": client_id(caller.contract),
        "nonce": nonce,
        "fingerprint": fingerprint,
        "expires_at": caller.now + NONCE_KEPT,
    }
    fresh = await caller.db.scalar(insert(NonceRow).values(values).on_conflict_do_nothing().returning(NonceRow.nonce))
    query = select(NonceRow).where(NonceRow.client_id == values["client_id"], NonceRow.nonce == nonce)
    row = (await caller.db.scalars(query.with_for_update())).one()
    under_way = fresh is None and row.status == UNDER_WAY
    if under_way and row.fingerprint == fingerprint and caller.now < _begun(row) + LONGEST_CHANGE:
        raise Unavailable("This request is still under way", retry_after=RETRY_SECONDS)
    if under_way or row.fingerprint != fingerprint:
        raise InvalidRequest(f"The nonce provided in JWT payload ({nonce}) has already been used")
    if fresh is None and row.status is not None and row.sealed_response is not None:
        if request.method == "DELETE":  # its answer says that what was erased is destroyed
            await destroy_listed_keys(caller.platform)
        raise RepeatedRequest(_json(open_value(key, ANSWER, nonce, row.sealed_response), row.status))
    return OnceOnly(caller.db, row, key)  # also for one that was refused, and is so again


def _begun(row: NonceRow) -> datetime:
    return row.expires_at - NONCE_KEPT


Once = Annotated[OnceOnly, Depends(_once, scope="function")]


def answer_key(token: str) -> DataKey:
    """The key of a kept answer: only who has the request's JWT can make it."""
    return derive_key(token, ANSWER)


async def _fingerprint(request: Request, token: str, content: str) -> bytes:
    sent = (request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"), content)
    headers = (request.headers.get(name, "") for name in IDENTIFYING_HEADERS)
    seen = hashlib.sha256(b"\0".join(part.encode() for part in (token, *sent, *headers)))
    if not getattr(request.state, "streamed", False):
        seen.update(await request.body())
    return seen.digest()


def _json(content: bytes, status: int) -> Response:
    headers = headers_of(orjson.loads(content)["error"]) if status >= HTTPStatus.BAD_REQUEST else None
    return Response(content, status, headers, media_type="application/json")
