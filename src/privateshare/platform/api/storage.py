"""Storage: making one (in the API), and its files (under {cloud}). Protocol 11."""

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
from privateshare.platform.library import storages
from privateshare.platform.library.unreadable import unreadable_error
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.protocol import jwt
from privateshare.protocol.bearer import check_storage_claims, read_bearer
from privateshare.protocol.messages import Storage, StorageListing
from privateshare.protocol.storage_paths import StoragePath, storage_path
from privateshare.protocol.wire import Wire


class _Anything(Convertor[str]):
    """The rest of an address, line ends too: what is wrong with a path is told as protocol 11.5 says."""

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
async def create_storage(caller: ContractCaller, once: Once) -> Response:
    """A storage that is tied to no person yet. Protocol 11.1."""
    storage = await storages.add_storage(caller.db, caller.contract)
    return await once.answer(_view(storage, caller.contract).to_wire())


@router.get("/storage")
async def user_storage(caller: UserCaller) -> Storage:
    """The storage that this application has for the person. Protocol 11.1."""
    storage = await storages.find_user_storage(caller.db, caller.contract, caller.consent.library_id)
    if storage is None:
        raise NotFound("This person has no storage with this application")
    return _view(storage, caller.contract)


def _view(storage: StorageRow, contract: ContractRow) -> Storage:
    return Storage(id=storage.id, kid=f"{contract.id}_{contract.application_id}_0")


def render_storage_error(request: Request, error: ApiError) -> Response:
    """The form of protocol 11.5, and the headers of all errors."""
    body = orjson.dumps({"error": error.code, "message": error.message})
    return Response(body, error.status, error_headers(request, error), "application/json")


class Uploaded(Wire):
    """The file's id."""

    id: str


@files.get(
    FILE_PATH,
    response_class=Response,
    response_model=None,
    responses={
        200: {"description": "A file's bytes, or a folder's list", "model": StorageListing, **BYTES},
        206: {"description": "The bytes that the range names", **BYTES},
    },
)
async def read(
    request: Request,
    storage_id: str,
    application_id: str,
    path: str,
    recursive: bool = False,
    byte_range: Annotated[str | None, Header(alias="range")] = None,
) -> Response:
    """A file's bytes as they were stored, in whole or a range; or, for a path ending in "/", a list. Protocol 11.3."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        contract, storage, at = await _authorized(request, db, storage_id, application_id, path)
        folder = FolderList(platform, storage, contract.id, at, recursive) if at.is_folder else None
        page = await folder.first_page(db) if folder is not None else ()
        file = await storages.find_stored_file(db, storage.id, at) if folder is None else None
    if folder is not None:
        return await folder.answer(page)
    if file is None:
        raise NotFound("There is no such file")
    return await _file_answer(platform, file, byte_range, StorageIsOpen(storage.id, contract.id))


async def _file_answer(
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
    """Give a part of a file. Blocks. Raises UnreadableBlob if it is missing or was cut; it has no seal of ours."""
    try:
        if (size := blobs.size(file.blob)) != file.size:
            raise UnreadableBlob(file.blob, f"it has {size} bytes in place of {file.size}")
        return blobs.read(file.blob, start, length)
    except BlobNotFound as error:
        raise UnreadableBlob(file.blob, "it is missing") from error


def _read_range(text: str | None, size: int) -> tuple[int, int] | None:
    """Where to start and how much to send; None, which is the whole, for no range or one of a form that is not ours."""
    match = _RANGE.fullmatch((text or "").strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size:
        raise InvalidRequest(f"The range reaches outside of the file's {size} bytes", status=416)
    return start, end - start + 1


@files.post(
    FILE_PATH,
    status_code=201,
    response_model=Uploaded,
    openapi_extra={"requestBody": {"required": True, "content": UPLOADS}},
)
async def upload(request: Request, storage_id: str, application_id: str, path: str) -> Response:
    """Stores a file under a path, once all of it has arrived. Protocol 11.3.

    It is the body as it comes, whatever the Content-Type; but of a true multipart form it is the file in the form.
    """
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        _, storage, at = await _authorized(request, db, storage_id, application_id, path)
    if at.is_folder:
        raise InvalidRequest("A file's path must not end in /")
    blob, max_bytes = storages.new_blob(storage.id), platform.settings.max_push_bytes
    try:
        content = await _uploaded(request, max_bytes)
        received = await receive(platform.blobs, blob, content, max_bytes)
    except ClientDisconnect as error:
        raise InvalidRequest("The file did not arrive whole; nothing was kept") from error
    async with delete_blob_on_failure(platform, blob), platform.database.transaction() as db:
        if await storages.find_storage(db, storage.id, storage.application_id) is None:  # erased while the file came
            raise NotFound("There is no such storage")
        file_id = await storages.put_file(db, storage.id, at, blob, received.size)
    return Response(orjson.dumps({"id": str(file_id)}), 201, media_type="application/json")


async def _uploaded(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The file of a body that says it is a multipart form and begins as one; of any other body, all of it."""
    boundary, body = multipart_boundary(request.headers.get("content-type", "")), body_stream(request)
    if boundary is None:
        return body
    opening = b"--" + boundary
    seen, body = await peek(body, len(opening) + 2)
    if seen not in (opening + b"\r\n", opening + b"--"):
        return body
    return file_in_form(body, boundary, max_bytes)


@files.delete(FILE_PATH)
async def remove(request: Request, storage_id: str, application_id: str, path: str) -> dict[str, int]:
    """Removes the file, or for a path ending in "/" the folder with all that is in it. Protocol 11.3."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        _, storage, at = await _authorized(request, db, storage_id, application_id, path)
        removed = await storages.delete_files(db, platform, storage.id, at)
        if not removed and not at.is_folder:
            raise NotFound("There is no such file")
    return {"deleted": removed}


async def _authorized(
    request: Request, db: AsyncSession, storage_id: str, application_id: str, path: str
) -> tuple[ContractRow, StorageRow, StoragePath]:
    """The contract that calls, if it is one of the storage's application; the storage, the path. Protocol 11.2."""
    token = read_bearer(request.headers)
    claimed = jwt.read_unverified(token)
    contract = await load_contract(db, f"{claimed.get('sub')}_{claimed.get('iss')}", datetime.now(UTC))
    claims = jwt.verify(token, jwt.load_public_key(contract.public_key))
    check_storage_claims(claims, arrived_at(request))
    platform_of(request).known_keys.remember(client_id(contract), contract.public_key)
    platform_of(request).limits.check_contract(contract.id)
    storage = await storages.find_storage(db, storage_id, contract.application_id)
    if storage is None or application_id != contract.application_id:
        raise NotFound("There is no such storage")
    return contract, storage, storage_path(path)
