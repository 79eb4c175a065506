"""What most calls have in common: a signed request, a refresh when the token is refused, an answer that is checked."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, TypeAdapter, ValidationError

from privateshare.errors import ConfigurationError, InvalidAnswer, InvalidJWT, InvalidToken, PrivateShareError
from privateshare.protocol import jwt
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Newest, Refresh, Request, Response, read_json, sent
from privateshare.sdk.tokens import Holder, UserAccessToken

T = TypeVar("T")
Keys = dict[tuple[str, str], RSAPublicKey]
UNAUTHORIZED = 401
MAX_KEY_SET_BYTES = 1024 * 1024
DEFAULT_PORTS = {"http": 80, "https": 443}


def as_user(
    who: Holder,
    call: Callable[[str], Flow[Response]],
    *,
    refreshes: Callable[[PrivateShareError], bool] = lambda error: isinstance(error, InvalidToken),
) -> Flow[Response]:
    """A call made for a person: with the newest token, and once more with a new one if that is refused. Protocol 13."""
    newest: UserAccessToken = yield Newest(who)
    if newest.is_expired():
        newest = yield Refresh(who, newest)
    try:
        return (yield from call(newest.access_token.value))
    except PrivateShareError as error:
        if not refreshes(error):
            raise
    newest = yield Refresh(who, newest)
    return (yield from call(newest.access_token.value))


def json_request(
    configuration: Configuration,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    **claims: Any,
) -> Request:
    """A signed request with a JSON body, if any."""
    headers = configuration.bearer(**claims) | dict(headers or {})
    if body is None:
        return Request(method=method, url=configuration.api + path, headers=headers)
    headers["content-type"] = "application/json"
    return Request(method=method, url=configuration.api + path, headers=headers, body=json.dumps(body).encode())


def called(
    configuration: Configuration,
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    **claims: Any,
) -> Flow[Response]:
    """The answer to a signed call. All may be repeated: a change happens once by its nonce (protocol 2.3)."""
    request = json_request(configuration, method, path, body, headers=headers, **claims)
    return (yield from sent(request, configuration.retries, repeatable=True))


def parsed(response: Response) -> Any:
    """Read the JSON of an answer. Raises InvalidAnswer."""
    return read_json(response.body)


def told(response: Response) -> dict[str, Any]:
    """The JSON object of an answer. Raises InvalidAnswer."""
    answer = parsed(response)
    if not isinstance(answer, dict):
        raise InvalidAnswer("the platform answered something that is not a JSON object")
    return answer


def text_of(answer: Mapping[str, Any], name: str) -> str:
    """A text of an answer. Raises InvalidAnswer naming it."""
    value = answer.get(name)
    if not isinstance(value, str):
        raise InvalidAnswer(f"the platform's answer holds no {name}")
    return value


def read_as(kind: type[T], raw: object) -> T:
    """A value of the wire as its type. Raises InvalidAnswer, naming the field."""
    try:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind.model_validate(raw)
        return TypeAdapter(kind).validate_python(raw)
    except (ValidationError, RecursionError) as error:
        where = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ("its depth",)
        place = ".".join(str(part) for part in where)
        raise InvalidAnswer(f"The platform's answer has something wrong at {place or 'its top'}") from error


def signed_claims(configuration: Configuration, keys: Keys, answer: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """The claims of an answer's `token`, once its signature holds. Protocol 3.3.

    Raises InvalidAnswer if it does not, or names a key set that is not the platform's own.
    """
    token = text_of(answer, "token")
    try:
        header = jwt.read_header(token)
        jku, kid = str(header.get("jku")), str(header.get("kid"))
        if _origin(jku) != _origin(configuration.api):
            raise InvalidAnswer(f"the answer is signed with keys of {_origin(jku)}, not of the platform")
        if (jku, kid) not in keys:
            yield from _fetch_keys(configuration, keys, jku)
        if (jku, kid) not in keys:
            raise InvalidAnswer("the answer is signed with a key that the platform does not list")
        return jwt.verify(token, keys[jku, kid])
    except InvalidJWT as error:
        raise InvalidAnswer(f"the answer's token is not good: {error.message}") from error


def _fetch_keys(configuration: Configuration, keys: Keys, jku: str) -> Flow[None]:
    response = yield from sent(Request(method="GET", url=jku, limit=MAX_KEY_SET_BYTES), configuration.retries)
    for entry in read_as(list[Any], told(response).get("keys")):
        try:
            keys[jku, str(entry["kid"])] = jwt.load_public_key(entry["pem"])
        except (KeyError, TypeError, AttributeError, ConfigurationError) as error:
            raise InvalidAnswer("the platform's key set holds something that is no RSA key") from error


def _origin(url: str) -> str:
    """Return scheme, host and port of an address in one form, so that the same origin always compares equal."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "an address that cannot be read"
    user = f"{parts.username}@" if parts.username is not None else ""
    return f"{parts.scheme}://{user}{parts.hostname}:{port}"
