"""Pushing files to a person's library. Protocol 10.1."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from privateshare.errors import InvalidContractDataRequest, InvalidRequest
from privateshare.platform.api.callers import (
    CallerChanged,
    CallerForUser,
    authenticate,
    noticing_change,
    require_reader,
    require_same_user,
    require_user_again,
)
from privateshare.platform.api.once import answering_repetition, prepare_once
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.blobs.incoming import Received, receive
from privateshare.platform.db.engine import AnyTransaction
from privateshare.platform.db.statements import NoRows, Statement, StatementTransaction
from privateshare.platform.db.tables import ContractRow, PushedFileRow
from privateshare.platform.http.requests import body_stream
from privateshare.platform.keys.contract_keys import verify_signature
from privateshare.platform.library.libraries import OpenLibrary, lock_library, open_found_library
from privateshare.platform.library.pushed_files import (
    INSERT_FILE_OF_CALLER,
    INSERT_PUSHED_FILE,
    IncomingFile,
    read_descriptor,
)
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
    push = _Push(request, user, arrival, received)
    async with answering_repetition(request, user, received.sha256), delete_blob_on_failure(platform, arrival.blob):
        response = await push.record()
    platform.usage.count_received(user.contract.id, user.consent.id, received.size)
    return response


@dataclass(frozen=True, slots=True)
class _Push:
    """A push whose file has arrived and is durable."""

    request: Request
    user: CallerForUser
    arrival: IncomingFile
    received: Received

    async def record(self) -> Response:
        """Record the file, and return the response. Consent may have been withdrawn during the upload.

        One statement does that if nothing has changed since the push began. Otherwise everything is looked up again.
        """
        database = self.user.platform.database
        try:
            with noticing_change(PushedFileRow.__tablename__):
                async with database.statements() as sql:
                    return await self._write(sql, await require_same_user(self.user, sql), INSERT_FILE_OF_CALLER)
        except CallerChanged:
            async with database.statements() as sql:
                await lock_library(sql, self.arrival.library.id)
                return await self._write(sql, await require_user_again(self.user, sql), INSERT_PUSHED_FILE)

    async def _write(self, sql: StatementTransaction, user: CallerForUser, insert: Statement[NoRows]) -> Response:
        received, library = self.received, self.arrival.library
        once = await prepare_once(self.request, user, sql, received.sha256)
        await self.arrival.store(sql, user.contract, user.consent, received, user.now, insert)
        await record_push(sql, library, user.consent.id, user.contract, received.size)
        return await once.respond({})


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
