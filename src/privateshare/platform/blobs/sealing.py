"""Authenticated encryption ("sealing"): detects changes, truncation, reordering and use for another owner.

Streams are encrypted in chunks (the STREAM construction over AES-256-GCM). The nonce of a chunk is its number and a
flag for the last one; the key is derived for this one stream from the owner's key and a random salt. So a stream of any
size is written and read in constant memory, and no nonce is used twice with a key.

    header: version (1 byte), salt (32 bytes)
    chunk:  64 KiB of data (the last chunk may have less), then 16 bytes of tag
"""

import os
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
CHUNK_BYTES = 64 * 1024
SALT_BYTES = 32
VERSION = b"\x01"
HEADER_BYTES = len(VERSION) + SALT_BYTES
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
_LAST = b"\x01"
_MORE = b"\x00"


class SealBroken(Exception):
    """Sealed bytes were changed, truncated or reordered, or were sealed with another key or context."""


def seal(key: bytes, context: bytes, data: bytes) -> bytes:
    """Encrypt a small value and bind it to a context. The result is a random nonce, then AES-256-GCM ciphertext."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, context)


def unseal(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """Decrypt a value that `seal` encrypted with the same key and context. Raises SealBroken otherwise."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken(
            "the value cannot be decrypted: it was changed, or belongs to another key or context"
        ) from error


class Sealer:
    """The encryption of one stream: the bytes that `update` returns, and then those of `finish`."""

    def __init__(self, key: bytes, context: bytes) -> None:
        salt = os.urandom(SALT_BYTES)
        self._cipher = _stream_cipher(key, salt, context)
        self._head = VERSION + salt
        self._pending = bytearray()
        self._number = 0

    def update(self, data: bytes) -> bytes:
        """Encrypt the next data. Return the chunks that are complete."""
        self._pending += data
        sealed = [self._take_head()]
        # The last chunk is marked as such, so a full chunk is encrypted only when more data follows.
        while len(self._pending) > CHUNK_BYTES:
            chunk = bytes(self._pending[:CHUNK_BYTES])
            del self._pending[:CHUNK_BYTES]
            sealed.append(self._cipher.encrypt(_nonce(self._number, _MORE), chunk, None))
            self._number += 1
        return b"".join(sealed)

    def finish(self) -> bytes:
        """Encrypt the last chunk and return it."""
        last = self._cipher.encrypt(_nonce(self._number, _LAST), bytes(self._pending), None)
        return self._take_head() + last

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head


class Opener:
    """The decryption of one sealed stream: the data that `update` returns, and then that of `finish`.

    The data is complete only once `finish` has returned: until then the stream may turn out to be truncated. With
    `first_chunk`, decryption starts at that chunk, but the header must still be passed first. Methods raise SealBroken.
    """

    def __init__(self, key: bytes, context: bytes, first_chunk: int = 0) -> None:
        self._key, self._context = key, context
        self._cipher: AESGCM | None = None
        self._pending = bytearray()
        self._number = first_chunk

    def update(self, sealed: bytes) -> bytes:
        """Decrypt the next bytes. Return the data of the chunks that are complete."""
        self._pending += sealed
        if self._cipher is None:
            if len(self._pending) < HEADER_BYTES:
                return b""
            self._read_header()
        data = []
        while len(self._pending) > SEALED_CHUNK_BYTES:
            chunk = bytes(self._pending[:SEALED_CHUNK_BYTES])
            del self._pending[:SEALED_CHUNK_BYTES]
            data.append(self._open(chunk, _MORE))
        return b"".join(data)

    def finish(self) -> bytes:
        """Decrypt the last chunk and return its data."""
        return self.close_at(last=True)

    def close_at(self, *, last: bool) -> bytes:
        """Decrypt the pending chunk, and check that it is the last one of the stream, or that it is not."""
        if self._cipher is None:
            raise SealBroken("the stream is truncated")
        return self._open(bytes(self._pending), _LAST if last else _MORE)

    def _read_header(self) -> None:
        if self._pending[:1] != VERSION:
            raise SealBroken("the stream has an unknown version")
        self._cipher = _stream_cipher(self._key, bytes(self._pending[1:HEADER_BYTES]), self._context)
        del self._pending[:HEADER_BYTES]

    def _open(self, chunk: bytes, mark: bytes) -> bytes:
        assert self._cipher is not None
        try:
            data = self._cipher.decrypt(_nonce(self._number, mark), chunk, None)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the stream was truncated or changed, or belongs to another key or context") from error
        self._number += 1
        return data


def seal_stream(key: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Encrypt a stream."""
    sealer = Sealer(key, context)
    for chunk in chunks:
        yield sealer.update(chunk)
    yield sealer.finish()


def unseal_stream(key: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decrypt a sealed stream. Raises SealBroken at its end at the latest."""
    opener = Opener(key, context)
    for chunk in chunks:
        yield opener.update(chunk)
    yield opener.finish()


def sealed_size(size: int) -> int:
    """Return the encrypted size in bytes of a stream of `size` bytes."""
    chunks = max(1, -(-size // CHUNK_BYTES))
    return HEADER_BYTES + size + chunks * TAG_BYTES


def sealed_offset(chunk: int) -> int:
    """Return the offset of a chunk in the encrypted stream."""
    return HEADER_BYTES + chunk * SEALED_CHUNK_BYTES


def _stream_cipher(key: bytes, salt: bytes, context: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"privateshare stream 1\0" + context).derive(key))


def _nonce(number: int, mark: bytes) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1, "big") + mark
