"""Proving the possession of a key with each request (DPoP, RFC 9449), so that a stolen token is of no use."""

import base64
import hashlib
import secrets
import time
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from privateshare.sources.contract import JsonObject
from privateshare.sources.web import read_object

ALGORITHM, CURVE = "ES256", "P-256"
PROOF_TYPE, SCHEME = "dpop+jwt", "DPoP"
WANTS_NONCE = "use_dpop_nonce"


class NonceMissing(httpx2.TransportError):
    """The server accepted a proof without naming the nonce of the next one, which it must."""


def new_dpop_key() -> JsonObject:
    """Make a private key, as a JWK."""
    return dict(ECKey.generate_key(CURVE).as_dict(private=True))


class DpopTransport(httpx2.BaseTransport):
    """A transport that adds a proof to each request.

    Servers name a nonce that proofs must have. A request without the current nonce is sent once more. This does no
    harm, because a server checks the nonce before it does anything else.
    """

    def __init__(self, inner: httpx2.BaseTransport, key: JsonObject) -> None:
        self._inner, self._key = inner, ECKey.import_key(key)
        self._public: dict[str, Any] = self._key.as_dict(private=False)
        self._nonces: dict[str, str] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and once more if the server wants another nonce. Raises NonceMissing."""
        request.read()
        response = self._send(request)
        if _wants_nonce(response) and self._take_nonce(request, response):
            response.close()
            response = self._send(request)
        if not self._take_nonce(request, response) and response.is_success:
            response.close()
            raise NonceMissing("the server names no nonce")
        return response

    def close(self) -> None:
        """Close all connections."""
        self._inner.close()

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        # The inner transport changes the address to the one that it checked.
        sent = httpx2.Request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.content,
            extensions=dict(request.extensions),
        )
        sent.headers["dpop"] = self._proof(request)
        return self._inner.handle_request(sent)

    def _proof(self, request: httpx2.Request) -> str:
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": request.method,
            "htu": str(request.url.copy_with(query=None, fragment=None)),
            "iat": int(time.time()),
        }
        if (nonce := self._nonces.get(_origin(request))) is not None:
            claims["nonce"] = nonce
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme == SCHEME:
            claims["ath"] = _digest(token)
        header = {"typ": PROOF_TYPE, "alg": ALGORITHM, "jwk": self._public}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def _take_nonce(self, request: httpx2.Request, response: httpx2.Response) -> bool:
        nonce = response.headers.get("dpop-nonce")
        if nonce:
            self._nonces[_origin(request)] = nonce
        return bool(nonce)


def _wants_nonce(response: httpx2.Response) -> bool:
    """Return whether a response asks for another nonce: of a token endpoint, or of an API."""
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        return f'error="{WANTS_NONCE}"' in response.headers.get("www-authenticate", "")
    if response.status_code != httpx2.codes.BAD_REQUEST:
        return False
    response.read()
    return (read_object(response) or {}).get("error") == WANTS_NONCE


def _origin(request: httpx2.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"


def _digest(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
