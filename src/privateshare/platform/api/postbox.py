"""Pushing files as in version 1.6: encrypted for the key of a postbox. Protocol 14 (d)."""

from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from privateshare.errors import InvalidRequest, InvalidToken, NotFound
from privateshare.platform.api.callers import Caller, authenticate, later, require_user
from privateshare.platform.api.once import begin_once
from privateshare.platform.api.pushing import record_push
from privateshare.platform.blobs.incoming import receive
from privateshare.platform.db.tables import ConsentRow, PostboxRow
from privateshare.platform.grants.postboxes import postbox_key
from privateshare.platform.grants.tokens import check_live
from privateshare.platform.http.multipart import file_in_form, multipart_boundary
from privateshare.platform.http.requests import body_stream, platform_of
from privateshare.platform.library.libraries import lock_library, open_library
from privateshare.platform.library.pushed_files import IncomingFile, read_descriptor
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.platform.sync.sessions import new_session
from privateshare.protocol.messages import Session, SessionOptions
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["version 1.6"])

BLOCK_BITS = 128
KEY_BYTES = 32
FILE_FIELD = "file"
FORM = {
    "type": "object",
    "properties": {FILE_FIELD: {"type": "string", "format": "binary"}},
    "required": [FILE_FIELD],
}


class PushStatus(Wire):
    """The result of a push: `delivered`, or `pending` if the app has to refresh its token.

    `expires` is in seconds since the epoch, because Android reads it as 32 bits. Older iOS clients require `session`.
    """

    status: Literal["delivered", "pending"]
    expires: int
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class PostboxCipher:
    """The key and initialization vector with which the app encrypted the file and its metadata."""

    key: bytes = field(repr=False)
    iv: bytes

    def open(self, data: bytes) -> bytes:
        """Decrypt data. Raises InvalidRequest if it cannot be decrypted."""
        decryptor = Cipher(AES256(self.key), CBC(self.iv)).decryptor()
        unpadder = block_padding.PKCS7(BLOCK_BITS).unpadder()
        try:
            return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()
        except ValueError as error:
            raise InvalidRequest("The data cannot be decrypted with symmetrical_key and iv") from error


@router.post(
    "/permission-access/postbox/{postbox_id}",
    response_model=PushStatus,
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}},
)
async def push_to_postbox(request: Request, postbox_id: str) -> Response:
    """Store a file that was encrypted for the postbox's key. Protocol 14 (d)."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        caller = await authenticate(request, db)
        postbox = await _find_postbox(caller, postbox_id)
        expires = int((caller.now + platform.settings.session_lifetime).timestamp())
        if not await _may_push(caller, postbox):
            pending = PushStatus(status="pending", expires=expires)
            return Response(orjson.dumps(pending.to_wire()), media_type="application/json")
        library = await open_library(db, platform, postbox.library_id)
        cipher = _cipher(caller, postbox_key(postbox, library))
        arrival = IncomingFile(library, read_descriptor({"metadata": _metadata(caller, cipher)}))
    boundary, max_bytes = multipart_boundary(request.headers.get("content-type", "")), platform.settings.max_push_bytes
    if boundary is None:
        raise InvalidRequest("The file must be sent in a multipart form")
    file = file_in_form(body_stream(request), boundary, max_bytes, FILE_FIELD)
    received = await receive(platform.blobs, arrival.blob, _decrypted(file, cipher), max_bytes, arrival.sealer())
    async with delete_blob_on_failure(platform, arrival.blob), platform.database.transaction() as db:
        await lock_library(db, library.id)
        caller = await later(caller, db)
        postbox = await _find_postbox(caller, postbox_id)  # Consent may have been withdrawn during the upload.
        if not await _may_push(caller, postbox):
            raise InvalidToken("The token (access_token) is invalid")
        once = await begin_once(request, caller, db, received.sha256)
        consent = await db.get_one(ConsentRow, (postbox.library_id, postbox.consent_id))
        await arrival.store(db, caller.contract, consent, received, caller.now)
        await record_push(db, library, postbox.consent_id, caller.contract, received.size)
        session = await new_session(db, platform, caller.contract, SessionOptions(), caller.now)
        delivered = PushStatus(status="delivered", expires=expires, session=session.to_message())
        response = await once.respond(delivered.to_wire())
    platform.usage.count_received(caller.contract.id, postbox.consent_id, received.size)
    return response


async def _find_postbox(caller: Caller, postbox_id: str) -> PostboxRow:
    postbox = await caller.db.scalar(select(PostboxRow).where(PostboxRow.id == postbox_id))
    if postbox is None or postbox.contract_id != caller.contract.id or not caller.contract.legacy:
        raise NotFound("There is no postbox with this id")
    return postbox


async def _may_push(caller: Caller, postbox: PostboxRow) -> bool:
    """Return whether the consent is live, and the access token too if one was sent. If not, clients refresh it."""
    consent = await caller.db.get_one(ConsentRow, (postbox.library_id, postbox.consent_id))
    try:
        check_live(consent, caller.now, "access_token")
        return "access_token" not in caller.claims or (await require_user(caller)).consent.id == consent.id
    except InvalidToken:
        return False


def _cipher(caller: Caller, key: RSAPrivateKey) -> PostboxCipher:
    oaep = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303 - The protocol uses SHA-1.
    try:
        cipher = PostboxCipher(
            key.decrypt(b64decode(caller.claim("symmetrical_key")), oaep), bytes.fromhex(caller.claim("iv"))
        )
        Cipher(AES256(cipher.key), CBC(cipher.iv))
    except ValueError as error:
        raise InvalidRequest("symmetrical_key or iv is invalid for this postbox") from error
    return cipher


def _metadata(caller: Caller, cipher: PostboxCipher) -> Any:
    try:
        return orjson.loads(cipher.open(b64decode(caller.claim("metadata"))))
    except ValueError as error:
        raise InvalidRequest("metadata is not JSON in base64") from error


async def _decrypted(file: AsyncIterator[bytes], cipher: PostboxCipher) -> AsyncIterator[bytes]:
    decryptor = Cipher(AES256(cipher.key), CBC(cipher.iv)).decryptor()
    unpadder = block_padding.PKCS7(BLOCK_BITS).unpadder()
    async for piece in file:
        yield unpadder.update(decryptor.update(piece))
    try:
        yield unpadder.update(decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise InvalidRequest("The file cannot be decrypted with symmetrical_key and iv") from error
