"""Sealing: bytes encrypted so that a change, a cut, a swap or a wrong owner is noticed.

Big things are sealed in chunks (the STREAM construction over AES-256-GCM): each chunk's nonce is its number and
whether it is the last, under a key made for this one stream from the owner's key and a random salt. So a stream of
any size is written and read in constant memory, and no nonce is used twice.

    header: version (1 byte), salt (32 bytes)
    chunk:  64 KiB of data, or less in the last one, and 16 bytes of tag
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
    """Sealed bytes were changed, cut or reordered, or are not under this key for this purpose."""


def seal(key: bytes, context: bytes, data: bytes) -> bytes:
    """A small value sealed under a key, bound to its context: a random nonce, then AES-256-GCM."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, context)


def unseal(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """The value that `seal` sealed with the same key and context. Raises SealBroken if it is not that."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("the sealed value does not open") from error


class Sealer:
    """Seals one stream: the bytes of `update` and then `finish`."""

    def __init__(self, key: bytes, context: bytes) -> None:
        salt = os.urandom(SALT_BYTES)
        self._cipher = _stream_cipher(key, salt, context)
        self._head = VERSION + salt
        self._pending = bytearray()
        self._number = 0

    def update(self, data: bytes) -> bytes:
        """The next sealed bytes, after `data`."""
        self._pending += data
        sealed = [self._take_head()]
        # a full chunk is held back until more comes, since the last one is marked as such
        while len(self._pending) > CHUNK_BYTES:
            chunk = bytes(self._pending[:CHUNK_BYTES])
            del self._pending[:CHUNK_BYTES]
            sealed.append(self._cipher.encrypt(_nonce(self._number, _MORE), chunk, None))
            self._number += 1
        return b"".join(sealed)

    def finish(self) -> bytes:
        """The last sealed bytes."""
        last = self._cipher.encrypt(_nonce(self._number, _LAST), bytes(self._pending), None)
        return self._take_head() + last

    def _take_head(self) -> bytes:
        head, self._head = self._head, b""
        return head


class Opener:
    """Opens one sealed stream: the data of `update` and then `finish`. Raises SealBroken.

    Data is only whole once `finish` has returned: until then the stream may still prove cut. With `first_chunk` the
    stream is entered there: the header must come first all the same.
    """

    def __init__(self, key: bytes, context: bytes, first_chunk: int = 0) -> None:
        self._key, self._context = key, context
        self._cipher: AESGCM | None = None
        self._pending = bytearray()
        self._number = first_chunk

    def update(self, sealed: bytes) -> bytes:
        """The next bytes of data."""
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
        """The last bytes of data."""
        return self.close_at(last=True)

    def close_at(self, *, last: bool) -> bytes:
        """The data of the chunk that the given bytes ended with, which must be the stream's last or must not be."""
        if self._cipher is None:
            raise SealBroken("the sealed stream is cut")
        return self._open(bytes(self._pending), _LAST if last else _MORE)

    def _read_header(self) -> None:
        if self._pending[:1] != VERSION:
            raise SealBroken("the sealed stream is of an unknown version")
        self._cipher = _stream_cipher(self._key, bytes(self._pending[1:HEADER_BYTES]), self._context)
        del self._pending[:HEADER_BYTES]

    def _open(self, chunk: bytes, mark: bytes) -> bytes:
        assert self._cipher is not None
        try:
            data = self._cipher.decrypt(_nonce(self._number, mark), chunk, None)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("the sealed stream was cut or changed, or is another one") from error
        self._number += 1
        return data


def sealed_stream(key: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A stream, sealed."""
    sealer = Sealer(key, context)
    for chunk in chunks:
        yield sealer.update(chunk)
    yield sealer.finish()


def opened_stream(key: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A sealed stream, opened. Raises SealBroken at the latest at its end."""
    opener = Opener(key, context)
    for chunk in chunks:
        yield opener.update(chunk)
    yield opener.finish()


def sealed_size(size: int) -> int:
    """The bytes that a stream of `size` bytes takes when sealed."""
    chunks = max(1, -(-size // CHUNK_BYTES))
    return HEADER_BYTES + size + chunks * TAG_BYTES


def sealed_offset(chunk: int) -> int:
    """Where a chunk begins in the sealed stream."""
    return HEADER_BYTES + chunk * SEALED_CHUNK_BYTES


def _stream_cipher(key: bytes, salt: bytes, context: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"privateshare stream 1\0" + context).derive(key))


def _nonce(number: int, mark: bytes) -> bytes:
    return number.to_bytes(NONCE_BYTES - 1, "big") + mark
