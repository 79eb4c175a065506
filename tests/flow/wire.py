"""A client of the protocol made of nothing but HTTP and hand-made JWTs: what the tests of the wire speak with."""

import json
import secrets
import string
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.patience import GIVE_UP_SECONDS

CHARACTERS = string.ascii_letters + string.digits
REDIRECT_URI = "https://app.example/return?kept=1"


def b64(data: bytes) -> str:
    """Encode bytes as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes of base64url, padded or not."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def nonce() -> str:
    """Make a new nonce of 32 characters [A-Za-z0-9]."""
    return "".join(secrets.choice(CHARACTERS) for _ in range(32))


def ps512(header: dict[str, Any], claims: dict[str, Any], key: RSAPrivateKey) -> str:
    """Sign a JWT by RFC 7515 and RFC 7518 3.5, step by step."""
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    pss = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
    return f"{signing_input}.{b64(key.sign(signing_input.encode(), pss, hashes.SHA512()))}"


@dataclass
class Tokens:
    """What an exchange gave."""

    access: str
    refresh: str
    claims: dict[str, Any]


@dataclass
class Wire:
    """One contract of one application, talking to a platform at `origin`."""

    origin: str
    application_id: str
    contract_id: str
    key: RSAPrivateKey
    version: str = "v1.7"
    http: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=GIVE_UP_SECONDS))

    @property
    def client_id(self) -> str:
        return f"{self.application_id}_{self.contract_id}"

    def url(self, path: str) -> str:
        return f"{self.origin}/{self.version}/{path}"

    def jwt(self, *, key: RSAPrivateKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Make a request's JWT of the common claims of protocol 2.2 and `claims`, where None removes a claim."""
        common = {"client_id": self.client_id, "nonce": nonce(), "timestamp": time.time() * 1000}
        merged = {name: value for name, value in (common | claims).items() if value is not None}
        return ps512(header or {"alg": "PS512", "typ": "JWT"}, merged, key or self.key)

    def call(
        self,
        method: str,
        path: str,
        *,
        jwt: str | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
        **claims: Any,
    ) -> httpx2.Response:
        """Send a request with a new JWT, or with the given one."""
        token = jwt if jwt is not None else self.jwt(**claims)
        sent = {"Authorization": f"Bearer {token}"} | (headers or {})
        if body is not None:
            content, sent = json.dumps(body).encode(), {"Content-Type": "application/json"} | sent
        return self.http.request(method, self.url(path), headers=sent, content=content)

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        return self.call("POST", path, **options)

    def signed(self, response: httpx2.Response) -> dict[str, Any]:
        """Verify a response's `token` with the key set, and return its claims. Protocol 3."""
        header, payload, signature = response.json()["token"].split(".")
        fields = json.loads(unb64(header))
        assert fields["alg"] == "PS512"
        keys = self.http.get(fields["jku"]).json()["keys"]
        pem = next(entry["pem"] for entry in keys if entry["kid"] == fields["kid"])
        public = load_pem_public_key(pem.encode())
        assert isinstance(public, RSAPublicKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
        public.verify(unb64(signature), f"{header}.{payload}".encode(), pss, hashes.SHA512())
        claims: dict[str, Any] = json.loads(unb64(payload))
        return claims

    def authorize(self, verifier: str, body: Any = None, **claims: Any) -> httpx2.Response:
        """Send the pre-authorization call of protocol 4.1."""
        fixed = {
            "code_challenge": b64(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "redirect_uri": REDIRECT_URI,
            "response_mode": "query",
            "response_type": "code",
            "state": "the state",
        }
        return self.post("oauth/authorize", body=body, **(fixed | claims))

    def exchange(self, code: str, verifier: str, **claims: Any) -> httpx2.Response:
        """Send the code exchange of protocol 4.2."""
        fixed = {"code": code, "code_verifier": verifier, "grant_type": "authorization_code"}
        return self.post("oauth/token", **(fixed | claims))

    def refresh(self, refresh_token: str, **claims: Any) -> httpx2.Response:
        """Send the refresh of protocol 4.3."""
        return self.post("oauth/token", **({"refresh_token": refresh_token, "grant_type": "refresh_token"} | claims))

    def tokens(self, response: httpx2.Response) -> Tokens:
        """Return the tokens of an exchange or a refresh that worked."""
        assert response.status_code == 200, response.text
        claims = self.signed(response)
        return Tokens(claims["access_token"]["value"], claims["refresh_token"]["value"], claims)


def unsealed(sealed: bytes, key: RSAPrivateKey, *, legacy: bool = False) -> bytes:
    """Decrypt an envelope step by step, as protocol 6.5 says, and 14 (b) for the older format."""
    assert len(sealed) >= (352 if legacy else 288)
    assert len(sealed) % 16 == 0
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    content_key, iv = key.decrypt(sealed[:256], oaep), sealed[256:272]
    decryptor = Cipher(AES256(content_key), CBC(iv)).decryptor()
    unpadder = PKCS7(128).unpadder()
    data = unpadder.update(decryptor.update(sealed[272:]) + decryptor.finalize()) + unpadder.finalize()
    if legacy:
        assert data[:64] == sha512(data[64:]).digest()
        return data[64:]
    return data


def verifier() -> str:
    """Return a code verifier as clients send it: base64url of 32 random characters."""
    return b64(nonce().encode())


def query_of(url: str) -> dict[str, str]:
    """Return the query parameters of a URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def check_error(response: httpx2.Response, status: int, code: str) -> str:
    """Checks an error against protocol 13, body and headers, and gives its message."""
    assert response.status_code == status, response.text
    told = response.json()["error"]
    assert told["code"] == code, told
    assert set(told) == {"code", "message", "reference"}
    assert told["reference"] == response.headers["x-request-id"] == response.headers["x-error-reference"]
    assert response.headers["x-error-code"] == code
    assert response.headers["x-error-message"] == told["message"]
    assert "Traceback" not in response.text
    return str(told["message"])
