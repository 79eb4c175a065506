"""Who calls: an endpoint's signature says `caller: ContractCaller` or `caller: UserCaller`. Protocol 2.

Each is made by the checks below in this order; the first that fails answers. Changing calls also take `Once`.
"""

import hashlib
import math
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import InvalidJWT, InvalidRequest, InvalidTimestamp, Unavailable
from privateshare.platform.db.tables import ConsentRow, ContractRow, NonceRow
from privateshare.platform.grants.contracts import client_id, load_contract
from privateshare.platform.grants.tokens import find_access_token
from privateshare.platform.http.errors import headers_of
from privateshare.platform.http.requests import api_address, arrived_at, platform_of
from privateshare.platform.keys.wrapping import DataKey, key_of_secret, open_value, seal_value
from privateshare.platform.library.erasure import destroy_doomed_keys
from privateshare.platform.runtime import Platform
from privateshare.protocol import jwt

MAX_SKEW = timedelta(minutes=5)  # protocol 2.3
SECONDS_BELOW = 10**11  # a timestamp below this is in seconds, not milliseconds
KEPT = 2 * MAX_SKEW  # what is known of a nonce
LONGEST_CHANGE = timedelta(minutes=4)  # elsewhere: what is not recorded by then never will be
RETRY_SECONDS = 5
UNDER_WAY = HTTPStatus.PROCESSING  # the status of a change elsewhere that has begun
ANSWER = "repeated answer"
TELLING_HEADERS = ("accountid", "redirecturi", "filedescriptor")  # those that say what a request is about

_NONCE = re.compile(r"[A-Za-z0-9]{32}")


async def _transaction(request: Request) -> AsyncIterator[AsyncSession]:
    await request.body()  # first: who sends it slowly must not hold a connection meanwhile
    async with platform_of(request).database.transaction() as db:
        yield db


Transaction = Annotated[AsyncSession, Depends(_transaction, scope="function")]
"""This request's transaction: committed before the answer leaves, rolled back if the endpoint raises."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A contract that signed its request. `api` is the API's address as it was reached.

    The request may have waited from `arrived` until `now`.
    """

    platform: Platform
    db: AsyncSession
    contract: ContractRow
    claims: jwt.Claims = field(repr=False)
    token: str = field(repr=False)
    api: str
    now: datetime
    arrived: datetime

    def claim(self, name: str) -> str:
        """A claim that must be there and be a text. Raises InvalidRequest, naming it, if it is not."""
        value = self.claims.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidRequest(f"The claim {name} is missing from the JWT")
        return value

    def sign(self, claims: Mapping[str, object]) -> str:
        """The `token` of an answer to this caller. Protocol 3.1."""
        return self.platform.signer.sign(claims, self.api)


@dataclass(frozen=True, slots=True)
class UserCall(Caller):
    """A contract that acts for a person who lets it."""

    consent: ConsentRow


async def _contract_caller(request: Request, db: Transaction) -> Caller:
    return await authenticate(request, db)


async def authenticate(request: Request, db: AsyncSession) -> Caller:
    """The contract that signed this request, which may have waited since it arrived.

    Raises InvalidJWT, InvalidClient, InvalidRequest, InvalidTimestamp.
    """
    token = read_bearer(request.headers)
    now = datetime.now(UTC)
    claimed = jwt.read_unverified(token).get("client_id")
    contract = await load_contract(db, claimed, now)
    claims = jwt.verify(token, jwt.load_public_key(contract.public_key))
    check_nonce(claims)
    check_timestamp(claims, arrived_at(request))
    platform_of(request).known_keys.remember(client_id(contract), contract.public_key)
    platform_of(request).limits.check_contract(contract.id)
    return Caller(platform_of(request), db, contract, claims, token, api_address(request), now, arrived_at(request))


def later(caller: Caller, db: AsyncSession) -> Caller:
    """The same caller in another transaction, after a body that may have taken longer to arrive than a JWT is good."""
    return replace(caller, db=db, now=datetime.now(UTC))


async def _user_caller(caller: Annotated[Caller, Depends(_contract_caller, scope="function")]) -> UserCall:
    return await require_user(caller)


async def require_user(caller: Caller) -> UserCall:
    """The person this contract acts for. Raises InvalidToken unless its access token and the consent are live."""
    token = await find_access_token(caller.db, caller.contract.id, caller.claim("access_token"), caller.now)
    parts = {part.name: getattr(caller, part.name) for part in fields(Caller)}
    return UserCall(**parts, consent=token.consent)


ContractCaller = Annotated[Caller, Depends(_contract_caller, scope="function")]
UserCaller = Annotated[UserCall, Depends(_user_caller, scope="function")]


