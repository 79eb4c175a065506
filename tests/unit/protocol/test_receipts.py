"""Tests of receipts: what verifies one, and that nobody can change or forge one."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from privateshare.protocol import jwt
from privateshare.protocol.receipts import (
    AGREED,
    DIGEST,
    KEY,
    PROOF,
    TYPE,
    ReceiptRefused,
    check_receipt,
    digest_of,
    encode_document,
    has_key,
    sign_receipt,
)

DOCUMENT: dict[str, Any] = {
    "@id": "urn:uuid:1",
    "dct:description": "Ärzte & „Daten“ \u2067",
    AGREED: {"until": None, "n": 1.5},
}


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def signed(key: RSAPrivateKey, document: dict[str, Any] = DOCUMENT, kid: str = "k1", type_: str = TYPE) -> bytes:
    def sign(claims: Any, _type: str) -> str:
        return jwt.sign(key, claims, kid=kid, typ=type_)

    return sign_receipt(document, jwt.key_set_entry(key.public_key(), kid), sign)


def test_a_receipt_can_be_verified(key: RSAPrivateKey) -> None:
    """It says which key signed it, and the key set says to whom that key belongs."""
    found = check_receipt(signed(key))
    assert found.document["@id"] == "urn:uuid:1"
    assert has_key(found, {"keys": [jwt.key_set_entry(key.public_key(), "k1")]})


def test_every_changed_byte_is_detected(key: RSAPrivateKey) -> None:
    """No byte can be changed, added or removed: in the text, the key, the signature or the spaces."""
    content = signed(key)
    for place in range(len(content)):
        for changed in (
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :],
            content[:place] + content[place + 1 :],
            content[:place] + b" " + content[place:],
        ):
            with pytest.raises(ReceiptRefused):
                check_receipt(changed)
    for changed in (content + b"\n", content[:-1], b"\xef\xbb\xbf" + content, b"", b"null", b"[]", b"{}\n"):
        with pytest.raises(ReceiptRefused):
            check_receipt(changed)


def test_the_unused_bits_of_the_signature_are_checked(key: RSAPrivateKey) -> None:
    """The last character of a signature has bits that decoders ignore."""
    document = json.loads(signed(key))
    for character in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        proof = document[PROOF][:-1] + character
        if proof != document[PROOF]:
            with pytest.raises(ReceiptRefused):
                check_receipt(encode_document({**document, PROOF: proof}))


def test_a_signature_of_another_document_is_rejected(key: RSAPrivateKey) -> None:
    """A head of the log, or another receipt, has a valid signature of the same key."""
    document = json.loads(signed(key))
    other = json.loads(signed(key, {**DOCUMENT, "@id": "urn:uuid:2"}))
    for wrong in (other[PROOF], json.loads(signed(key, type_="JWT"))[PROOF], "x", "", 5, None):
        with pytest.raises(ReceiptRefused):
            check_receipt(encode_document({**document, PROOF: wrong}))


def test_a_wrong_digest_is_rejected(key: RSAPrivateKey) -> None:
    """Not even the platform can sign the digest of something else."""
    document = {name: value for name, value in json.loads(signed(key)).items() if name != PROOF}
    document[DIGEST] = f"sha-256:{'0' * 64}"
    proof = jwt.sign(key, {"sha256": digest_of(document)}, kid="k1", typ=TYPE)
    with pytest.raises(ReceiptRefused, match="digest"):
        check_receipt(encode_document({**document, PROOF: proof}))


def test_a_forged_receipt_does_not_have_the_platforms_key(key: RSAPrivateKey) -> None:
    """A forged receipt contains its own key. Only the key set shows that this is not a key of the platform."""
    forger = generate_private_key(65537, 2048)
    forged = check_receipt(signed(forger))
    real = jwt.key_set_entry(key.public_key(), "k1")
    assert not has_key(forged, {"keys": [real]})
    assert not has_key(forged, {"keys": [{**real, "kid": "other"}]})
    malformed: Any
    for malformed in (
        {},
        {"keys": None},
        {"keys": [1, None, {}]},
        {"keys": [{"kid": "k1"}]},
        {"keys": [{"kid": "k1", "n": "x", "e": "AQAB"}]},
    ):
        assert not has_key(forged, malformed)


def test_another_key_in_a_receipt_is_rejected(key: RSAPrivateKey) -> None:
    """The key in the receipt is signed too."""
    document = json.loads(signed(key))
    stranger = jwt.key_set_entry(generate_private_key(65537, 2048).public_key(), "k1")
    for changed in (
        {**document[KEY], "kid": "k2"},
        {**document[KEY], "more": 1},
        stranger,
        {},
        {**document[KEY], "e": "Aw"},
    ):
        with pytest.raises(ReceiptRefused):
            check_receipt(encode_document({**document, KEY: changed}))
