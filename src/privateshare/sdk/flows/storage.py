"""Storage: an application's own files, encrypted here and opened here. Protocol 11."""

import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from privateshare.errors import InvalidAnswer
from privateshare.protocol import jwt
from privateshare.protocol.envelope import EnvelopeWriter, encrypt_stream
from privateshare.protocol.messages import Storage, StorageFile, StorageListing
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Request, Response, sent
from privateshare.sdk.flows.calls import as_user, called, parsed, read_as, text_of, told
from privateshare.sdk.sinks import File, FileSink, OnProgress
from privateshare.sdk.tokens import Holder
from privateshare.sdk.uploads import AsyncContent, Pieces, pieces_of
from privateshare.sdk.workers import on_worker

TOKEN_SECONDS = 60  # protocol 11.2


def create_provisional(configuration: Configuration) -> Flow[Storage]:
    """A storage that is tied to no person yet. Protocol 11.1."""
    return read_as(Storage, parsed((yield from called(configuration, "POST", "storage"))))


def user_storage(configuration: Configuration, token: Holder) -> Flow[Storage]:
    """The person's storage. Protocol 11.1."""
    response = yield from as_user(token, lambda access: called(configuration, "GET", "storage", access_token=access))
    return read_as(Storage, parsed(response))


def list_files(configuration: Configuration, storage_id: str, path: str, *, recursive: bool) -> Flow[list[StorageFile]]:
    """The files of a folder. Protocol 11.3."""
    query = f"?recursive={str(recursive).lower()}"
    response = yield from _called(configuration, "GET", storage_id, _folder(path), query)
    listing = read_as(StorageListing, parsed(response))
    top = f"/apps/{configuration.application_id}"
    return [
        file.model_copy(
            update={
                "path": file.path.removeprefix(top.lower()),
                "original_path": file.original_path.removeprefix(top),
            }
        )
        for file in listing.files
    ]


def upload(configuration: Configuration, storage_id: str, path: str, content: AsyncContent) -> Flow[str]:
    """The id of a file that was encrypted under this contract's key and stored. Protocol 11.3, 11.4."""
    pieces, again = pieces_of(content)
    public = configuration.private_key.public_key()

    def sealed() -> Pieces:
        plain = pieces()
        return _encrypted(plain, public) if isinstance(plain, AsyncIterator) else encrypt_stream(plain, public)

    request = _request(configuration, "POST", storage_id, _file(path), body=sealed)
    response = yield from sent(request, configuration.retries, repeatable=again)
    return text_of(told(response), "id")


async def _encrypted(pieces: AsyncIterator[bytes], key: RSAPublicKey) -> AsyncIterator[bytes]:
    writer = EnvelopeWriter(key)
    async for piece in pieces:
        yield await on_worker(partial(writer.update, piece))
    yield writer.finish()


def download(
    configuration: Configuration, storage_id: str, path: str, to: Path | None, on_progress: OnProgress | None
) -> Flow[File]:
    """A stored file, opened with this contract's key. Protocol 11.3, 11.4."""
    sink = FileSink(path.rsplit("/", 1)[-1], configuration.private_key, to, on_progress=on_progress)
    request = _request(configuration, "GET", storage_id, _file(path), sink=sink)
    try:
        yield from sent(request, configuration.retries)
    finally:
        sink.abort()
    if sink.file is None:
        raise InvalidAnswer(f"the platform answered something else than the file {path}")
    return sink.file


def delete(configuration: Configuration, storage_id: str, path: str) -> Flow[None]:
    """Removes a file, or for a path ending in "/" a folder. Protocol 11.3."""
    at = _folder(path) if path.endswith("/") else _file(path)
    yield from _called(configuration, "DELETE", storage_id, at)


def _called(configuration: Configuration, method: str, storage_id: str, path: str, query: str = "") -> Flow[Response]:
    return (yield from sent(_request(configuration, method, storage_id, path, query), configuration.retries))


def _request(
    configuration: Configuration,
    method: str,
    storage_id: str,
    path: str,
    query: str = "",
    *,
    body: Callable[[], Pieces] | None = None,
    sink: FileSink | None = None,
) -> Request:
    application, contract = configuration.application_id, configuration.contract_id
    now = int(time.time())
    claims = {"sub": application, "iss": contract, "aud": "cloud", "iat": now, "exp": now + TOKEN_SECONDS}
    token = jwt.sign(configuration.private_key, claims, typ="at+jwt", kid=f"{contract}_{application}_0")
    url = f"{configuration.storage}clouds/{quote(storage_id, safe='')}/files/apps/{application}{quote(path)}{query}"
    headers = {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}
    return Request(method=method, url=url, headers=headers, body=body, sink=sink)


def _file(path: str) -> str:
    return "/" + path.strip("/")


def _folder(path: str) -> str:
    inner = path.strip("/")
    return f"/{inner}/" if inner else "/"
