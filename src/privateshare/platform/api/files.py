"""Reading the files of a session. Protocol 6."""

import asyncio
import hashlib
import math
from datetime import UTC, datetime
from email.utils import format_datetime
from time import monotonic
from typing import Annotated, NamedTuple
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from privateshare.errors import FileNotFound
from privateshare.platform.api.callers import Caller, authenticate, require_reader
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.call_lookup import AlsoRead
from privateshare.platform.db.tables import SessionRow
from privateshare.platform.http.requests import platform_of
from privateshare.platform.http.streaming import ConsentIsLive, stream_response
from privateshare.platform.library.delivery import Delivery, also_read_file
from privateshare.platform.library.libraries import open_found_library
from privateshare.platform.library.session_view import ACCOUNTS_FILE, NO_FILE, SessionView
from privateshare.platform.library.unreadable_files import unreadable_error
from privateshare.platform.operating.admission import current_request, place_given_up
from privateshare.platform.sync.sessions import (
    SESSION_ACCOUNTS,
    check_session,
    fetch_deadline,
    session_criteria,
    session_status,
)
from privateshare.protocol.envelope import encode_metadata, encrypt_stream
from privateshare.protocol.messages import FileList, SessionState, Status

router = APIRouter(tags=["query"])

MAX_WAIT_SECONDS = 30
STREAM_ABOVE_BYTES = 1024 * 1024
OCTETS = "application/octet-stream"


