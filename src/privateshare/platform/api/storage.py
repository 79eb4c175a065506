"""Storages: creating one (in the API), and its files (under the storage address). Protocol 11."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from privateshare.errors import ApiError, InvalidRequest, NotFound
from privateshare.platform.api.callers import ContractCaller, UserCaller
from privateshare.platform.api.once import Once
from privateshare.platform.api.storage_list import FolderList
from privateshare.platform.blobs.incoming import receive
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.blobs.store import BlobNotFound, BlobStore
from privateshare.platform.db.tables import ContractRow, StorageRow, StoredFileRow
from privateshare.platform.grants.contracts import client_id, load_contract
from privateshare.platform.http.errors import error_headers
from privateshare.platform.http.multipart import file_in_form, multipart_boundary, peek
from privateshare.platform.http.requests import arrived_at, body_stream, platform_of
from privateshare.platform.http.streaming import PermissionCheck, StorageIsOpen, stream_response
from privateshare.platform.keys.contract_keys import verify_signature
from privateshare.platform.library import storages
from privateshare.platform.library.unreadable_files import unreadable_error
from privateshare.platform.operating.access_log import note_contract
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.protocol.bearer import check_storage_claims, read_bearer
from privateshare.protocol.messages import Storage, StorageListing
from privateshare.protocol.storage_paths import StoragePath, storage_path
from privateshare.protocol.wire import Wire


class _Anything(Convertor[str]):
    """A URL converter that matches everything, even line ends, so that a bad path gets the error of protocol 11.5."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", _Anything())

router = APIRouter(tags=["storage"])
files = APIRouter(tags=["storage files"])

OCTETS = "application/octet-stream"
FILE_PATH = "/clouds/{storage_id}/files/apps/{application_id}/{path:anything}"
BINARY = {"type": "string", "format": "binary"}
BYTES = {"content": {OCTETS: {"schema": BINARY}}}
FORM = {"type": "object", "properties": {"file": BINARY}, "required": ["file"]}
UPLOADS = {OCTETS: {"schema": BINARY}, "multipart/form-data": {"schema": FORM}}

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


@router.post("/storage", status_code=200, response_model=Storage)
async def post_storage(caller: ContractCaller, once: Once) -> Response:
    """Create a storage that is not tied to a person yet. Protocol 11.1."""
    storage = await storages.add_storage(caller.db, caller.contract)
    return await once.respond(_view(storage, caller.contract).to_wire())


@router.get("/storage")
async def get_storage(caller: UserCaller) -> Storage:
    """Return the storage that this application has for the person. Protocol 11.1."""
    storage = await storages.find_user_storage(caller.db, caller.contract, caller.consent)
    if storage is None:
        raise NotFound("This person has no storage with this application")
    return _view(storage, caller.contract)


def _view(storage: StorageRow, contract: ContractRow) -> Storage:
    return Storage(id=storage.id, kid=f"{contract.id}_{contract.application_id}_0")


def render_storage_error(request: Request, error: ApiError) -> Response:
    """Make the response to an error, with the body of protocol 11.5 and the usual error headers."""
    body = orjson.dumps({"error": error.code, "message": error.message})
    return Response(body, error.status, error_headers(request, error), "application/json")


class StoredFileResponse(Wire):
    """The id of an uploaded file."""

    id: str


