"""A platform in memory, for the tests of apps: it speaks the protocol on loopback, without a database or a browser.

    def test_my_app(privateshare_platform):
        privateshare_platform.lend("playhistory", [{"entityid": "1", "createddate": 1700000000000}])
        app = privateshare_platform.client()
        asked = app.get_authorize_url("http://127.0.0.1/return")
        returned = app.read_return(privateshare_platform.consent(asked.url))

The fixture comes with `pytest_plugins = ["privateshare.testing"]` in your conftest.py; without pytest, use
`with InMemoryPlatform() as platform`. What it does not know it answers with 404, as the platform does.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from privateshare.errors import (
    ApiError,
    FileNotFound,
    InvalidClient,
    InvalidRequest,
    InvalidSession,
    InvalidToken,
    NotFound,
)
from privateshare.protocol import jwt, pkce
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.envelope import encode_metadata, encrypted
from privateshare.sdk.aclient import AsyncPrivateShare
from privateshare.sdk.client import PrivateShare

KEY_BITS = 2048
HOUR_SECONDS = 3600
APPLICATION, CONTRACT = "testapplication", "testcontract"


@dataclass
class _File:
    object_type: str
    data: bytes
    count: int
    updated: int


@dataclass
class _Journey:
    redirect_uri: str
    state: str
    challenge: str
    code: str = field(default_factory=secrets.token_hex)


@dataclass(frozen=True)
class _Call:
    claims: Mapping[str, Any]
    path: str
    query: Mapping[str, list[str]]


class InMemoryPlatform:
    """One contract, one person, the files that a test lends. Use it with `with`."""

    def __init__(self) -> None:
        self._contract_key = generate_private_key(65537, KEY_BITS)
        self._signing_key = generate_private_key(65537, KEY_BITS)
        self._files: dict[str, _File] = {}
        self._journeys: dict[str, _Journey] = {}
        self._access: set[str] = set()
        self._refresh: set[str] = set()
        self._sessions: set[str] = set()
        self._failures: list[ApiError] = []

    def __enter__(self) -> "InMemoryPlatform":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1.7/"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client(self, **options: Any) -> PrivateShare:
        """The blocking SDK as this platform's contract; `options` are those of `PrivateShare`."""
        return PrivateShare(APPLICATION, **self._settings(), **options)

    def async_client(self, **options: Any) -> AsyncPrivateShare:
        """The asyncio SDK as this platform's contract; `options` are those of `AsyncPrivateShare`."""
        return AsyncPrivateShare(APPLICATION, **self._settings(), **options)

    def lend(self, object_type: str, objects: Sequence[Mapping[str, Any]], name: str | None = None) -> str:
        """Puts a file of objects into the person's library; its name. The same name again replaces it, as newer."""
        chosen = name or f"{object_type}_{len(self._files) + 1}.json"
        updated = max(int(time.time() * 1000), self._files[chosen].updated + 1 if chosen in self._files else 0)
        self._files[chosen] = _File(object_type, json.dumps(list(objects)).encode(), len(objects), updated)
        return chosen

    def consent(self, url: str) -> str:
        """What the person's browser would come back to after they agreed on the consent page at this address."""
        journey = self._journey(url)
        return f"{journey.redirect_uri}?success=true&code={journey.code}&state={journey.state}"

    def decline(self, url: str) -> str:
        """What the person's browser would come back to after they declined."""
        journey = self._journey(url)
        return f"{journey.redirect_uri}?success=false&errorCode=USER_CANCEL&state={journey.state}"

    def fail_next(self, *errors: ApiError) -> None:
        """Answers the next calls with these errors, one each: `TooManyRequests("wait", retry_after=1)`, say."""
        self._failures.extend(errors)

    def expire_access_tokens(self) -> None:
        """Makes every access token invalid; refresh tokens still work."""
        self._access.clear()

    def stop(self) -> None:
        """The person says stop: no token works any more."""
        self._access.clear()
        self._refresh.clear()

    def _settings(self) -> dict[str, Any]:
        pem = jwt.private_pem(self._contract_key)
        return {"contract_id": CONTRACT, "private_key": pem, "base_url": self.base_url}

    def _journey(self, url: str) -> _Journey:
        return self._journeys[parse_qs(urlsplit(url).query)["code"][0]]

    # --- the calls ---

    def _answer(self, method: str, target: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        if self._failures:
            raise self._failures.pop(0)
        parts = urlsplit(target)
        path = parts.path.removeprefix("/v1.7/")
        if path == "jwks/oauth":
            return _json({"keys": [jwt.key_set_entry(self._signing_key.public_key(), "test")]})
        if path == "discovery/services":
            return _json({"data": {"countries": [], "serviceGroups": [], "services": []}})
        call = _Call(self._verified(authorization), path, parse_qs(parts.query))
        if (method, path) in self._routes():
            return self._routes()[method, path](call)
        if path.startswith("permission-access/query/") and method in ("GET", "HEAD"):
            return self._query(call)
        raise NotFound("Not Found")

    def _routes(self) -> dict[tuple[str, str], Callable[[_Call], tuple[int, dict[str, str], bytes]]]:
        return {
            ("POST", "oauth/authorize"): self._authorize,
            ("POST", "oauth/token"): self._token,
            ("POST", "permission-access/trigger"): self._trigger,
            ("GET", "permission-access/accounts"): self._accounts,
            ("DELETE", "user"): self._delete_user,
        }

    def _verified(self, authorization: str) -> Mapping[str, Any]:
        claims = jwt.verify(authorization.removeprefix("Bearer "), self._contract_key.public_key())
        if claims.get("client_id") != f"{APPLICATION}_{CONTRACT}":
            raise InvalidClient(f"The client_id ({claims.get('client_id')}) is invalid")
        return claims

    def _require_user(self, call: _Call) -> None:
        if call.claims.get("access_token") not in self._access:
            raise InvalidToken("The token (access_token) is invalid")

    def _signed(self, claims: Mapping[str, object]) -> str:
        return jwt.sign(self._signing_key, claims, kid="test", jku=f"{self.base_url}jwks/oauth")

    def _new_session(self) -> dict[str, object]:
        key = secrets.token_urlsafe(32)
        self._sessions.add(key)
        return {"key": key, "expiry": int((time.time() + 24 * HOUR_SECONDS) * 1000)}

    def _authorize(self, call: _Call) -> tuple[int, dict[str, str], bytes]:
        code = secrets.token_urlsafe(32)
        claims = call.claims
        self._journeys[code] = _Journey(claims["redirect_uri"], claims.get("state", ""), claims["code_challenge"])
        return _json({"token": self._signed({"preauthorization_code": code}), "session": self._new_session()}, 201)

    def _token(self, call: _Call) -> tuple[int, dict[str, str], bytes]:
        if call.claims.get("grant_type") == "refresh_token":
            if call.claims.get("refresh_token") not in self._refresh:
                raise InvalidToken("The token (refresh_token) is invalid")
        else:
            self._use_code(call)
        access, refresh, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), int(time.time())
        self._access.add(access)
        self._refresh.add(refresh)
        claims = {
            "access_token": {"value": access, "expires_on": now + 24 * HOUR_SECONDS},
            "refresh_token": {"value": refresh, "expires_on": now + 60 * 24 * HOUR_SECONDS},
            "sub": "testperson",
            "identifier": {"id": "testperson"},
            "consentid": "testconsent",
            "token_type": "Bearer",
        }
        return _json({"token": self._signed(claims)})

    def _use_code(self, call: _Call) -> None:
        journeys = {journey.code: journey for journey in self._journeys.values()}
        journey = journeys.get(str(call.claims.get("code")))
        if journey is None:
            raise InvalidToken("The token (code) is invalid")
        if not pkce.verifies(str(call.claims.get("code_verifier")), journey.challenge):
            raise InvalidRequest("The code_verifier does not match the code_challenge")
        journey.code = secrets.token_hex()  # it works once

    def _trigger(self, call: _Call) -> tuple[int, dict[str, str], bytes]:
        self._require_user(call)
        return _json({"session": self._new_session()}, 202)

    def _accounts(self, call: _Call) -> tuple[int, dict[str, str], bytes]:
        self._require_user(call)
        return _json([])

    def _delete_user(self, call: _Call) -> tuple[int, dict[str, str], bytes]:
        self._require_user(call)
        self.stop()
        return _json({})

    def _query(self, call: _Call) -> tuple[int, dict[str, str], bytes]:
        self._require_user(call)
        session, _, name = call.path.removeprefix("permission-access/query/").partition("/")
        if session not in self._sessions:
            raise InvalidSession("The session is invalid")
        if not name:
            entries = [self._entry(name, file) for name, file in self._files.items()]
            return _json({"status": {"state": "completed", "details": {}}, "fileList": entries})
        if name not in self._files:
            raise FileNotFound("There is no such file in this session")
        file = self._files[name]
        header = {
            "metadata": {"objectCount": file.count, "objectType": file.object_type},
            "size": len(file.data),
            "sha256": sha256(file.data).hexdigest(),
        }
        body = b"".join(encrypted([file.data], self._contract_key.public_key()))
        return 200, {"x-metadata": encode_metadata(header), "content-type": "application/octet-stream"}, body

    def _entry(self, name: str, file: _File) -> dict[str, object]:
        known = next((o for o in catalogue().object_types.values() if o.reference == file.object_type), None)
        group = catalogue().service_groups[known.group].reference if known and known.group else "test"
        return {
            "name": name,
            "updatedDate": file.updated,
            "objectType": file.object_type,
            "objectCount": file.count,
            "serviceGroup": group,
            "serviceName": "test",
            "schema": {"standard": "digime", "version": "1.0.0"},
        }


def _json(body: object, status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json"}, json.dumps(body).encode()


def _handler(platform: InMemoryPlatform) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            try:
                answer = platform._answer(self.command, self.path, self.headers.get("authorization", ""))
            except ApiError as error:
                answer = _refusal(error)
            status, headers, body = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: object) -> None:
            """Nothing: requests hold secrets."""

    return Handler


def _refusal(error: ApiError) -> tuple[int, dict[str, str], bytes]:
    told = {"code": error.code, "message": error.message, "reference": secrets.token_hex(8)}
    status, headers, body = _json({"error": told}, error.status)
    headers |= {f"x-error-{name}": value for name, value in told.items()}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return status, headers, body


try:
    import pytest
except ModuleNotFoundError:  # it is only a convenience for those who have it
    pass
else:

    @pytest.fixture
    def privateshare_platform() -> Iterator[InMemoryPlatform]:
        """A platform in memory, for one test."""
        with InMemoryPlatform() as platform:
            yield platform
