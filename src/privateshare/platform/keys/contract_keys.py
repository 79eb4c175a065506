"""The keys that a contract's requests may be signed with: its own, and for a while the one that it had before."""

from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from privateshare.errors import InvalidJWT
from privateshare.platform.db.tables import ContractRow
from privateshare.platform.keys.known_keys import KnownKeys
from privateshare.protocol import jwt


def valid_keys(contract: ContractRow, now: datetime) -> Sequence[str]:
    """Return the public keys (PEM) of a contract that are valid now, the current one first."""
    previous, until = contract.previous_public_key, contract.previous_key_until
    if previous is None or until is None or until <= now:
        return [contract.public_key]
    return [contract.public_key, previous]


def verify_signature(
    known_keys: KnownKeys,
    contract: ContractRow,
    token: str | jwt.ParsedToken,
    now: datetime,
    verified_by: RSAPublicKey | None = None,
) -> tuple[jwt.Claims, str]:
    """Verify that a contract signed a JWT, and return its claims and the public key that it was signed for.

    What is sent back is encrypted to that key, because it is the one that the app has.

    Args:
        known_keys: The cache of parsed keys.
        contract: The contract.
        token: The JWT.
        now: The current time.
        verified_by: The key with which the signature was verified before, if it was.

    Raises:
        InvalidJWT: No valid key of the contract fits the signature.
    """
    keys, parsed = valid_keys(contract, now), jwt.parse(token) if isinstance(token, str) else token
    for pem in keys:
        if known_keys.load(pem) is verified_by:
            return parsed.unverified_claims, pem
    for pem in keys[:-1]:
        try:
            return jwt.verify(parsed, known_keys.load(pem)), pem
        except InvalidJWT:
            continue  # The app may still sign with the other key.
    return jwt.verify(parsed, known_keys.load(keys[-1])), keys[-1]


def legacy_key(contract: ContractRow, now: datetime) -> str:
    """Return the key to encrypt to for an app that signs nothing: the previous one for as long as it is valid."""
    return valid_keys(contract, now)[-1]
