"""Pushing files to a person's library. Protocol 10.1."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from privateshare.errors import InvalidContractDataRequest, InvalidRequest
from privateshare.platform.api.callers import CallerForUser, authenticate, require_reader, require_user_again
from privateshare.platform.api.once import answering_repetition, prepare_once
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.blobs.incoming import receive
from privateshare.platform.db.engine import AnyTransaction
from privateshare.platform.db.tables import ContractRow
from privateshare.platform.http.requests import body_stream
from privateshare.platform.keys.contract_keys import verify_signature
from privateshare.platform.library.libraries import OpenLibrary, lock_library, open_found_library
from privateshare.platform.library.pushed_files import IncomingFile, read_descriptor
from privateshare.platform.library.session_view import PUSHED
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.protocol.wire import EmptyBody

router = APIRouter(tags=["push"])


@router.post(
    "/permission-access/import",
    response_model=EmptyBody,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def push_to_library(
    request: Request,
    file_descriptor: Annotated[str, Header(alias="FileDescriptor", description="PS512 JWT with the claim metadata")],
) -> Response:
    """Store a file in the person's library, once all of it has arrived. Needs a write contract. Protocol 10.1."""
    user = require_write_contract(require_reader(await authenticate(request)))
    platform = user.platform
    library = await open_found_library(platform, user.consent.library_id, user.found)
    claims, _ = verify_signature(platform.known_keys, user.contract, file_descriptor, user.now)
    arrival = IncomingFile(library, read_descriptor(claims))
    max_bytes, sealer = platform.settings.max_push_bytes, arrival.sealer()
    try:
        received = await receive(platform.blobs, arrival.blob, body_stream(request), max_bytes, sealer)
    except ClientDisconnect as error:
        raise InvalidRequest("The upload is incomplete. Nothing was stored") from error
    async with (
        answering_repetition(request, user, received.sha256),
        delete_blob_on_failure(platform, arrival.blob),
        platform.database.statements() as sql,
    ):
        await lock_library(sql, library.id)
        user = await require_user_again(user, sql)  # Consent may have been withdrawn during the upload.
        once = await prepare_once(request, user, sql, received.sha256)
        await arrival.store(sql, user.contract, user.consent, received, user.now)
        await record_push(sql, library, user.consent.id, user.contract, received.size)
        response = await once.respond({})
    platform.usage.count_received(user.contract.id, user.consent.id, received.size)
    return response


async def record_push(
    db: AnyTransaction, library: OpenLibrary, consent_id: UUID, contract: ContractRow, size: int
) -> None:
    """Record in the audit log that an app pushed a file."""
    facts = {"consent": str(consent_id), "contract": contract.id, "read": {PUSHED: [1, size]}}
    await record_event(db, library, Event(EventKind.PUSHED, facts))


def require_write_contract(user: CallerForUser) -> CallerForUser:
    """Return the user if the contract may write. Raises InvalidContractDataRequest otherwise. Protocol 5.2."""
    if user.contract.kind != "write":
        raise InvalidContractDataRequest("Only a write contract can push")
    return user
