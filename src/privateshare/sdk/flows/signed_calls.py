"""What most flows have in common: signed requests, a refresh when a token is refused, and signed responses."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from privateshare.errors import ConfigurationError, InvalidAnswer, InvalidJWT, InvalidToken, PrivateShareError
from privateshare.protocol import jwt
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, NewestToken, RefreshToken, send
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.http.responses import json_object, read_as, text_of
from privateshare.sdk.tokens import Holder, UserAccessToken

MAX_KEY_SET_BYTES = 1024 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}


def is_invalid_token(error: PrivateShareError) -> bool:
    """Tell whether an error says that a token is not valid."""
    return isinstance(error, InvalidToken)


def as_user(
    holder: Holder,
    call: Callable[[str], Flow[Response]],
    *,
    refresh_on: Callable[[PrivateShareError], bool] = is_invalid_token,
) -> Flow[Response]:
    """Make a call with a user's newest token. If it is refused, refresh the token and call once more (protocol 13).

    Args:
        holder: The user's token, or a handle of a user in the token store.
        call: Makes the call with an access token.
        refresh_on: Tells whether an error is a reason to refresh the token.
    """
    newest: UserAccessToken = yield NewestToken(holder)
    if newest.is_expired():
        newest = yield RefreshToken(holder, newest)
    try:
        return (yield from call(newest.access_token.value))
    except PrivateShareError as error:
        if not refresh_on(error):
            raise
    newest = yield RefreshToken(holder, newest)
    return (yield from call(newest.access_token.value))


def signed_request(
    core: Core,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    route: str | None = None,
    **claims: Any,
) -> Request:
    """Build a request to the API with a signed header, and a JSON body if one is given (protocol 2).

    A path with ids or a query needs a `route` without them.
    """
    signed = core.configuration.bearer(**claims) | dict(headers or {})
    url = core.configuration.api + path
    if body is None:
        return Request(method=method, url=url, route=route or path, headers=signed)
    signed["content-type"] = "application/json"
    return Request(method=method, url=url, route=route or path, headers=signed, body=_json(body))


def _json(body: object) -> bytes:
    """Write a body as JSON. Raise ConfigurationError if the app gave a value that JSON does not have."""
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError("The data has values that JSON does not have, such as dates, bytes or NaN") from error


def call_api(
    core: Core,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    **claims: Any,
) -> Flow[Response]:
    """Make a signed call. Any call may be retried, because its nonce makes a change happen once (protocol 2.3)."""
    request = signed_request(core, method, path, body, headers=headers, **claims)
    return (yield from send(request, core.configuration.retries, repeatable=True))


def call_as_user(
    core: Core,
    holder: Holder,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    **claims: Any,
) -> Flow[Response]:
    """Make a signed call with a user's newest token."""

    def call(access_token: str) -> Flow[Response]:
        return call_api(core, method, path, body, headers=headers, access_token=access_token, **claims)

    return as_user(holder, call)


def signed_claims(core: Core, answer: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """Verify the `token` of a response and return its claims (protocol 3.3).

    Raises:
        InvalidAnswer: The signature is wrong, or the token names a key set that is not the platform's own.
    """
    token = text_of(answer, "token")
    try:
        header = jwt.read_header(token)
        jku, kid = str(header.get("jku")), str(header.get("kid"))
        if _origin(jku) != _origin(core.configuration.api):
            raise InvalidAnswer(f"The response is signed with keys of {_origin(jku)}, which is not the platform")
        if (jku, kid) not in core.keys:
            yield from _fetch_keys(core, jku)
        if (jku, kid) not in core.keys:
            raise InvalidAnswer("The response is signed with a key that the platform does not list")
        return jwt.verify(token, core.keys[jku, kid])
    except InvalidJWT as error:
        raise InvalidAnswer(f"The token in the response is not valid: {error.message}") from error


def _fetch_keys(core: Core, jku: str) -> Flow[None]:
    request = Request(method="GET", url=jku, route="jwks/oauth", limit=MAX_KEY_SET_BYTES)
    response = yield from send(request, core.configuration.retries)
    for entry in read_as(list[Any], json_object(response).get("keys")):
        try:
            core.keys[jku, str(entry["kid"])] = jwt.load_public_key(entry["pem"])
        except (KeyError, TypeError, AttributeError, ConfigurationError) as error:
            raise InvalidAnswer("The platform's key set has an entry that is not an RSA key") from error


def _origin(url: str) -> str:
    """Return scheme, host and port of an address in one form, so that the same origin always compares equal."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "an address that cannot be parsed"
    user = f"{parts.username}@" if parts.username is not None else ""
    return f"{parts.scheme}://{user}{parts.hostname}:{port}"
