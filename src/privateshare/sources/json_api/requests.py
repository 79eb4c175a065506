"""Requests to a JSON API, and the handling of its errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import httpx2

from privateshare.sources.contract import Connection, JsonObject, NeedsLogin, TryLater
from privateshare.sources.dpop import DpopTransport
from privateshare.sources.typed_servers import host_of
from privateshare.sources.web import (
    ResponseLimitExceeded,
    ServerReach,
    open_client,
    parse_json,
    retry_after_seconds,
    same_origin,
)

UNAVAILABLE_STATUSES = (502, 503, 504)
USER_AGENT = "PrivateShare/1 (personal data library)"

Parameters = Mapping[str, str | int]


class ApiRefused(Exception):
    """The API does not provide this, but may provide other things. `status` is the HTTP status."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{code} ({status})")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request for JSON.

    Attributes:
        path: The path below the base of the API, or a complete address of the same server.
        parameters: The parameters of the query.
        form: The fields of a form. With any, the method is POST.
        content: An object that is sent as JSON. With one, the method is POST.
        accept: The media type that is asked for, if it is not plain JSON.
    """

    path: str
    parameters: Parameters = field(default_factory=dict)
    form: Parameters = field(default_factory=dict)
    accept: str = "application/json"
    content: JsonObject | None = None

    def changed(self, **parameters: str | int) -> "ApiRequest":
        """Return the same request with other parameters, which are those of the form if it has one."""
        if self.form:
            return replace(self, form={**self.form, **parameters})
        return replace(self, parameters={**self.parameters, **parameters})

    def at(self, address: str) -> "ApiRequest":
        """Return the request for a following page, whose address has all parameters."""
        return replace(self, path=address, parameters={})

    def to_json(self) -> JsonObject:
        """Convert it to JSON, to be stored as a position."""
        found = {"path": self.path, "parameters": dict(self.parameters), "form": dict(self.form)}
        return found | {"accept": self.accept} | ({"content": self.content} if self.content is not None else {})

    @classmethod
    def from_json(cls, value: JsonObject) -> "ApiRequest":
        """Convert it back."""
        return cls(value["path"], value["parameters"], value["form"], value["accept"], value.get("content"))


@dataclass(frozen=True, slots=True)
class Reply:
    """A response with JSON, and the request that it answers."""

    request: ApiRequest
    content: Any
    headers: httpx2.Headers


def requested_pause(response: httpx2.Response) -> int | None:
    """Return the seconds to wait if a response says that there were too many requests; otherwise None."""
    if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        return retry_after_seconds(response)
    return None


@dataclass(frozen=True, slots=True)
class ApiRules:
    """How an API deviates from what is usual.

    Attributes:
        headers: Further headers of each request.
        pause: Returns for how many seconds a response asks to send no requests; None if it does not.
        check: Raises a failure that the API reports in a successful response.
        scheme: What stands before the token in the header Authorization.
        sign: Puts the token into a request, for APIs that take it as a parameter in place of the header.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    pause: Callable[[httpx2.Response], int | None] = requested_pause
    check: Callable[[Any], None] = lambda _: None
    scheme: str = "Bearer"
    sign: Callable[[ApiRequest, str], ApiRequest] | None = None


class ApiClient:
    """A client for the API of one account. It is a context manager.

    The token is sent only to the server of `base`.
    """

    def __init__(
        self,
        rules: ApiRules,
        base: str,
        connection: Connection,
        reach: ServerReach = ServerReach.ANY,
        dpop_key: JsonObject | None = None,
    ) -> None:
        """Open a client. With a key, each request proves its possession. Raises NeedsLogin if there is no token."""
        token = (connection.token or {}).get("access_token")
        if not isinstance(token, str):
            raise NeedsLogin("nobody is signed in")
        headers = {"user-agent": USER_AGENT, **rules.headers}
        if rules.sign is None:
            headers["authorization"] = f"{rules.scheme} {token}"
        self._token = token
        self._rules, self._base, self._admit = rules, base.rstrip("/") + "/", connection.admit
        wrap = partial(DpopTransport, key=dpop_key) if dpop_key is not None else None
        self._http = open_client(headers, reach=reach, wrap=wrap)

    @property
    def host(self) -> str:
        """The host of the API, with its port unless that is the usual one."""
        return host_of(self._base)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def get(self, request: ApiRequest) -> Reply:
        """Send a request.

        Raises:
            ApiRefused: The API does not provide this, or its response is not JSON.
            TryLater: It is not available, or limits requests.
            NeedsLogin: It does not accept the token.
        """
        address, headers = self._address(request.path), {"accept": request.accept}
        # The reply keeps the request as it was, since positions in lists are stored with it.
        sent = self._rules.sign(request, self._token) if self._rules.sign is not None else request
        self._admit()
        try:
            if sent.content is not None:
                response = self._http.post(address, params=sent.parameters or None, json=sent.content, headers=headers)
            elif sent.form:
                response = self._http.post(
                    address, params=sent.parameters or None, data=dict(sent.form), headers=headers
                )
            else:
                response = self._http.get(address, params=sent.parameters or None, headers=headers)
        except ResponseLimitExceeded as error:
            raise ApiRefused(httpx2.codes.OK, "TooLarge") from error
        except httpx2.TransportError as error:
            raise TryLater("the API does not respond") from error
        self._check(response)
        try:
            content = parse_json(response.content)
        except ValueError as error:
            raise ApiRefused(response.status_code, "NotJson") from error
        self._rules.check(content)
        return Reply(request, content, response.headers)

    def _address(self, path: str) -> str:
        try:
            address = urljoin(self._base, path.removeprefix("/"))
            if same_origin(address, self._base):
                return address
        except ValueError:  # The address of a following page is none.
            pass
        raise ApiRefused(httpx2.codes.OK, "ForeignLink")

    def _check(self, response: httpx2.Response) -> None:
        pause = self._rules.pause(response)
        if pause is not None:
            raise TryLater("the API limits requests", pause, limited=True)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            raise NeedsLogin("the API does not accept the token")
        if response.status_code in UNAVAILABLE_STATUSES:
            raise TryLater("the API is not available", retry_after_seconds(response))
        if not response.is_success:
            raise ApiRefused(response.status_code, "SourceRefused")