def read_bearer(headers: Mapping[str, str]) -> str:
    """The JWT of a request, PS512 by its header. Raises InvalidJWT. Protocol 2.1."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise InvalidJWT("The header Authorization must be: Bearer <JWT>")
    jwt.read_header(token.strip())
    return token.strip()


def check_nonce(claims: jwt.Claims) -> None:
    """Raises InvalidRequest unless `nonce` is 32 characters [A-Za-z0-9]. Protocol 2.2."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce):
        raise InvalidRequest("The claim nonce must be 32 characters of A-Z, a-z, 0-9")


def check_timestamp(claims: jwt.Claims, now: datetime) -> None:
    """Raises InvalidTimestamp if the JWT was signed more than five minutes from now. Protocol 2.3."""
    timestamp = claims.get("timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        raise InvalidRequest("The claim timestamp must be a number of milliseconds")
    try:
        skew = now.timestamp() - (timestamp if abs(timestamp) < SECONDS_BELOW else timestamp / 1000)
    except OverflowError:
        skew = math.inf
    if not abs(skew) <= MAX_SKEW.total_seconds():
        raise InvalidTimestamp(f"The timestamp is {skew:.0f} s from the platform's clock; 300 s are allowed")


def check_storage_claims(claims: jwt.Claims, now: datetime) -> None:
    """Raises InvalidJWT if a JWT is for something else than storage, or not for this time. Protocol 11.2."""
    if claims.get("aud") != "cloud":
        raise InvalidJWT("The claim aud must be cloud")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int | float) or not isinstance(expires, int | float):
        raise InvalidJWT("The claims iat and exp must be seconds since the epoch")
    moment, skew = now.timestamp(), MAX_SKEW.total_seconds()
    try:
        good = issued - skew <= moment <= expires + skew and expires - issued <= skew
    except OverflowError:  # an integer of hundreds of digits
        good = False
    if not good:
        raise InvalidJWT("The JWT has expired, or is not valid yet, or for too long")


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
        self.row.sealed_answer = seal_value(self.key, ANSWER, self.row.nonce, content)
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
    KeyStoreAway if this one erased something whose key cannot be destroyed yet.
    """
    nonce = str(caller.claims["nonce"])
    key = answer_key(caller.token)
    fingerprint = await _fingerprint(request, caller.token, content)
    values = {
        "client_id": client_id(caller.contract),
        "nonce": nonce,
        "fingerprint": fingerprint,
        "expires_at": caller.now + KEPT,
    }
    fresh = await caller.db.scalar(insert(NonceRow).values(values).on_conflict_do_nothing().returning(NonceRow.nonce))
    query = select(NonceRow).where(NonceRow.client_id == values["client_id"], NonceRow.nonce == nonce)
    row = (await caller.db.scalars(query.with_for_update())).one()
    under_way = fresh is None and row.status == UNDER_WAY
    if under_way and row.fingerprint == fingerprint and caller.now < _begun(row) + LONGEST_CHANGE:
        raise Unavailable("This request is still under way", retry_after=RETRY_SECONDS)
    if under_way or row.fingerprint != fingerprint:
        raise InvalidRequest(f"The nonce provided in JWT payload ({nonce}) has already been used")
    if fresh is None and row.status is not None and row.sealed_answer is not None:
        if request.method == "DELETE":  # its answer says that what was erased is destroyed
            await destroy_doomed_keys(caller.platform)
        raise RepeatedRequest(_json(open_value(key, ANSWER, nonce, row.sealed_answer), row.status))
    return OnceOnly(caller.db, row, key)  # also for one that was refused, and is so again


def _begun(row: NonceRow) -> datetime:
    return row.expires_at - KEPT


Once = Annotated[OnceOnly, Depends(_once, scope="function")]


def answer_key(token: str) -> DataKey:
    """The key of a kept answer: only who has the request's JWT can make it."""
    return key_of_secret(token, ANSWER)


async def _fingerprint(request: Request, token: str, content: str) -> bytes:
    sent = (request.method, request.scope["path"], request.scope["query_string"].decode("latin-1"), content)
    headers = (request.headers.get(name, "") for name in TELLING_HEADERS)
    seen = hashlib.sha256(b"\0".join(part.encode() for part in (token, *sent, *headers)))
    if not getattr(request.state, "streamed", False):
        seen.update(await request.body())
    return seen.digest()


def _json(content: bytes, status: int) -> Response:
    headers = headers_of(orjson.loads(content)["error"]) if status >= HTTPStatus.BAD_REQUEST else None
    return Response(content, status, headers, media_type="application/json")
