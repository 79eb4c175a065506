"""OAuth of the AT Protocol, as https://atproto.com/specs/oauth describes it, at one server with a repository."""

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any

from joserfc import jws, jwt
from joserfc.jwk import ECKey

from privateshare.testing.api_server import Answer, Api, ApiServer, Call
from tests.apis.bluesky import DID, SESSION, bluesky

HANDLE = "ann.example"
MAX_AGE_SECONDS = 60
PUSHED, TOKEN, REVOKE, AUTHORIZE = "/oauth/par", "/oauth/token", "/oauth/revoke", "/oauth/authorize"
PROTECTED = "/.well-known/oauth-protected-resource"
AUTHORIZATION = "/.well-known/oauth-authorization-server"
RESOLVE = "/xrpc/com.atproto.identity.resolveHandle"
CALLS_PER_NONCE = 3


class ProofGuard:
    """Checks the proofs of possession (RFC 9449) of all calls that need one, and changes the nonce every few calls.

    Attributes:
        seen: The ids of proofs that were used.
        keys: The thumbprints of the keys to which tokens are bound.
        sub: The account that tokens are of.
        scope: The scope of tokens; the one that was asked for, if it is None.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.keys: dict[str, str] = {}
        self.sub = DID
        self.scope: str | None = None
        self.key = ""
        self._calls = 0

    @property
    def nonce(self) -> str:
        return f"nonce-{self._calls // CALLS_PER_NONCE}"

    def check(self, server: ApiServer, call: Call) -> tuple[Answer | None, Mapping[str, str]]:
        is_api = call.path.startswith("/xrpc/") and call.path not in server.api.opened
        if not is_api and call.path not in (PUSHED, TOKEN, REVOKE):
            return None, {}
        try:
            claims = self._claims(call)
        except (ValueError, KeyError) as error:
            return (400, {}, {"error": "invalid_dpop_proof", "error_description": str(error)}), {}
        further = {"DPoP-Nonce": self.nonce}
        if claims.get("nonce") != self.nonce:
            refusal = (401, {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}) if is_api else (400, {})
            return (refusal[0], {**refusal[1], **further}, {"error": "use_dpop_nonce"}), {}
        if is_api:
            token = call.headers.get("authorization", "").removeprefix("DPoP ")
            digest = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
            if claims.get("ath") != digest or self.keys.get(token, self.key) != self.key:
                return (401, further, {"error": "invalid_token"}), {}
        self._calls += 1  # The answer has the nonce of this call, so every few calls the next one has to be repeated.
        return None, further

    def _claims(self, call: Call) -> dict[str, Any]:
        proof = call.headers["dpop"]
        header = jwt.decode(proof, key := self._key_of(proof), algorithms=["ES256"]).header
        claims: dict[str, Any] = jwt.decode(proof, key, algorithms=["ES256"]).claims
        if header["typ"] != "dpop+jwt" or "d" in header["jwk"]:
            raise ValueError("not a proof")
        if (claims["htm"], claims["htu"]) != (call.method, call.address + call.path):
            raise ValueError("a proof for another call")
        if claims["jti"] in self.seen or abs(claims["iat"] - time.time()) > MAX_AGE_SECONDS:
            raise ValueError("a proof that was used or is old")
        self.seen.add(claims["jti"])
        self.key = key.thumbprint()
        return claims

    def _key_of(self, proof: str) -> ECKey:
        return ECKey.import_key(jws.extract_compact(proof.encode()).headers()["jwk"])

    def bind(self, token: dict[str, Any]) -> dict[str, Any]:
        """Bind a token to the key of the call that asked for it."""
        self.keys[token["access_token"]] = self.key
        scope = token.get("scope", "atproto") if self.scope is None else self.scope
        return token | {"token_type": "DPoP", "sub": self.sub, "scope": scope}


def description(server: ApiServer, _call: Call) -> Answer:
    at = server.address
    return (
        200,
        {},
        {
            "issuer": at,
            "authorization_endpoint": at + AUTHORIZE,
            "token_endpoint": at + TOKEN,
            "pushed_authorization_request_endpoint": at + PUSHED,
            "revocation_endpoint": at + REVOKE,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["atproto", "transition:generic"],
            "authorization_response_iss_parameter_supported": True,
            "require_pushed_authorization_requests": True,
            "client_id_metadata_document_supported": True,
        },
    )


def resource(server: ApiServer, _call: Call) -> Answer:
    return 200, {}, {"resource": server.address, "authorization_servers": [server.address]}


def resolve(server: ApiServer, call: Call) -> Answer:
    if call.query.get("handle") != HANDLE:
        return 400, {}, {"error": "HandleNotFound"}
    session = server.api.answers[SESSION]
    assert isinstance(session, dict)
    return 200, {}, {"did": session["did"]}


def document(server: ApiServer, _call: Call) -> Answer:
    session = server.api.answers[SESSION]
    assert isinstance(session, dict)
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": server.address}
    return 200, {}, {"id": session["did"], "alsoKnownAs": [f"at://{HANDLE}"], "service": [service]}


def atproto(client_id: str) -> Api:
    """Return a server at which people sign in, and which knows a client without a key."""
    found, guard = bluesky(), ProofGuard()
    found.authorize, found.token, found.revoke, found.pushed = AUTHORIZE, TOKEN, REVOKE, PUSHED
    found.scheme, found.expires, found.wrap_token, found.guard = "DPoP", True, guard.bind, guard.check
    found.client_id, found.client_secret, found.names_issuer = client_id, "", True
    found.expired = (401, {"WWW-Authenticate": 'DPoP error="invalid_token"'}, {"error": "invalid_token"})
    found.opened |= {PROTECTED: resource, AUTHORIZATION: description, RESOLVE: resolve, f"/{DID}": document}
    del found.opened["/xrpc/com.atproto.server.createSession"]
    return found


def guard_of(server: ApiServer) -> ProofGuard:
    check: Any = server.api.guard
    found = check.__self__
    assert isinstance(found, ProofGuard)
    return found
