"""A web server that speaks an API: OAuth 2 with everything that can go wrong, lists in pages, and faults on demand.

An API is declared as an `Api`: its OAuth endpoints, its answers by path, and its lists with the way in which they are
divided into pages. It runs in a thread of the test, on a real socket.
"""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

Answer = tuple[int, Mapping[str, str], Any]
"""Status, headers, and the content: JSON, or bytes as they are."""

TOKEN_SECONDS = 3600


@dataclass
class Call:
    """A request that arrived. `path` has no query; `given` has the parameters of the query and of the form."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: Mapping[str, str]
    address: str
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def given(self) -> dict[str, str]:
        return self.query | self.form


Paging = Callable[[list[Any], Call], Answer]
"""A function that answers a call with a page of all items."""


@dataclass
class Listed:
    """A list, and how it is divided into pages."""

    items: list[Any]
    paging: Paging


@dataclass
class Api:
    """The declaration of an API.

    Attributes:
        authorize: The path of the authorization endpoint.
        token: The path of the token endpoint.
        revoke: The path of the revocation endpoint.
        register: The path at which clients register (as at Mastodon).
        pushed: The path for pushed authorization requests.
        answers: What paths answer: JSON, or a function of the call.
        lists: The lists by path.
        scheme: What stands before the token.
        rotates: Whether each refresh replaces the refresh token.
        wrap_token: Changes the token response, for APIs that wrap it.
        opened: Further paths that answer without a token, as functions of the server and the call.
        limited: What the API answers if there are too many requests.
        expired: What it answers to a token that it does not accept.
        scope: The scope of tokens; the one that was asked for, if it is None.
        names_issuer: Whether redirects name the server that sent the browser back (RFC 9207).
        guard: Is asked before each call is answered. It returns an answer for a call that it refuses, and further
            headers for the answer to any other.
    """

    authorize: str = "/oauth/authorize"
    token: str = "/oauth/token"  # noqa: S105 - It is a path.
    revoke: str = "/oauth/revoke"
    register: str | None = None
    pushed: str | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, Listed] = field(default_factory=dict)
    scheme: str = "Bearer"
    rotates: bool = True
    expires: bool = True
    wrap_token: Callable[[dict[str, Any]], dict[str, Any]] = lambda token: token
    opened: dict[str, Callable[["ApiServer", Call], Answer]] = field(default_factory=dict)
    limited: Answer = (429, {"Retry-After": "17"}, {"error": "Too many requests"})
    expired: Answer = (401, {}, {"error": "The access token is invalid"})
    scope: str | None = None
    client_id: str = "client"
    client_secret: str = "client-secret"  # noqa: S105 - It protects nothing.
    names_issuer: bool = False
    guard: Callable[["ApiServer", Call], tuple[Answer | None, Mapping[str, str]]] | None = None


Server = TypeVar("Server", bound="ApiServer")


@dataclass
class ApiServer:
    """A running API. `asked` has the calls that arrived, `failures` the answers that come first, by path."""

    api: Api
    address: str = ""
    asked: list[Call] = field(default_factory=list)
    failures: dict[str, list[Answer]] = field(default_factory=dict)
    fails_after: dict[str, int] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    refresh_tokens: set[str] = field(default_factory=set)
    used_refresh_tokens: set[str] = field(default_factory=set)
    references: dict[str, dict[str, str]] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    is_ended: bool = False

    def fail(self, path: str, answer: Answer, times: int = 1, after: int = 0) -> None:
        """Have a path answer something else, after some calls that it answers as usual."""
        self.failures.setdefault(path, []).extend([answer] * times)
        self.fails_after[path] = after

    def expire(self) -> None:
        """Have all access tokens expire."""
        self.tokens.clear()

    def end_grants(self) -> None:
        """Have all grants end, as if the person withdrew access at the provider."""
        self.is_ended = True
        self.tokens.clear()
        self.refresh_tokens.clear()

    def paths(self) -> list[str]:
        return [call.path for call in self.asked]

    # --- answering ---

    def answer(self, call: Call) -> Answer:
        """Answer a call, unless the guard refuses it."""
        if self.api.guard is None:
            return self._answer(call)
        refusal, further = self.api.guard(self, call)
        if refusal is not None:
            return refusal
        status, headers, content = self._answer(call)
        return status, {**headers, **further}, content

    def _answer(self, call: Call) -> Answer:
        self.asked.append(call)
        api, oauth = (
            self.api,
            {
                self.api.authorize: self._authorize,
                self.api.token: self._token,
                self.api.revoke: self._revoke,
                self.api.register: self._register,
                self.api.pushed: self._push,
            },
        )
        failures = self.failures.get(call.path)
        if failures:
            self.fails_after[call.path] = self.fails_after.get(call.path, 0) - 1
            if self.fails_after[call.path] < 0:
                return failures.pop(0)
        if call.path in api.opened:
            return api.opened[call.path](self, call)
        if call.path in oauth:
            return oauth[call.path](call)
        if call.path not in api.answers and call.path not in api.lists:
            return 404, {}, {"error": "not found"}
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != api.scheme or token not in self.tokens:
            return api.expired
        if call.path in api.lists:
            listed = api.lists[call.path]
            return listed.paging(listed.items, call)
        found = api.answers[call.path]
        if callable(found):
            answered: Answer = found(call)
            return answered
        return 200, {}, found

    def _register(self, call: Call) -> Answer:
        client, secret = secrets.token_urlsafe(8), secrets.token_urlsafe(8)
        self.clients[client] = secret
        return 200, {}, {"client_id": client, "client_secret": secret, "name": call.form["client_name"]}

    def _push(self, call: Call) -> Answer:
        if not self.is_client(call):
            return 401, {}, {"error": "invalid_client"}
        reference = f"urn:{secrets.token_urlsafe(8)}"
        self.references[reference] = call.form
        return 201, {}, {"request_uri": reference, "expires_in": 60}

    def _authorize(self, call: Call) -> Answer:
        asked = self.references.pop(call.query["request_uri"]) if "request_uri" in call.query else call.query
        if asked.get("code_challenge_method") != "S256" or not asked.get("code_challenge"):
            return 400, {}, {"error": "invalid_request"}
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        issuer = {"iss": self.address} if self.api.names_issuer else {}
        back = urlencode({"code": code, "state": asked["state"]} | issuer)
        return 302, {"Location": f"{asked['redirect_uri']}?{back}"}, {}

    def is_client(self, call: Call) -> bool:
        known = self.clients | {self.api.client_id: self.api.client_secret}
        client, secret = call.form.get("client_id", ""), call.form.get("client_secret", "")
        if "client_assertion" in call.form:
            return self.is_signed(call.form["client_assertion"])
        if call.headers.get("authorization", "").startswith("Basic "):
            pair = base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()
            client, _, secret = pair.partition(":")
        return known.get(client) == secret

    def is_signed(self, assertion: str) -> bool:
        """Return whether a client's JWT is accepted. Tests of `private_key_jwt` replace it."""
        return bool(assertion) and False

    def _token(self, call: Call) -> Answer:
        if not self.is_client(call):
            return 401, {}, {"error": "invalid_client"}
        scope: str | None = None
        if call.form["grant_type"] == "authorization_code":
            asked = self.codes.pop(call.form.get("code", ""), None)
            challenge = base64.urlsafe_b64encode(
                hashlib.sha256(call.form.get("code_verifier", "").encode()).digest()
            ).rstrip(b"=")
            if asked is None or challenge.decode() != asked["code_challenge"]:
                return 400, {}, {"error": "invalid_grant"}
            scope = self.api.scope or asked.get("scope", "")
        else:
            used = call.form.get("refresh_token", "")
            if used in self.used_refresh_tokens:  # Somebody used it twice: the grant ends.
                self.end_grants()
            if used not in self.refresh_tokens:
                return 400, {}, {"error": "invalid_grant"}
            if self.api.rotates:
                self.refresh_tokens.discard(used)
                self.used_refresh_tokens.add(used)
        token = {"access_token": secrets.token_urlsafe(12), "token_type": "Bearer"}
        self.tokens.add(token["access_token"])
        response: dict[str, Any] = token | ({"scope": scope} if scope else {})
        if self.api.expires:
            response |= {"expires_in": TOKEN_SECONDS, "refresh_token": secrets.token_urlsafe(12)}
            self.refresh_tokens.add(response["refresh_token"])
        return 200, {}, self.api.wrap_token(response)

    def _revoke(self, _: Call) -> Answer:
        self.end_grants()
        return 200, {}, {}


