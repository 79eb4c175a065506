"""Consent receipts: what is signed, and how anybody verifies it without the platform. Protocol 15.2.

A receipt is a JSON-LD document with a signature over the SHA-256 of the rest. It has exactly one encoding, so every
change of a single byte shows, even one of a space.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from privateshare.errors import ConfigurationError, InvalidJWT
from privateshare.protocol import jwt

TYPE = "privateshare-receipt+jwt"
PROOF, KEY, AGREED, DIGEST = "ps:proof", "ps:signedWith", "ps:agreed", "ps:agreedDigest"
NAMESPACE = "urn:privateshare:receipt:1#"
MAX_BYTES = 4 * 1024 * 1024

Document = dict[str, Any]


class ReceiptRefused(Exception):
    """The file is not a receipt as a platform signed it. The text says why."""


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """A receipt that was not changed since the key that it names signed it.

    Attributes:
        document: Its content.
        kid: The id of the key.
        key: The key, as the receipt itself says. Whose it is has to be checked elsewhere.
    """

    document: Document
    kid: str
    key: RSAPublicKey


def encode_document(document: Mapping[str, Any]) -> bytes:
    """Encode a document in the only way that is valid: sorted names, indented by two spaces, as UTF-8."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document, in hexadecimal digits."""
    return sha256(encode_document(document)).hexdigest()


def sign_receipt(
    document: Mapping[str, Any], key: Mapping[str, str], sign: Callable[[Mapping[str, object], str], str]
) -> bytes:
    """Add the digest of what was agreed, the public key and the signature to a receipt, and encode it.

    Args:
        document: The receipt's content, with what was agreed.
        key: The public key, as in the platform's key set.
        sign: Signs claims as a JWT of a type.
    """
    named = {name: key[name] for name in ("kty", "kid", "alg", "n", "e")}
    unsigned = {**document, DIGEST: f"sha-256:{digest_of(document[AGREED])}", KEY: named}
    return encode_document({**unsigned, PROOF: sign({"sha256": digest_of(unsigned)}, TYPE)})


def check_receipt(content: bytes) -> CheckedReceipt:
    """Check that a receipt was not changed since it was signed with the key that it names itself.

    This does not say whose key that is: `has_key` compares it with a key set. Raises ReceiptRefused.
    """
    document = _parse(content)
    proof, named = document.get(PROOF), document.get(KEY)
    if not isinstance(proof, str) or not isinstance(named, dict):
        raise ReceiptRefused("it has no signature")
    unsigned = {name: value for name, value in document.items() if name != PROOF}
    key = _public_key(named)
    _check_encoding(proof)
    try:
        header, claims = jwt.read_header(proof), jwt.verify(proof, key)
    except InvalidJWT as error:
        raise ReceiptRefused(f"the signature is not valid: {error.message}") from error
    if header.get("typ") != TYPE or header.get("kid") != named.get("kid"):
        raise ReceiptRefused("the signature is not one of a receipt")
    if claims != {"sha256": digest_of(unsigned)}:
        raise ReceiptRefused("it was changed after it was signed")
    if document.get(DIGEST) != f"sha-256:{digest_of(document.get(AGREED) or {})}":
        raise ReceiptRefused("the digest of what was agreed does not match")
    return CheckedReceipt(document, str(named["kid"]), key)


def has_key(receipt: CheckedReceipt, key_set: Mapping[str, Any]) -> bool:
    """Return whether the key that signed a receipt is one of a key set (protocol 3.2)."""
    entries = key_set.get("keys")
    listed = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    for entry in listed:
        if entry.get("kid") == receipt.kid:
            try:
                return _public_key(entry).public_numbers() == receipt.key.public_numbers()
            except ReceiptRefused:
                return False
    return False


def _parse(content: bytes) -> Document:
    if len(content) > MAX_BYTES:
        raise ReceiptRefused(f"it has more than {MAX_BYTES} bytes")
    try:
        document = json.loads(content.decode())
        encoded = encode_document(document)
    except (ValueError, RecursionError) as error:
        raise ReceiptRefused("it is not a JSON document") from error
    if not isinstance(document, dict):
        raise ReceiptRefused("it is not a JSON object")
    if encoded != content:
        raise ReceiptRefused("it is not encoded as receipts are, so it was changed")
    return document


def _public_key(entry: Mapping[str, Any]) -> RSAPublicKey:
    try:
        key = RSAKey.import_key({"kty": "RSA", "n": str(entry["n"]), "e": str(entry["e"])}).public_key
        if _b64(_unb64(str(entry["n"]))) != entry["n"] or _b64(_unb64(str(entry["e"]))) != entry["e"]:
            raise ReceiptRefused("its key is not encoded as keys are")
        return jwt.load_public_key(jwt.public_pem(key))
    except (KeyError, ValueError, TypeError, JoseError, ConfigurationError) as error:
        raise ReceiptRefused("it has no valid key") from error


def _check_encoding(token: str) -> None:
    """Check that no other text stands for the same signature: the last character has bits that do not count."""
    try:
        same = all(_b64(_unb64(part)) == part for part in token.split("."))
    except ValueError:
        same = False
    if not same:
        raise ReceiptRefused("the signature is not encoded as signatures are")


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
