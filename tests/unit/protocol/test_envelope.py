"""Protocol 6.5 and 14 (b): the encrypted file."""

import hashlib
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given
from hypothesis import strategies as st
from tests.keys import rsa_key

from privateshare.errors import FileDecryptionError, FileIntegrityError
from privateshare.protocol import envelope

KEY, OTHER = rsa_key(), rsa_key(1)
DATA = os.urandom(5000)


def whole(data: bytes = DATA, digest: bytes | None = None) -> bytes:
    return b"".join(envelope.encrypt_stream([data], KEY.public_key(), digest))


def read(sealed: bytes, key: rsa.RSAPrivateKey = KEY, *, legacy: bool = False) -> bytes:
    return b"".join(envelope.decrypt_stream([sealed], key, legacy=legacy))


@pytest.mark.protocol("6.5")
def test_an_independent_implementation_decrypts_the_envelope() -> None:
    """Protocol 6.5 step by step, without our own code."""
    sealed = whole()
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    decryptor = Cipher(AES256(KEY.decrypt(sealed[:256], oaep)), CBC(sealed[256:272])).decryptor()
    unpadder = PKCS7(128).unpadder()
    padded = decryptor.update(sealed[272:]) + decryptor.finalize()
    assert unpadder.update(padded) + unpadder.finalize() == DATA


@pytest.mark.protocol("6.5", "14 (b)")
@given(st.binary(max_size=400), st.lists(st.integers(1, 300), max_size=8), st.booleans())
def test_any_data_in_any_chunks_is_restored(data: bytes, cuts: list[int], legacy: bool) -> None:
    """Wherever the bytes are split on either side."""
    digest = hashlib.sha512(data).digest() if legacy else None
    sealed = b"".join(envelope.encrypt_stream(_pieces(data, cuts), KEY.public_key(), digest))
    assert len(sealed) >= (352 if legacy else 288)
    assert len(sealed) % 16 == 0
    assert b"".join(envelope.decrypt_stream(_pieces(sealed, cuts), KEY, legacy=legacy)) == data


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    return [*pieces, data]


@pytest.mark.protocol("6.5")
def test_two_envelopes_of_the_same_data_differ() -> None:
    """Key and IV are new each time."""
    one, other = whole(), whole()
    assert one[:272] != other[:272]
    assert one[272:288] != other[272:288]


def test_another_private_key_raises_a_decryption_error() -> None:
    """It does not return wrong data."""
    with pytest.raises(FileDecryptionError):
        read(whole(), OTHER)


@pytest.mark.protocol("6.5")
@pytest.mark.parametrize("length", [0, 1, 255, 256, 271, 272, 287, 289, 5000])
def test_a_truncated_envelope_is_detected(length: int) -> None:
    """At any byte."""
    with pytest.raises(FileIntegrityError):
        read(whole()[:length])


@pytest.mark.protocol("14 (b)")
def test_a_changed_legacy_envelope_is_detected() -> None:
    """The SHA-512 before the data is checked."""
    sealed = bytearray(whole(digest=hashlib.sha512(DATA).digest()))
    sealed[2000] ^= 1
    with pytest.raises(FileIntegrityError, match="SHA-512"):
        read(bytes(sealed), legacy=True)


@pytest.mark.protocol("6.3")
@pytest.mark.parametrize("padding_", ["", "=", "=="])
def test_metadata_is_decoded_with_and_without_padding(padding_: str) -> None:
    """It is base64url of JSON, with names in any script."""
    metadata = {"metadata": {"objectType": "plåylist"}, "size": 3}
    assert envelope.decode_metadata(envelope.encode_metadata(metadata) + padding_) == metadata


@pytest.mark.parametrize("header", ["", "%%%", "W10", "bm90IGpzb24"])
def test_metadata_that_is_not_an_object_is_rejected(header: str) -> None:
    """A proxy may have changed the header."""
    with pytest.raises(FileIntegrityError):
        envelope.decode_metadata(header)