@contextmanager
def running(api: Api) -> Iterator[ApiServer]:
    """Run an API."""
    with serving(ApiServer(api)) as server:
        yield server


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Run a server, which may answer in its own way."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # The content would wait 40 ms for the confirmation of the headers.

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            call = Call(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                dict(parse_qsl(body.decode("utf-8", "replace"))),
                {name.lower(): value for name, value in self.headers.items()},
                server.address,
                body,
            )
            status, headers, content = server.answer(call)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


# --- ways in which lists are divided into pages ---


def linked(size: int, parameter: str = "limit", page: str = "page") -> Paging:
    """Divide by the header Link with rel="next"."""

    def answer(items: list[Any], call: Call) -> Answer:
        number, length = int(call.query.get(page, 1)), min(int(call.query.get(parameter, size)), size)
        found, headers = items[(number - 1) * length : number * length], {}
        if number * length < len(items):
            following = urlencode(call.query | {page: str(number + 1)})
            headers = {"Link": f'<{call.address}{call.path}?{following}>; rel="next", <x>; rel="prev"'}
        return 200, headers, found

    return answer


def with_token(size: int, at: str, token: str, parameter: str, missing: bool = True) -> Paging:
    """Divide by a token in the response, which the next request has as a parameter."""

    def answer(items: list[Any], call: Call) -> Answer:
        start = int(call.given.get(parameter, "0"))
        content: dict[str, Any] = {at: items[start : start + size]}
        if start + size < len(items):
            content[token] = str(start + size)
        elif not missing:
            content[token] = None
        return 200, {}, content

    return answer