@router.get(
    "/permission-access/query/{session_key}",
    response_model=FileList,
    responses={304: {"description": "Nothing changed while the request waited"}},
)
async def get_session_files(
    request: Request,
    session_key: str,
    wait: Annotated[int, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the state of a session and its files so far. Protocol 6.1, 6.7.

    With `wait` and `If-None-Match`, wait for a change first.
    """
    deadline = monotonic() + wait
    while True:
        # While a request waits it keeps nothing that it has read, since thousands may wait.
        found = await _changed_list(request, session_key, if_none_match, deadline if wait else None)
        if isinstance(found, Response):
            return found
        watch = platform_of(request).session_watch
        async with place_given_up():
            with watch.change_of(found.library_id, found.session_id, found.version) as changed:
                await current_request().wait_for(changed, found.seconds)


class _Unchanged(NamedTuple):
    """A session whose list the app knows already, and for how long to wait until it changes."""

    library_id: UUID
    session_id: UUID
    version: str | None
    seconds: float


async def _changed_list(
    request: Request, session_key: str, known_etag: str | None, deadline: float | None
) -> Response | _Unchanged:
    """Return the response with the list, unless it is still the known one and there is time left to wait."""
    caller = await authenticate(request, also=AlsoRead(SESSION_ACCOUNTS))
    session, version = caller.found.session, None
    if deadline is not None and session is not None:
        version = await caller.platform.session_watch.version(session.library_id, session.id)
        # All that the response shows is read after its version, so that no change is missed.
        caller = await authenticate(request, also=AlsoRead(SESSION_ACCOUNTS))
    content, status = await _file_list(caller, session_key)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if known_etag != etag or deadline is None or session is None:
        return Response(content, media_type="application/json", headers={"etag": etag})
    remaining = deadline - monotonic()
    if remaining <= 0 or status.state in (SessionState.COMPLETED, SessionState.PARTIAL):
        return Response(status_code=304, headers={"etag": etag})
    seconds = min(remaining, _fetching_seconds(session, caller.now))
    return _Unchanged(session.library_id, session.id, version, seconds)


def _fetching_seconds(session: SessionRow, now: datetime) -> float:
    """Return for how long the sources of a session are still fetched, after which its status changes."""
    deadline = fetch_deadline(session)
    return math.inf if deadline is None or deadline <= now else (deadline - now).total_seconds()


async def _file_list(caller: Caller, session_key: str) -> tuple[bytes, Status]:
    session, view = await _find_session(caller, session_key)
    # The state was read with the caller, before the files, so that a session that is completed has all of them.
    status = await session_status(session, view, caller.now, caller.found.also)
    if status.state is SessionState.PENDING:
        return orjson.dumps(FileList(status=status).to_wire()), status
    entries = await view.entries() if view is not None else []
    if view is not None and not entries:
        # Whoever was erased meanwhile has no files. That must not look like a session that is completed.
        check_session((await caller.found_again()).session, caller.contract.id, view.consent.id, caller.now)
    return orjson.dumps({"status": status.to_wire(), "fileList": entries}), status


async def _find_session(caller: Caller, session_key: str) -> tuple[SessionRow, SessionView | None]:
    """Return the caller's session, and its view once a person has consented. Raises InvalidSession, InvalidToken."""
    user = require_reader(caller) if "access_token" in caller.claims else None
    consent_id = user.consent.id if user else None
    session = check_session(caller.found.session, caller.contract.id, consent_id, caller.now)
    if user is None or session.consent_id is None:
        return session, None
    criteria = session_criteria(session, session_key)
    library = await open_found_library(caller.platform, user.consent.library_id, caller.found)
    return session, SessionView(
        caller.platform, caller.contract, caller.public_key, user.consent, session, criteria, library
    )


FILE = "/permission-access/query/{session_key}/{file_name}"
# The Android client of version 1.7 expects accounts.json as in version 1.6. Protocol 14 (f).
ANDROID_USER_AGENT = "okhttp/"
BYTES = {"content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}}}


@router.head(FILE, response_class=Response)
async def get_file_headers(request: Request, session_key: str, file_name: str) -> Response:
    """Return the headers of a file without its content. Protocol 6.4."""
    return await get_file(request, session_key, file_name)


@router.get(FILE, response_class=Response, responses={200: BYTES})
async def get_file(request: Request, session_key: str, file_name: str) -> Response:
    """Return a file, encrypted for the contract's key, with its metadata in `X-Metadata`. Protocol 6.3, 6.5."""
    caller = await authenticate(request, also=also_read_file(file_name))
    _, view = await _find_session(caller, session_key)
    if view is None:
        raise FileNotFound(NO_FILE)
    older = file_name == ACCOUNTS_FILE and request.headers.get("user-agent", "").startswith(ANDROID_USER_AGENT)
    delivery = await (view.older_accounts() if older else view.delivery(file_name, caller.found.also))
    response = await _file_response(request, delivery, view)
    if request.method != "HEAD":
        await view.log_read(delivery)
    return response


async def _file_response(request: Request, delivery: Delivery, view: SessionView) -> Response:
    """Make the response with an encrypted file: in one piece if it is small, otherwise as a stream.

    Its first bytes are read before this returns, so that a file that is missing is an error.
    """
    headers = {
        "x-metadata": encode_metadata(delivery.to_header()),
        "last-modified": format_datetime(_datetime(delivery.entry["updatedDate"]), usegmt=True),
    }
    chunks = encrypt_stream(delivery.chunks, view.platform.known_keys.load(view.public_key))
    if request.method != "HEAD" and delivery.size > STREAM_ABOVE_BYTES:
        is_allowed = ConsentIsLive(view.consent.library_id, view.consent.id, view.consent.choice, delivery.account_ids)
        return await stream_response(view.platform, is_allowed, chunks, headers=headers, media_type=OCTETS)
    try:
        if request.method == "HEAD":
            await asyncio.to_thread(next, delivery.chunks, None)
            return _head(headers)
        content = b"".join(chunks) if delivery.is_at_hand else await asyncio.to_thread(b"".join, chunks)
    except UnreadableBlob as error:
        raise await unreadable_error(view.platform, error) from error
    return Response(content, headers=headers, media_type=OCTETS)


def _head(headers: dict[str, str]) -> Response:
    """Make a response without a length: that of the file is known only once it is encrypted."""
    head = Response(headers=headers, media_type=OCTETS)
    del head.headers["content-length"]
    return head


def _datetime(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
