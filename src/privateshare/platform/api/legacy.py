"""What version 1.6 does differently when reading. Protocol 14. Everything else is answered as in 1.7.

It is off unless a contract turns it on: here a session's key alone opens its files.
"""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import FileNotFound, InvalidRequest, InvalidSession
from privateshare.platform.api.agents import check_agent
from privateshare.platform.api.files import OCTETS
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.db.tables import ConsentRow, ContractRow, SessionRow
from privateshare.platform.grants.contracts import load_contract
from privateshare.platform.http.requests import count_unsigned, platform_of
from privateshare.platform.http.streaming import ConsentIsLive, stream_response
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.secrets import hash_secret, new_secret
from privateshare.platform.library.delivery import Delivery
from privateshare.platform.library.session_view import ACCOUNTS_FILE, NO_FILE, SessionView
from privateshare.platform.sync.sessions import new_session, session_criteria, session_status
from privateshare.protocol import jwt
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.protocol.messages import Accept, FileList, Scope, SessionOptions, SessionState
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["version 1.6"])
pushing = APIRouter(tags=["sessions"])

PIECE_BYTES = 256 * 1024


class LegacySessionBody(Wire):
    """What the Android client asks for. Protocol 14 (f)."""

    app_id: str
    contract_id: str
    accept: Accept | None = None
    scope: Scope | None = None
    sdk_agent: dict[str, Any] | None = None


class LegacySession(Wire):
    """A session as the Android client reads it."""

    session_key: str
    expiry: int
    session_exchange_token: str


@router.post("/permission-access/session")
async def create_session(request: Request, db: Transaction, body: LegacySessionBody) -> LegacySession:
    """A session that waits for consent. Protocol 14 (f)."""
    now = datetime.now(UTC)
    contract = await load_contract(db, f"{body.app_id}_{body.contract_id}", now)
    if not contract.legacy:
        raise InvalidRequest("This contract does not allow version 1.6")
    platform, options = platform_of(request), SessionOptions(accept=body.accept, scope=body.scope)
    check_agent(platform.settings.blocked_sdks, body.sdk_agent)
    session = await new_session(db, platform, contract, options, now)
    expiry = session.to_message().expiry
    return LegacySession(session_key=session.key, expiry=expiry, session_exchange_token=session.key)


@pushing.post("/permission-access/session", dependencies=[Depends(count_unsigned)])
async def create_pushing_session(request: Request, db: Transaction, body: LegacySessionBody) -> LegacySession:
    """What Android asks for in version 1.7 before it pushes, which takes no session. Protocol 14 (f).

    So none is kept: the key opens nothing.
    """
    now = datetime.now(UTC)
    await load_contract(db, f"{body.app_id}_{body.contract_id}", now)
    expiry = int((now + platform_of(request).settings.session_lifetime).timestamp() * 1000)
    key = new_secret()
    return LegacySession(session_key=key, expiry=expiry, session_exchange_token=key)


@router.get("/permission-access/query/{session_key}", response_model=FileList)
async def query(request: Request, db: Transaction, session_key: str) -> Response:
    """Where the session stands, and its files so far; its key is all it takes. Protocol 6.1, 14 (a)."""
    session, reading = await _session(request, db, session_key)
    status = await session_status(db, session, datetime.now(UTC))
    if status.state is SessionState.PENDING:
        listed = FileList(status=status)
    else:
        listed = FileList(status=status, file_list=await reading.entries() if reading else [])
    return Response(orjson.dumps(listed.to_wire()), media_type="application/json")


@router.get(
    "/permission-access/query/{session_key}/{file_name}",
    response_class=Response,
    responses={200: {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def read_file(request: Request, session_key: str, file_name: str) -> Response:
    """One file in the older envelope; its session's key is all it takes. Protocol 14 (a), (b)."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        _, reading = await _session(request, db, session_key)
        if reading is None:
            raise FileNotFound(NO_FILE)
        delivery = await (reading.older_accounts() if file_name == ACCOUNTS_FILE else reading.delivery(file_name))
        key = jwt.load_public_key(reading.contract.public_key)
    header = {"compression": "", **delivery.to_header()}
    lent = ConsentIsLive(reading.consent.id, delivery.account_ids)
    headers = {"x-metadata": encode_metadata(header)}
    pieces = _with_digest(delivery, platform, key)
    return await stream_response(platform, lent, pieces, headers=headers, media_type=OCTETS)


def _with_digest(delivery: Delivery, platform: Any, key: Any) -> Iterator[bytes]:
    """The older envelope: its hash comes first, so the data waits sealed on disk until it is known."""
    with closing(SealedTemporary(platform.settings.data)) as waiting:
        digest_ = hashlib.sha512()
        for chunk in delivery.chunks:
            digest_.update(chunk)
            waiting.write(chunk)
        waiting.seek(0)
        yield from encrypt_stream(iter(lambda: waiting.read(PIECE_BYTES), b""), key, digest_.digest())


async def _session(request: Request, db: AsyncSession, session_key: str) -> tuple[SessionRow, SessionView | None]:
    """The session, and what it reads once a person consented. Raises InvalidSession. Protocol 14 (a)."""
    now = datetime.now(UTC)
    session = await db.scalar(select(SessionRow).where(SessionRow.key_hash == hash_secret(session_key)))
    contract = await db.get(ContractRow, session.contract_id) if session is not None else None
    if session is None or contract is None or not contract.legacy or session.expires_at <= now:
        raise InvalidSession("The session is invalid")
    if contract.expires_at is not None and contract.expires_at <= now:
        raise InvalidSession("The session is invalid")
    if session.consent_id is None or session.started_at is None:
        return session, None
    consent = await db.get_one(ConsentRow, session.consent_id)
    if consent.revoked_at is not None or (consent.expires_at is not None and consent.expires_at <= now):
        raise InvalidSession("The session is invalid")
    criteria = session_criteria(session, session_key)
    return session, SessionView(platform_of(request), db, contract, consent, session, criteria)
