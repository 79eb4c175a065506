"""The platform's public keys. Protocol 3."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from privateshare.platform.http.requests import count_unsigned
from privateshare.platform.http.transaction import Transaction
from privateshare.platform.keys.signing import KEY_SET_CACHE_SECONDS, key_set
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["keys"])


class Key(Wire):
    """An RSA public key. `pem` is PKCS#1."""

    kty: str
    kid: str
    alg: str
    use: str
    n: str
    e: str
    pem: str


class KeySet(Wire):
    """The keys that responses are signed with, the newest first."""

    keys: list[Key]


@router.get("/jwks/oauth", response_model=KeySet, dependencies=[Depends(count_unsigned)])
async def oauth_keys(response: Response, db: Transaction) -> dict[str, Any]:
    """Return the keys to verify the platform's signatures with. Protocol 3.2."""
    response.headers["cache-control"] = f"public, max-age={KEY_SET_CACHE_SECONDS}"
    return await key_set(db)
