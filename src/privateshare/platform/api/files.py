"""Reading what a session holds. Protocol 6."""

import asyncio
import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime
from time import monotonic
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from privateshare.errors import FileNotFound
from privateshare.platform.api.callers import Caller, UserCall, authenticate, require_user
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import SessionRow
from privateshare.platform.http.requests import platform_of
from privateshare.platform.http.streaming import ConsentIsLive, stream_response
from privateshare.platform.library.delivery import Delivery
from privateshare.platform.library.session_view import ACCOUNTS_FILE, NO_FILE, SessionView
from privateshare.platform.library.unreadable import unreadable_error
from privateshare.platform.operating.admission import current_request, place_given_up
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sessions import find_session, session_criteria, session_status, session_version
from privateshare.protocol import jwt
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.protocol.messages import FileList, SessionState, Status

router = APIRouter(tags=["query"])

MAX_WAIT_SECONDS = 30
WHOLE_BYTES = 1024 * 1024  # a file up to this size is answered in one piece
OCTETS = "application/octet-stream"


@router.get(
    "/permission-access/query/{session_key}",
    response_model=FileList,
    responses={304: {"description": "Nothing changed while the answer was held"}},
)
async def query(
    request: Request,
    session_key: str,
    wait: Annotated[int, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Where the session stands, and its files so far; with `wait` and an etag, once that changed. Protocol 6.1, 6.7."""
    give_up = monotonic() + wait
    while True:
        async with platform_of(request).database.snapshot() as db:
            caller = await authenticate(request, db)
            version = await session_version(db, session_key, caller.now)
            answer, status = await _file_list(caller, session_key)
        etag = f'"{hashlib.sha256(answer).hexdigest()[:32]}"'
        if if_none_match != etag or not wait:
            return Response(answer, media_type="application/json", headers={"etag": etag})
        if monotonic() >= give_up or status.state in (SessionState.COMPLETED, SessionState.PARTIAL):
            return Response(status_code=304, headers={"etag": etag})
        async with place_given_up():
            await _wait_for_change(platform_of(request), session_key, version, give_up)


async def _wait_for_change(platform: Platform, session_key: str, version: object, give_up: float) -> None:
    """Returns when the file list may have changed; looking costs one small query. Raises HungUp."""
    admitted, long_polls = current_request(), platform.admission.long_polls
    with long_polls.counted():
        while (left := give_up - monotonic()) > 0:
            await admitted.sleep(min(long_polls.interval_seconds, left))
            async with admitted.polling(), platform.database.transaction() as db:
                if await session_version(db, session_key, datetime.now(UTC)) != version:
                    return


async def _file_list(caller: Caller, session_key: str) -> tuple[bytes, Status]:
    session, user = await _find_session(caller, session_key)
    status = await session_status(caller.db, session, caller.now)
    if status.state is SessionState.PENDING:
        return orjson.dumps(FileList(status=status).to_wire()), status
    if user is None or session.consent_id is None:
        return orjson.dumps(FileList(status=status, file_list=[]).to_wire()), status
    entries = await _reading(user, session, session_key).entries()
    return orjson.dumps(FileList(status=status, file_list=entries).to_wire()), status


def _reading(user: UserCall, session: SessionRow, session_key: str) -> SessionView:
    criteria = session_criteria(session, session_key)
    return SessionView(user.platform, user.db, user.contract, user.consent, session, criteria)


async def _find_session(caller: Caller, session_key: str) -> tuple[SessionRow, UserCall | None]:
    """The caller's session, and the person once one consented. Raises InvalidSession, InvalidToken."""
    user = await require_user(caller) if "access_token" in caller.claims else None
    consent_id = user.consent.id if user else None
    session = await find_session(caller.db, session_key, caller.contract.id, consent_id, caller.now)
    return session, user


FILE = "/permission-access/query/{session_key}/{file_name}"
ANDROID = "okhttp/"  # its client of 1.7 reads accounts.json as 1.6 has it (protocol 14 (f))
BYTES = {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}


@router.head(FILE, response_class=Response)
async def read_file_metadata(request: Request, session_key: str, file_name: str) -> Response:
    """The headers of a file alone. Protocol 6.4."""
    return await read_file(request, session_key, file_name)


@router.get(FILE, response_class=Response, responses={200: BYTES})
async def read_file(request: Request, session_key: str, file_name: str) -> Response:
    """One file, encrypted to the contract's key; `X-Metadata` tells of it. Protocol 6.3, 6.5."""
    async with platform_of(request).database.transaction() as db:
        caller = await authenticate(request, db)
        session, user = await _find_session(caller, session_key)
        if user is None or session.consent_id is None:
            raise FileNotFound(NO_FILE)
        reading = _reading(user, session, session_key)
        older = file_name == ACCOUNTS_FILE and request.headers.get("user-agent", "").startswith(ANDROID)
        delivery = await (reading.older_accounts() if older else reading.delivery(file_name))
    return await _file_answer(request, delivery, user)


async def _file_answer(request: Request, delivery: Delivery, user: UserCall) -> Response:
    """A file on its way, encrypted to the contract's key: in one piece if it is small, else as a stream."""
    headers = {
        "x-metadata": encode_metadata(delivery.to_header()),
        "last-modified": format_datetime(_moment(delivery.entry.updated_date), usegmt=True),
    }
    if request.method == "HEAD":
        head = Response(headers=headers, media_type=OCTETS)
        del head.headers["content-length"]  # it would be the file's, which is known only once it is encrypted
        return head
    chunks = encrypt_stream(delivery.chunks, jwt.load_public_key(user.contract.public_key))
    if delivery.size > WHOLE_BYTES:
        allowed = ConsentIsLive(user.consent.id, delivery.account_ids)
        return await stream_response(user.platform, allowed, chunks, headers=headers, media_type=OCTETS)
    try:
        content = await asyncio.to_thread(b"".join, chunks)
    except UnreadableBlob as error:
        raise await unreadable_error(user.platform, error) from error
    return Response(content, headers=headers, media_type=OCTETS)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