@files.get(
    FILE_PATH,
    response_class=Response,
    response_model=None,
    responses={
        200: {"description": "The content of a file, or the list of a folder", "model": StorageListing, **BYTES},
        206: {"description": "The requested range of bytes", **BYTES},
    },
)
async def get_stored_file(
    request: Request,
    storage_id: str,
    application_id: str,
    path: str,
    recursive: bool = False,
    byte_range: Annotated[str | None, Header(alias="range")] = None,
) -> Response:
    """Return a stored file or a range of it or, for a path that ends in "/", the list of a folder. Protocol 11.3."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        contract, storage, target = await _authorized(request, db, storage_id, application_id, path)
        folder = FolderList(platform, storage, contract.id, target, recursive) if target.is_folder else None
        page = await folder.first_page(db) if folder is not None else ()
        file = await storages.find_stored_file(db, storage.id, target) if folder is None else None
    if folder is not None:
        return await folder.response(page)
    if file is None:
        raise NotFound("There is no file with this path")
    return await _file_response(platform, file, byte_range, StorageIsOpen(storage.id, contract.id))


async def _file_response(
    platform: Platform, file: StoredFileRow, byte_range: str | None, allowed: PermissionCheck
) -> Response:
    found = _read_range(byte_range, file.size)
    start, length = found or (0, file.size)
    headers = {"content-length": str(length), "accept-ranges": "bytes"}
    if found is not None:
        headers["content-range"] = f"bytes {start}-{start + length - 1}/{file.size}"
    status = 200 if found is None else 206
    if not length:
        return Response(status_code=status, headers=headers, media_type=OCTETS)
    try:
        pieces = await asyncio.to_thread(_pieces, platform.blobs, file, start, length)
    except UnreadableBlob as error:
        raise await unreadable_error(platform, error) from error
    return await stream_response(platform, allowed, pieces, status, headers=headers, media_type=OCTETS)


def _pieces(blobs: BlobStore, file: StoredFileRow, start: int, length: int) -> Iterator[bytes]:
    """Read a part of a file. Blocks. Raises UnreadableBlob if it is missing or truncated.

    The client encrypted the file, so other damage cannot be detected here.
    """
    try:
        if (size := blobs.size(file.blob)) != file.size:
            raise UnreadableBlob(file.blob, f"it has {size} bytes instead of {file.size}")
        return blobs.read(file.blob, start, length)
    except BlobNotFound as error:
        raise UnreadableBlob(file.blob, "it is missing") from error


def _read_range(text: str | None, size: int) -> tuple[int, int] | None:
    """Parse a Range header into start and length. Return None, for the whole file, if there is no supported range."""
    match = _RANGE.fullmatch((text or "").strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size:
        raise InvalidRequest(f"The range starts after the end of the file, which has {size} bytes", status=416)
    return start, end - start + 1


@files.post(
    FILE_PATH,
    status_code=201,
    response_model=StoredFileResponse,
    openapi_extra={"requestBody": {"required": True, "content": UPLOADS}},
)
async def post_stored_file(request: Request, storage_id: str, application_id: str, path: str) -> Response:
    """Store a file under a path, once all of it has arrived. Protocol 11.3.

    The body is stored as it is, whatever its Content-Type. Only from a real multipart form, the file in it is stored.
    """
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        contract, storage, target = await _authorized(request, db, storage_id, application_id, path)
    if target.is_folder:
        raise InvalidRequest("The path of a file must not end in /")
    blob, max_bytes = storages.new_blob(storage.id), platform.settings.max_push_bytes
    try:
        content = await _uploaded(request, max_bytes)
        received = await receive(platform.blobs, blob, content, max_bytes)
    except ClientDisconnect as error:
        raise InvalidRequest("The upload is incomplete. Nothing was stored") from error
    async with delete_blob_on_failure(platform, blob), platform.database.transaction() as db:
        # The contract may have ended during the upload, or the app may have been suspended.
        await load_contract(db, client_id(contract), datetime.now(UTC))
        if await storages.find_storage(db, storage.id, storage.application_id) is None:  # Erased during the upload.
            raise NotFound("There is no storage with this id")
        file_id = await storages.put_file(db, storage.id, target, blob, received.size)
    return Response(orjson.dumps({"id": str(file_id)}), 201, media_type="application/json")


async def _uploaded(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Return the file in a body that claims to be a multipart form and starts like one, or any other body itself."""
    boundary, body = multipart_boundary(request.headers.get("content-type", "")), body_stream(request)
    if boundary is None:
        return body
    opening = b"--" + boundary
    seen, body = await peek(body, len(opening) + 2)
    if seen not in (opening + b"\r\n", opening + b"--"):
        return body
    return file_in_form(body, boundary, max_bytes)


@files.delete(FILE_PATH)
async def delete_stored_file(request: Request, storage_id: str, application_id: str, path: str) -> dict[str, int]:
    """Delete a file or, for a path that ends in "/", a folder with everything in it. Protocol 11.3."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        _, storage, target = await _authorized(request, db, storage_id, application_id, path)
        removed = await storages.delete_files(db, platform, storage.id, target)
        if not removed and not target.is_folder:
            raise NotFound("There is no file with this path")
    return {"deleted": removed}


async def _authorized(
    request: Request, db: AsyncSession, storage_id: str, application_id: str, path: str
) -> tuple[ContractRow, StorageRow, StoragePath]:
    """Authenticate a contract of the storage's application. Return it, the storage and the path. Protocol 11.2."""
    token = read_bearer(request.headers)
    claimed = token.unverified_claims
    known_keys, now = platform_of(request).known_keys, datetime.now(UTC)
    contract = await load_contract(db, f"{claimed.get('sub')}_{claimed.get('iss')}", now)
    claims, public_key = verify_signature(known_keys, contract, token, now)
    check_storage_claims(claims, arrived_at(request))
    known_keys.remember(client_id(contract), public_key)
    note_contract(request.scope, contract.id, contract.application_id)
    platform_of(request).usage.count_call(contract.id)
    await platform_of(request).limits.check_contract(contract.id)
    storage = await storages.find_storage(db, storage_id, contract.application_id)
    if storage is None or application_id != contract.application_id:
        raise NotFound("There is no storage with this id")
    return contract, storage, storage_path(path)
