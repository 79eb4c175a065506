"""Calls that push files into a library, by hand-made requests."""

from typing import Any

from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from tests.flow.wire import Wire, ps512

IMPORT = "permission-access/import"


def descriptor(wire: Wire, **metadata: Any) -> dict[str, str]:
    """Return the header FileDescriptor of protocol 10.1."""
    told = {"mimeType": "text/plain", "accounts": [{"accountId": "my account"}]} | metadata
    return {"FileDescriptor": ps512({"alg": "PS512", "typ": "JWT"}, {"metadata": told}, wire.key)}


def sealed(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-256-CBC as the older clients do it."""
    padder = block_padding.PKCS7(128).padder()
    encryptor = Cipher(AES256(key), CBC(iv)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
