"""The endpoints of version 1.6 that differ from version 1.7, for reading. Protocol 14.

They work only for contracts that allow version 1.6, since a session key alone gives access to files here.
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
from privateshare.platform.grants.contracts import is_usable, load_contract
from privateshare.platform.http.requests import count_unsigned, platform_of
from privateshare.platform.http.streaming import ConsentIsLive, stream_response
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.contract_keys import legacy_key
from privateshare.platform.keys.secrets import hash_secret, new_secret
from privateshare.platform.library.delivery import Delivery
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.session_view import ACCOUNTS_FILE, NO_FILE, SessionView
from privateshare.platform.operating.access_log import note_contract
from privateshare.platform.sync.sessions import new_session, session_criteria, session_status
from privateshare.protocol import jwt
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.protocol.messages import Accept, FileList, Scope, SessionOptions, SessionState
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["version 1.6"])
pushing = APIRouter(tags=["sessions"])

PIECE_BYTES = 256 * 1024


class LegacySessionBody(Wire):
    """The request body of the Android client. Protocol 14 (f)."""

    app_id: str
    contract_id: str
    accept: Accept | None = None
    scope: Scope | None = None
    sdk_agent: dict[str, Any] | None = None


class LegacySession(Wire):
    """A session in the form that the Android client expects."""

    session_key: str
    expiry: int
    session_exchange_token: str


@router.post("/permission-access/session")
async def create_session(request: Request, db: Transaction, body: LegacySessionBody) -> LegacySession:
    """Create a session that waits for consent. Protocol 14 (f)."""
    now = datetime.now(UTC)
    contract = await load_contract(db, f"{body.app_id}_{body.contract_id}", now)
    note_contract(request.scope, contract.id, contract.application_id)
    if not contract.legacy:
        raise InvalidRequest("This contract does not allow version 1.6")
    platform, options = platform_of(request), SessionOptions(accept=body.accept, scope=body.scope)
    platform.usage.count_call(contract.id)
    check_agent(platform.settings.blocked_sdks, body.sdk_agent)
    session = await new_session(db, platform, contract, options, now)
    expiry = session.to_message().expiry
    return LegacySession(session_key=session.key, expiry=expiry, session_exchange_token=session.key)


@pushing.post("/permission-access/session", dependencies=[Depends(count_unsigned)])
async def create_pushing_session(request: Request, db: Transaction, body: LegacySessionBody) -> LegacySession:
    """Return a random session key, which Android requests in version 1.7 before it pushes. Protocol 14 (f).

    Pushing needs no session, so none is stored, and the key gives no access.
    """
    now = datetime.now(UTC)
    await load_contract(db, f"{body.app_id}_{body.contract_id}", now)
    expiry = int((now + platform_of(request).settings.session_lifetime).timestamp() * 1000)
    key = new_secret()
    return LegacySession(session_key=key, expiry=expiry, session_exchange_token=key)


@router.get("/permission-access/query/{session_key}", response_model=FileList)
async def get_legacy_session_files(request: Request, db: Transaction, session_key: str) -> Response:
    """Return the state of a session and its files so far. The session key is sufficient. Protocol 6.1, 14 (a)."""
    session, view = await _session(request, db, session_key)
    status = await session_status(session, view, datetime.now(UTC))
    if status.state is SessionState.PENDING:
        listed = FileList(status=status)
    else:
        listed = FileList(status=status, file_list=await view.entries() if view else [])
    return Response(orjson.dumps(listed.to_wire()), media_type="application/json")


@router.get(
    "/permission-access/query/{session_key}/{file_name}",
    response_class=Response,
    responses={200: {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_legacy_file(request: Request, session_key: str, file_name: str) -> Response:
    """Return a file in the envelope of version 1.6. The session key is sufficient. Protocol 14 (a), (b)."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        _, view = await _session(request, db, session_key)
        if view is None:
            raise FileNotFound(NO_FILE)
        delivery = await (view.older_accounts() if file_name == ACCOUNTS_FILE else view.delivery(file_name))
        key = jwt.load_public_key(view.public_key)
    await view.log_read(delivery)
    header = {"compression": "", **delivery.to_header()}
    is_allowed = ConsentIsLive(view.consent.library_id, view.consent.id, view.consent.choice, delivery.account_ids)
    headers = {"x-metadata": encode_metadata(header)}
    pieces = _encrypt_with_hash(delivery, platform, key)
    return await stream_response(platform, is_allowed, pieces, headers=headers, media_type=OCTETS)


def _encrypt_with_hash(delivery: Delivery, platform: Any, key: Any) -> Iterator[bytes]:
    """Encrypt a file in the envelope of 1.6. Its hash comes first, so the data is first written to a sealed file."""
    with closing(SealedTemporary(platform.settings.data)) as temporary:
        sha512 = hashlib.sha512()
        for chunk in delivery.chunks:
            sha512.update(chunk)
            temporary.write(chunk)
        temporary.seek(0)
        yield from encrypt_stream(iter(lambda: temporary.read(PIECE_BYTES), b""), key, sha512.digest())


async def _session(request: Request, db: AsyncSession, session_key: str) -> tuple[SessionRow, SessionView | None]:
    """Find a session by its key, and its view once a person has consented. Raises InvalidSession. Protocol 14 (a)."""
    now = datetime.now(UTC)
    session = await db.scalar(select(SessionRow).where(SessionRow.key_hash == hash_secret(session_key)))
    contract = await db.get(ContractRow, session.contract_id) if session is not None else None
    if session is None or contract is None or not contract.legacy or session.expires_at <= now:
        raise InvalidSession("The session is invalid")
    if not is_usable(contract, now):
        raise InvalidSession("The session is invalid")
    if session.consent_id is None or session.started_at is None:
        return session, None
    consent = await db.get_one(ConsentRow, (session.library_id, session.consent_id))
    if consent.revoked_at is not None or (consent.expires_at is not None and consent.expires_at <= now):
        raise InvalidSession("The session is invalid")
    platform, criteria = platform_of(request), session_criteria(session, session_key)
    library = await open_library(db, platform, consent.library_id)
    return session, SessionView(platform, contract, legacy_key(contract, now), consent, session, criteria, library)
