"""JWTs of requests and responses. PS512 is the only algorithm. Protocol 2 and 3."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA512
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from privateshare.errors import ConfigurationError, InvalidJWT

ALGORITHM = "PS512"
MIN_KEY_BITS = 2048  # Protocol 2.1.
INVALID_SIGNATURE = "The JWT signature is invalid"
MAX_TOKEN_CHARACTERS = 32_768  # JWTs of clients have a few hundred characters.
MAX_HEADER_CHARACTERS = 4096
KEPT_HEADERS = 256  # All JWTs of a client have the same header.

_PADDING = PSS(MGF1(SHA512()), SHA512.digest_size)
_REGISTRY = jws.JWSRegistry(algorithms=[ALGORITHM])

Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """A JWT that says it is signed with PS512. Whether its signature is valid is not known: see `verify`.

    Parsing takes as long as a third of verifying, so the platform parses the token of a request only once.
    """

    text: str = field(repr=False)
    header: Claims
    unverified_claims: Claims = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def signed_bytes(self) -> bytes:
        """Return what the signature signs: the header and the payload as they are in the text."""
        return self.text.rpartition(".")[0].encode()


def load_private_key(pem: str | bytes, *, trusted: bool = False) -> RSAPrivateKey:
    """Load an RSA private key from PEM (PKCS#1 or PKCS#8, without a password).

    Args:
        pem: The key in PEM form.
        trusted: Skip the validation of the key's numbers, which takes 100 ms. Only for keys that the platform
            generated itself and kept encrypted since.

    Raises:
        ConfigurationError: The text is not an RSA private key of 2048 bits or more.
    """
    data = pem.encode() if isinstance(pem, str) else pem
    try:
        key = serialization.load_pem_private_key(data, password=None, unsafe_skip_rsa_key_validation=trusted)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the private key is not an RSA private key in PEM form without a password") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(f"the private key must be RSA with {MIN_KEY_BITS} bits or more (protocol 2.1)")
    return key


def load_public_key(pem: str | bytes) -> RSAPublicKey:
    """Load an RSA public key from PEM (PKCS#1 or SubjectPublicKeyInfo).

    Raises:
        ConfigurationError: The text is not an RSA public key of 2048 bits or more.
    """
    data = pem.encode() if isinstance(pem, str) else pem
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError("the public key is not an RSA public key in PEM form") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_KEY_BITS:
        raise ConfigurationError(f"the public key must be RSA with {MIN_KEY_BITS} bits or more (protocol 2.1)")
    return key


def request_claims(
    client_id: str, *, nonce: str, timestamp: float, access_token: str | None = None, **more: object
) -> Claims:
    """Build the claims of a request, without those that are None. Protocol 2.2.

    Args:
        client_id: `{application id}_{contract id}`.
        nonce: 32 characters of A-Z, a-z, 0-9.
        timestamp: Milliseconds since the Unix epoch.
        access_token: The user's access token, if the call acts for a user.
        more: Additional claims of this call.
    """
    claims = {"client_id": client_id, "nonce": nonce, "timestamp": timestamp, "access_token": access_token, **more}
    return {name: value for name, value in claims.items() if value is not None}


def sign(key: RSAPrivateKey, claims: Mapping[str, object], **header: str) -> str:
    """Sign claims as a compact JWT with PS512; `typ` is JWT unless `header` changes it. Protocol 2.1, 3.1, 11.2."""
    # joserfc's serializer looks up and checks the key and its algorithm each time, for a tenth of what signing takes.
    signed = b".".join(_encode(part) for part in ({"alg": ALGORITHM, "typ": "JWT", **header}, claims))
    signature = key.sign(signed, _PADDING, SHA512())
    return b".".join((signed, urlsafe_b64encode(signature))).decode()


def _encode(part: Mapping[str, object]) -> bytes:
    return urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode())


def parse(token: str) -> ParsedToken:
    """Parse a JWT without checking its signature.

    Raises:
        InvalidJWT: The text is not a JWT, its `alg` is not PS512, or it names critical extensions.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise InvalidJWT(f"The JWT has more than {MAX_TOKEN_CHARACTERS} characters")
    try:
        first, second, third = token.encode("ascii").split(b".")
        header, payload = _read_header(first), urlsafe_b64decode(second)
    except (ValueError, RecursionError) as error:
        raise InvalidJWT("The bearer token is not a JWT") from error
    claims = _claims(payload)
    _check_header(header)
    try:
        signature = urlsafe_b64decode(third)
    except ValueError as error:
        raise InvalidJWT(INVALID_SIGNATURE) from error
    return ParsedToken(token, header, claims, signature)


def verify(token: str | ParsedToken, key: RSAPublicKey) -> Claims:
    """Check a JWT's signature and return its claims. Protocol 2.1.

    Raises:
        InvalidJWT: The text is not a JWT, its algorithm is not PS512, or the signature does not match the key.
    """
    parsed = parse(token) if isinstance(token, str) else token
    try:
        _REGISTRY.check_header(parsed.header)
        key.verify(parsed.signature, parsed.signed_bytes, _PADDING, SHA512())
    except (JoseError, InvalidSignature, ValueError) as error:
        raise InvalidJWT(INVALID_SIGNATURE) from error
    return parsed.unverified_claims


def read_header(token: str) -> Claims:
    """Return the header of a JWT without checking its signature. Raises what `parse` raises."""
    return parse(token).header


def read_unverified(token: str) -> Claims:
    """Return the claims of a JWT WITHOUT checking its signature. Use them only to find the key to check it with."""
    return parse(token).unverified_claims


@lru_cache(KEPT_HEADERS)
def _read_header(segment: bytes) -> Claims:
    """Decode the header of a JWT. Raises ValueError if it is not a JSON object."""
    if len(segment) > MAX_HEADER_CHARACTERS:
        raise ValueError(f"the header has more than {MAX_HEADER_CHARACTERS} characters")
    header = json.loads(urlsafe_b64decode(segment))
    if not isinstance(header, dict):
        raise ValueError("the header is not a JSON object")
    return header


def _check_header(header: Claims) -> None:
    if header.get("alg") != ALGORITHM:
        raise InvalidJWT(f"The JWT must be signed with {ALGORITHM}")
    if "crit" in header:
        raise InvalidJWT("The JWT header names critical extensions (crit); this platform supports none")


def _claims(payload: bytes) -> Claims:
    try:
        claims = json.loads(payload)
        # A lone surrogate is valid in JSON but cannot be encoded as UTF-8 later, so it is rejected here.
        json.dumps(claims, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidJWT("The JWT payload is not JSON") from error
    if not isinstance(claims, dict):
        raise InvalidJWT("The JWT payload is not a JSON object")
    return claims


def key_set_entry(key: RSAPublicKey, kid: str) -> dict[str, str]:
    """Build one entry of the platform's key set.

    `pem` is PKCS#1, as the iOS client reads no other form. Protocol 3.2.
    """
    numbers = RSAKey.import_key(key).as_dict(private=False)
    return {
        "kty": "RSA",
        "kid": kid,
        "alg": ALGORITHM,
        "use": "sig",
        "n": str(numbers["n"]),
        "e": str(numbers["e"]),
        "pem": public_pem(key),
    }


def public_pem(key: RSAPublicKey) -> str:
    """Encode a public key as PKCS#1 PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1).decode()


def private_pem(key: RSAPrivateKey) -> str:
    """Encode a private key as PKCS#1 PEM, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
