"""Flows for storage: an application's own files, which the SDK encrypts and decrypts. Protocol 11."""

import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from privateshare.errors import ConfigurationError, InvalidRequest
from privateshare.protocol import jwt
from privateshare.protocol.envelope import EnvelopeWriter, encrypt_stream
from privateshare.protocol.messages import Storage, StorageFile, StorageListing
from privateshare.protocol.storage_paths import storage_path
from privateshare.sdk.arguments import check_callback, check_flag, check_text
from privateshare.sdk.concurrency.on_asyncio import run_work
from privateshare.sdk.core import Core
from privateshare.sdk.files.file import File
from privateshare.sdk.files.file_receiver import FileReceiver, OnProgress
from privateshare.sdk.flow import Flow, send
from privateshare.sdk.flows.signed_calls import call_api, call_as_user
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.http.responses import json_object, json_value, read_as, text_of
from privateshare.sdk.tokens import Holder
from privateshare.sdk.uploads import AsyncContent, Pieces, pieces_of

FILES_ROUTE = "clouds/{storage}/files/apps/{application}/{path}"
# Protocol 11.2 limits the life of a storage token.
TOKEN_SECONDS = 60


def create_provisional(core: Core) -> Flow[Storage]:
    """Create a storage that belongs to no person yet. Protocol 11.1."""
    return read_as(Storage, json_value((yield from call_api(core, "POST", "storage"))))


def user_storage(core: Core, holder: Holder) -> Flow[Storage]:
    """Get the person's storage. Protocol 11.1."""
    return read_as(Storage, json_value((yield from call_as_user(core, holder, "GET", "storage"))))


def list_files(core: Core, storage_id: str, path: str, *, recursive: bool) -> Flow[list[StorageFile]]:
    """List the files of a folder. Protocol 11.3."""
    check_flag("recursive", recursive)
    query = f"?recursive={str(recursive).lower()}"
    response = yield from _call(core, "GET", storage_id, _folder(path), query)
    listing = read_as(StorageListing, json_value(response))
    top = f"/apps/{core.configuration.application_id}"
    return [
        file.model_copy(
            update={
                "path": file.path.removeprefix(top.lower()),
                "original_path": file.original_path.removeprefix(top),
            }
        )
        for file in listing.files
    ]


def upload(core: Core, storage_id: str, path: str, content: AsyncContent) -> Flow[str]:
    """Encrypt a file with this contract's key, store it and return its id. Protocol 11.3, 11.4."""
    check_storage_path(path, "the path of a file in the storage")
    pieces, is_repeatable = pieces_of(content)
    public = core.configuration.private_key.public_key()

    def encrypted_pieces() -> Pieces:
        plain = pieces()
        return _encrypted(plain, public) if isinstance(plain, AsyncIterator) else encrypt_stream(plain, public)

    request = _request(core, "POST", storage_id, _file(path), body=encrypted_pieces)
    response = yield from send(request, core.configuration.retries, repeatable=is_repeatable)
    return text_of(json_object(response), "id")


def download(core: Core, storage_id: str, path: str, to: Path | None, on_progress: OnProgress | None) -> Flow[File]:
    """Read a stored file and decrypt it with this contract's key. Protocol 11.3, 11.4."""
    check_storage_path(path, "the path of a file in the storage")
    check_callback("on_progress", on_progress)
    receiver = FileReceiver(path.rsplit("/", 1)[-1], core.configuration.private_key, to, on_progress=on_progress)
    request = _request(core, "GET", storage_id, _file(path), receiver=receiver)
    try:
        yield from send(request, core.configuration.retries)
    finally:
        receiver.abort()
    return receiver.received_file()


def delete(core: Core, storage_id: str, path: str) -> Flow[None]:
    """Delete a file, or for a path that ends in "/" a folder. Protocol 11.3."""
    check_storage_path(path, "the path of a file or folder in the storage")
    at = _folder(path) if path.endswith("/") else _file(path)
    yield from _call(core, "DELETE", storage_id, at)


def check_storage_path(path: str, expected: str) -> None:
    """Check a path by the rules of protocol 11.5. Raise ConfigurationError.

    The platform could not: HTTP clients resolve the segments . and .. of an address before they send it, so that the
    request would be for another file.
    """
    check_text("path", path, expected)
    try:
        storage_path(path)
    except InvalidRequest as error:
        raise ConfigurationError(error.message) from error


async def _encrypted(pieces: AsyncIterator[bytes], key: RSAPublicKey) -> AsyncIterator[bytes]:
    writer = EnvelopeWriter(key)
    async for piece in pieces:
        yield await run_work(partial(writer.update, piece))
    yield writer.finish()


def _call(core: Core, method: str, storage_id: str, path: str, query: str = "") -> Flow[Response]:
    return send(_request(core, method, storage_id, path, query), core.configuration.retries)


def _request(
    core: Core,
    method: str,
    storage_id: str,
    path: str,
    query: str = "",
    *,
    body: Callable[[], Pieces] | None = None,
    receiver: FileReceiver | None = None,
) -> Request:
    check_text("storage_id", storage_id, "the id of a storage, as in Storage.id")
    application, contract = core.configuration.application_id, core.configuration.contract_id
    now = int(time.time())
    claims = {"sub": application, "iss": contract, "aud": "cloud", "iat": now, "exp": now + TOKEN_SECONDS}
    token = jwt.sign(core.configuration.private_key, claims, typ="at+jwt", kid=f"{contract}_{application}_0")
    folder = f"clouds/{quote(storage_id, safe='')}/files/apps/{application}"
    url = f"{core.configuration.storage}{folder}{quote(path)}{query}"
    headers = {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}
    return Request(method=method, url=url, route=FILES_ROUTE, headers=headers, body=body, receiver=receiver)


def _file(path: str) -> str:
    return "/" + path.strip("/")


def _folder(path: str) -> str:
    check_storage_path(path, "the path of a folder in the storage")
    inner = path.strip("/")
    return f"/{inner}/" if inner else "/"
