"""Calls of storage, by hand-made requests."""

import time
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.flow.wire import Wire, ps512


def bearer(wire: Wire, key: RSAPrivateKey | None = None, **claims: Any) -> str:
    """Return the header Authorization of a storage call. Protocol 11.2."""
    now = int(time.time())
    fixed = {"sub": wire.application_id, "iss": wire.contract_id, "aud": "cloud", "iat": now, "exp": now + 60}
    header = {"typ": "at+jwt", "alg": "PS512", "kid": f"{wire.contract_id}_{wire.application_id}_0"}
    return f"Bearer {ps512(header, fixed | claims, key or wire.key)}"


def cloud(wire: Wire, method: str, storage: str, path: str, *, content: Any = None, **more: Any) -> httpx2.Response:
    """Return a storage call of protocol 11.2; content that comes in pieces goes out in chunks."""
    authorization = bearer(wire, more.pop("key", None), **more.pop("claims", {}))
    url = f"{wire.origin}/cloud/v1/clouds/{storage}/files/apps/{more.pop('application', wire.application_id)}{path}"
    headers = {"Authorization": authorization} | more.pop("headers", {})
    return wire.http.request(method, url, headers=headers, content=content)


def multipart(parts: list[tuple[str, str | None, bytes]]) -> bytes:
    """Return a form by RFC 7578: name, file name, content of each part."""
    body = b""
    for name, filename, content in parts:
        named = f'name="{name}"' + (f'; filename="{filename}"' if filename else "")
        body += f"--the-boundary\r\nContent-Disposition: form-data; {named}\r\n\r\n".encode() + content + b"\r\n"
    return body + b"--the-boundary--\r\n"
