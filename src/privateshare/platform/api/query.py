"""Reading what a session holds. Protocol 6."""

import asyncio
import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime
from time import monotonic
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response, StreamingResponse

from privateshare.errors import FileNotFound
from privateshare.platform.api.callers import Caller, User, authenticate, require_user
from privateshare.platform.api.requests import platform_of
from privateshare.platform.blobs.store import BlobNotFound
from privateshare.platform.db.tables import PushedFile, Session
from privateshare.platform.library.accounts import account_view, consented_accounts
from privateshare.platform.library.delivery import (
    Delivery,
    Readable,
    deliver,
    list_files,
    readable,
    readable_file,
    readable_files,
)
from privateshare.platform.library.encoding import compressed, fingerprint
from privateshare.platform.library.files import Shelf
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.library.pushed import content, pushed_entry, readable_pushed
from privateshare.platform.sync.sessions import find_session, session_status
from privateshare.protocol import jwt
from privateshare.protocol.envelope import encode_metadata, encrypted
from privateshare.protocol.messages import FileEntry, FileList, FileMetadata, SessionOptions, SessionState

router = APIRouter(tags=["query"])

MAX_WAIT_SECONDS = 30
POLL_SECONDS = 0.25  # how often a waiting answer looks again
WHOLE_BYTES = 1024 * 1024  # a file up to this size is answered in one piece
ACCOUNTS_FILE = "accounts.json"
OCTETS = "application/octet-stream"


@router.get("/permission-access/query/{session_key}", response_model=FileList)
async def query(
    request: Request,
    session_key: str,
    wait: Annotated[int, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Where the session stands, and its files so far; with `wait` and an etag, once that changed. Protocol 6.1, 6.7."""
    give_up = monotonic() + wait
    while True:
        async with platform_of(request).database.transaction() as db:
            answer, state = await _file_list(await authenticate(request, db), session_key)
        etag = f'"{hashlib.sha256(answer).hexdigest()[:32]}"'
        over = monotonic() >= give_up or state in (SessionState.COMPLETED, SessionState.PARTIAL)
        if if_none_match != etag or not wait:
            return Response(answer, media_type="application/json", headers={"etag": etag})
        if over:
            return Response(status_code=304, headers={"etag": etag})
        await asyncio.sleep(POLL_SECONDS)


async def _file_list(caller: Caller, session_key: str) -> tuple[bytes, SessionState]:
    session, user = await _find_session(caller, session_key)
    status = await session_status(caller.db, session, caller.now)
    if user is None or status.state is SessionState.PENDING:
        return orjson.dumps(FileList(status=status).to_wire()), status.state
    library = await _library(user)
    if user.contract.kind == "read-raw":
        entries = [pushed_entry(file) for file, _ in await _pushed(user, session, library)]
    else:
        may = readable(user.contract, user.consent, session)
        files = await readable_files(user.db, user.consent, may)
        entries = await asyncio.to_thread(list_files, Shelf(user.platform.blobs, library), files, may)
    return orjson.dumps(FileList(status=status, file_list=entries).to_wire()), status.state


async def _find_session(caller: Caller, session_key: str) -> tuple[Session, User | None]:
    """The caller's session, and the person once one consented. Raises InvalidSession, InvalidToken."""
    user = await require_user(caller) if "access_token" in caller.claims else None
    consent_id = user.consent.id if user else None
    session = await find_session(caller.db, session_key, caller.contract.id, consent_id, caller.now)
    return session, user


@router.api_route(
    "/permission-access/query/{session_key}/{file_name}",
    methods=["GET", "HEAD"],
    response_class=Response,
    responses={200: {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def read_file(request: Request, session_key: str, file_name: str) -> Response:
    """One file, encrypted to the contract's key; HEAD gives its headers alone. Protocol 6.3, 6.4."""
    async with platform_of(request).database.transaction() as db:
        caller = await authenticate(request, db)
        session, user = await _find_session(caller, session_key)
        if user is None or session.consent_id is None:
            raise FileNotFound("There is no such file in this session")
        delivery = await _delivery(user, session, file_name)
    headers = {
        "x-metadata": encode_metadata(delivery.to_header()),
        "last-modified": format_datetime(_moment(delivery.entry.updated_date), usegmt=True),
    }
    if request.method == "HEAD":
        return Response(headers=headers, media_type=OCTETS)
    chunks = encrypted(delivery.chunks, jwt.load_public_key(user.contract.public_key))
    if delivery.size > WHOLE_BYTES:
        return StreamingResponse(chunks, headers=headers, media_type=OCTETS)
    return Response(await asyncio.to_thread(b"".join, chunks), headers=headers, media_type=OCTETS)


async def _delivery(user: User, session: Session, name: str) -> Delivery:
    may = readable(user.contract, user.consent, session)
    if name == ACCOUNTS_FILE:
        return await _accounts_delivery(user, may)
    if user.contract.kind == "read-raw":
        return await _pushed_delivery(user, session, name, may)
    file = await readable_file(user.db, user.consent, may, name)
    shelf = Shelf(user.platform.blobs, await _library(user))
    try:
        delivery = await asyncio.to_thread(deliver, shelf, file, may) if file is not None else None
    except BlobNotFound as error:
        raise FileNotFound("There is no such file in this session") from error
    if delivery is None:
        raise FileNotFound("There is no such file in this session")
    return delivery


async def _accounts_delivery(user: User, may: Readable) -> Delivery:
    """What 7.1 answers, as a file. Protocol 6.6."""
    library = await _library(user)
    accounts = await consented_accounts(user.db, user.consent.id)
    data = orjson.dumps([account_view(account, library).to_wire() for account in accounts])
    updated = max((int(account.updated_at.timestamp() * 1000) for account in accounts), default=1)
    entry = FileEntry(name=ACCOUNTS_FILE, updated_date=updated)
    return Delivery(entry, may.compression, len(data), fingerprint(data), compressed([data], may.compression))


async def _pushed(user: User, session: Session, library: OpenLibrary) -> list[tuple[PushedFile, FileMetadata]]:
    options = SessionOptions.model_validate(session.options)
    asked = (options.scope.criteria if options.scope else None) or []
    return await readable_pushed(user.db, library, user.contract, user.consent, asked, session.created_at)


async def _pushed_delivery(user: User, session: Session, name: str, may: Readable) -> Delivery:
    """A pushed file as it came. Protocol 10.3."""
    library = await _library(user)
    for file, metadata in await _pushed(user, session, library):
        if str(file.name) == name:
            chunks = compressed(content(user.platform.blobs, library, file), may.compression)
            entry, told = pushed_entry(file), metadata.model_dump(by_alias=True, exclude_none=True)
            return Delivery(entry, may.compression, file.size, file.sha256, chunks, told)
    raise FileNotFound("There is no such file in this session")


async def _library(user: User) -> OpenLibrary:
    return await open_library(user.db, user.platform.master_key, user.consent.library_id)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
