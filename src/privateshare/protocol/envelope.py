"""Streaming encryption of the files that are sent to apps. Protocol 6.5, and 14 (b) for v1.6.

An envelope starts with a fresh AES key, encrypted with RSA-OAEP (SHA-1), which takes as many bytes as the RSA key has:
256 for 2048 bits. 16 bytes of IV follow, then the data, encrypted with AES-256-CBC and PKCS#7 padding.
"""

import hashlib
import hmac
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from privateshare.errors import FileDecryptionError, FileIntegrityError

CONTENT_KEY_BYTES = 32
BLOCK_BYTES = 16
# Only these ASCII characters can produce "+" or "/" in base64. With them escaped, base64 and base64url of a JSON text
# are the same.
BASE64_SAFE = {ord(character): f"\\u{ord(character):04x}" for character in ">?~\x7f"}
SHA512_BYTES = 64


def _oaep() -> OAEP:
    # The protocol requires SHA-1. It is safe in OAEP, which does not rely on collision resistance.
    return OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303


class EnvelopeWriter:
    """Encrypts one file to a public key. The results of `update` and then `finish` make up the envelope.

    With `digest`, the SHA-512 of all the data, the envelope has the format of v1.6 (protocol 14 (b)), otherwise of
    v1.7.
    """

    def __init__(self, key: RSAPublicKey, digest: bytes | None = None) -> None:
        content_key, iv = os.urandom(CONTENT_KEY_BYTES), os.urandom(BLOCK_BYTES)
        self._encryptor = Cipher(AES256(content_key), CBC(iv)).encryptor()
        self._padder = block_padding.PKCS7(BLOCK_BYTES * 8).padder()
        self._head = key.encrypt(content_key, _oaep()) + iv
        if digest is not None:
            self._head += self._encryptor.update(self._padder.update(digest))

    def update(self, data: bytes) -> bytes:
        """Encrypt the next bytes of the data."""
        head, self._head = self._head, b""
        return head + self._encryptor.update(self._padder.update(data))

    def finish(self) -> bytes:
        """Return the last bytes of the envelope."""
        head, self._head = self._head, b""
        return head + self._encryptor.update(self._padder.finalize()) + self._encryptor.finalize()


class EnvelopeReader:
    """Decrypts one envelope. The results of `update` and then `finish` make up the data.

    With `legacy`, the SHA-512 that precedes the data is removed and checked (protocol 14 (b)). `update` and `finish`
    raise FileDecryptionError if the file was encrypted to another key, and FileIntegrityError if it was truncated or
    changed.
    """

    def __init__(self, key: RSAPrivateKey, *, legacy: bool = False) -> None:
        self._key = key
        self._key_bytes = key.key_size // 8
        self._pending = bytearray()
        self._decryptor: Any = None
        self._unpadder = block_padding.PKCS7(BLOCK_BYTES * 8).unpadder()
        self._digest = bytearray() if legacy else None
        self._hash = hashlib.sha512() if legacy else None

    def update(self, data: bytes) -> bytes:
        """Decrypt the next bytes of the envelope."""
        if self._decryptor is None:
            self._pending += data
            if len(self._pending) < self._key_bytes + BLOCK_BYTES:
                return b""
            data = self._open_head()
        return self._checked(self._unpadder.update(self._decryptor.update(data)))

    def finish(self) -> bytes:
        """Return the last bytes of the data, after checking that the envelope is complete."""
        if self._decryptor is None:
            raise FileIntegrityError(f"the encrypted file ends after {len(self._pending)} bytes")
        try:
            last = self._unpadder.update(self._decryptor.finalize()) + self._unpadder.finalize()
        except ValueError as error:
            raise FileIntegrityError(
                "the encrypted file is truncated or changed, or was encrypted to another key"
            ) from error
        data = self._checked(last)
        if (
            self._digest is not None
            and self._hash is not None
            and not hmac.compare_digest(self._digest, self._hash.digest())
        ):
            raise FileIntegrityError("the decrypted data differs from what was encrypted: its SHA-512 does not match")
        return data

    def _open_head(self) -> bytes:
        head = bytes(self._pending)
        iv_end = self._key_bytes + BLOCK_BYTES
        try:
            content_key = self._key.decrypt(head[: self._key_bytes], _oaep())
        except ValueError as error:
            raise FileDecryptionError("the file is not encrypted to this private key") from error
        if len(content_key) != CONTENT_KEY_BYTES:
            raise FileDecryptionError("the file's key has the wrong length")
        self._decryptor = Cipher(AES256(content_key), CBC(head[self._key_bytes : iv_end])).decryptor()
        self._pending.clear()
        return head[iv_end:]

    def _checked(self, data: bytes) -> bytes:
        if self._digest is None or self._hash is None:
            return data
        missing = SHA512_BYTES - len(self._digest)
        if missing:
            self._digest += data[:missing]
            data = data[missing:]
        self._hash.update(data)
        return data


def encrypt_stream(chunks: Iterable[bytes], key: RSAPublicKey, digest: bytes | None = None) -> Iterator[bytes]:
    """Encrypt a stream of data, as `EnvelopeWriter` does."""
    writer = EnvelopeWriter(key, digest)
    for chunk in chunks:
        yield writer.update(chunk)
    yield writer.finish()


def decrypt_stream(chunks: Iterable[bytes], key: RSAPrivateKey, *, legacy: bool = False) -> Iterator[bytes]:
    """Decrypt a stream, as `EnvelopeReader` does, with the same errors."""
    reader = EnvelopeReader(key, legacy=legacy)
    for chunk in chunks:
        yield reader.update(chunk)
    yield reader.finish()


def encode_metadata(metadata: Mapping[str, object]) -> str:
    """Encode the header `X-Metadata` as base64url of JSON. Protocol 6.3.

    The result is also valid base64, because the Android client decodes it as that.
    """
    text = json.dumps(metadata, separators=(",", ":")).translate(BASE64_SAFE)
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_metadata(header: str) -> dict[str, Any]:
    """Decode the header `X-Metadata`: base64 or base64url, with or without padding.

    Raises:
        FileIntegrityError: It does not hold a JSON object.
    """
    text = header.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        metadata = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise FileIntegrityError("the header X-Metadata is not base64url of JSON") from error
    if not isinstance(metadata, dict):
        raise FileIntegrityError("the header X-Metadata does not hold a JSON object")
    return metadata
