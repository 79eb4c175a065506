"""The platform as an OAuth 2 client of sources: authorization code with PKCE, based on authlib. All calls block.

It proves itself with a secret (in the header or in the form), or with a signed JWT (RFC 7523), and pushes the
parameters of the authorization request first where a source offers that (RFC 9126).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc.jwk import ECKey

from privateshare.sources.contract import Broken, ClientForgotten, JsonObject, NeedsLogin, SignIn, TryLater
from privateshare.sources.dpop import ALGORITHM, DpopTransport
from privateshare.sources.web import BoundedTransport, ServerReach, read_object, retry_after_seconds

MAX_TOKEN_RESPONSE_BYTES = 64 * 1024
MAX_TOKEN_RESPONSE_SECONDS = 20  # The account is locked while the platform waits.
TEMPORARY_ERRORS = {"temporarily_unavailable", "server_error", "slow_down"}
# The last two are GitHub's.
REVOKED_ACCESS_ERRORS = {"invalid_grant", "access_denied", "bad_verification_code", "bad_refresh_token"}
UNKNOWN_CLIENT_ERROR = "invalid_client"
# `identify` determines the person in other ways, and `expires_at` replaces `expires_in`.
UNSTORED_FIELDS = ("id_token", "expires_in")
NAMING_METHODS = ("none", "client_secret_post")  # They add the client id to the parameters of a request.
MAX_NUMBER_CHARACTERS = 30
MAX_SECONDS = 1e11  # Since 1970, or from now on.
# What only the platform stores with a token: which server it is of, and how the platform proves itself there.
OWN_FIELDS = (
    *("server", "name", "brands", "provider", "not_granted"),
    *("did", "username", "password", "issuer", "endpoints", "dpop_key"),
    *("client_id", "client_secret", "client_authentication", "client_expires_at"),
)
TOKEN_FIELDS = ("access_token", "refresh_token", "token_type", "scope", "expires_at")

log = structlog.get_logger()


def authorization_address(sign_in: SignIn, redirect_uri: str, state: str, verifier: str) -> str:
    """Build the address of the source's sign-in page for the person's browser.

    Raises:
        TryLater: The source does not respond to the pushed parameters.
        Broken: It does not accept them.
    """
    if sign_in.own is not None:
        return sign_in.own.start(redirect_uri, state)
    with _client(sign_in, redirect_uri) as client:
        address, _ = client.create_authorization_url(
            sign_in.authorization_endpoint, state=state, code_verifier=verifier, **sign_in.extra
        )
        if sign_in.pushed_authorization_endpoint is not None:
            return _push_parameters(client, sign_in, str(address))
    return str(address)


def _push_parameters(client: OAuth2Client, sign_in: SignIn, address: str) -> str:
    """Send the parameters of an authorization request, and return the address that refers to them. RFC 9126."""
    parameters = dict(parse_qsl(urlsplit(address).query))
    # The endpoint may have parameters of its own, which stay in its address.
    own = dict(parse_qsl(urlsplit(sign_in.authorization_endpoint).query))
    pushed = {name: value for name, value in parameters.items() if name not in own}
    if client.token_endpoint_auth_method in NAMING_METHODS:  # A parameter must not be there twice (RFC 6749, 3.1).
        pushed.pop("client_id", None)
    with _source_failures():
        response = client.post(
            str(sign_in.pushed_authorization_endpoint),
            data=pushed,
            auth=client.client_auth(client.token_endpoint_auth_method),
        )
        response.raise_for_status()
    reference = (read_object(response) or {}).get("request_uri")
    if not isinstance(reference, str) or not reference:
        raise _broken()
    query = urlencode({**own, "client_id": sign_in.client_id, "request_uri": reference})
    return f"{sign_in.authorization_endpoint.partition('?')[0]}?{query}"


def exchange_code(sign_in: SignIn, redirect_uri: str, code: str, verifier: str) -> JsonObject:
    """Exchange the authorization code of the callback for a token. Raises NeedsLogin, TryLater or Broken."""
    if sign_in.own is not None:
        with _source_failures():
            return _checked(sign_in, sign_in.own.exchange(code))
    with _client(sign_in, redirect_uri) as client, _source_failures():
        response = client.fetch_token(
            sign_in.token_endpoint,
            grant_type="authorization_code",
            code=code,
            code_verifier=verifier,
            **sign_in.token_parameters,
        )
        return _checked(sign_in, response)


def refresh(sign_in: SignIn, known: JsonObject) -> JsonObject:
    """Refresh a token. The old one may stop working.

    Raises:
        NeedsLogin: There is no refresh token, or it has expired.
        TryLater: The source does not respond.
        Broken: The source's response cannot be used.
    """
    if not known.get("refresh_token"):
        raise NeedsLogin("the source did not issue a refresh token")
    with _client(sign_in) as client, _source_failures():
        # Without a scope the source uses the granted one, which may be smaller than the requested one.
        response = client.refresh_token(
            sign_in.token_endpoint, refresh_token=known["refresh_token"], scope=None, **sign_in.token_parameters
        )
        # Keep fields that only the first response has, such as SMART's `patient`.
        kept = {name: value for name, value in known.items() if name != "expires_at"}
        return merged(kept, _checked(sign_in, response))


def merged(known: JsonObject, token: JsonObject) -> JsonObject:
    """Return what is stored of a token, with what was known before.

    A token endpoint replaces only fields of the token. Otherwise a server that a person named could name another
    server, and pass off a token that it has from somebody there as a sign-in of that person.
    """
    return token | {name: value for name, value in known.items() if name not in TOKEN_FIELDS or name not in token}


def revoke(sign_in: SignIn, token: JsonObject) -> bool:
    """Revoke a token at the source. Returns whether it succeeded or the source has no revocation endpoint. RFC 7009."""
    if sign_in.revocation_endpoint is None:
        return True
    kind = "refresh_token" if token.get("refresh_token") else "access_token"
    try:
        with _client(sign_in) as client:
            response = client.revoke_token(sign_in.revocation_endpoint, token=token[kind], token_type_hint=kind)
    except httpx2.TransportError:
        return False
    return bool(response.is_success)


def expires_within(token: JsonObject, seconds: int) -> bool:
    """Return whether an access token expires within some seconds. A token without a date does not expire."""
    return "expires_at" in token and int(token["expires_at"]) < time.time() + seconds


def _client(sign_in: SignIn, redirect_uri: str | None = None) -> OAuth2Client:
    reach = ServerReach.PUBLIC if sign_in.named_by_person else ServerReach.ANY
    secret: str | ECKey | None = sign_in.private_key or sign_in.client_secret
    if sign_in.private_key is not None and sign_in.assertion is not None:
        secret = ECKey.import_key(sign_in.private_key)
    transport: httpx2.BaseTransport = BoundedTransport(MAX_TOKEN_RESPONSE_BYTES, MAX_TOKEN_RESPONSE_SECONDS, reach)
    if sign_in.dpop_key is not None:
        transport = DpopTransport(transport, sign_in.dpop_key)
    client = OAuth2Client(
        sign_in.client_id,
        secret,
        token_endpoint_auth_method=sign_in.client_authentication if secret else None,
        revocation_endpoint_auth_method=sign_in.client_authentication if secret else None,
        scope=sign_in.scope.replace(" ", sign_in.scope_separator),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        transport=transport,
        timeout=MAX_TOKEN_RESPONSE_SECONDS / 2,
    )
    if sign_in.private_key is not None and (assertion := sign_in.assertion) is not None:
        method = PrivateKeyJWT(assertion.audience, headers={"kid": assertion.key_id}, alg=ALGORITHM)
        client.register_client_auth_method(method)
    elif sign_in.private_key is not None:
        client.register_client_auth_method(PrivateKeyJWT(sign_in.token_endpoint))
    convert = _converting(sign_in.read_token_response)
    client.register_compliance_hook("access_token_response", convert)
    client.register_compliance_hook("refresh_token_response", convert)
    return client


def _converting(read: Callable[[JsonObject], JsonObject] | None) -> Callable[[httpx2.Response], httpx2.Response]:
    """Return a function that replaces the content of a token response by fields that the client can use.

    The library takes what it finds: a date without end, or JSON that is nested too deeply, would be an error of ours.
    """

    def convert(response: httpx2.Response) -> httpx2.Response:
        content = read_object(response)
        if content is None:
            response.raise_for_status()
            raise ValueError("the response is not a JSON object")
        if read is not None:
            content = read(content)
        usable = {name: value for name, value in content.items() if _is_usable(name, value)}
        return httpx2.Response(response.status_code, json=usable, headers=_kept(response), request=response.request)

    return convert


def _kept(response: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name == "retry-after"}


def _is_usable(name: str, value: object) -> bool:
    if name in ("expires_in", "expires_at"):
        is_number = isinstance(value, int | float) or (isinstance(value, str) and value.isascii() and value.isdigit())
        return is_number and len(str(value)) < MAX_NUMBER_CHARACTERS and 0 <= float(str(value)) < MAX_SECONDS
    return not (name == "refresh_token" and not isinstance(value, str))


@contextmanager
def _source_failures() -> Iterator[None]:
    """Convert the errors of a token endpoint to failures of the source."""
    try:
        yield
    except OAuthError as error:
        code = str(error.error)[:100]
        if code in REVOKED_ACCESS_ERRORS:
            raise NeedsLogin("the source does not accept the code or refresh token any more") from error
        if code in TEMPORARY_ERRORS:
            raise TryLater("the source cannot issue a token at the moment") from error
        log.warning("a source rejects token requests", error=code)
        if code == UNKNOWN_CLIENT_ERROR:
            raise ClientForgotten(_broken().text) from error
        raise _broken() from error
    except httpx2.HTTPStatusError as error:
        status = error.response.status_code
        if status == httpx2.codes.TOO_MANY_REQUESTS or error.response.is_server_error:
            raise TryLater(
                "the source cannot issue a token at the moment",
                retry_after_seconds(
                    error.response,
                ),
            ) from error
        if (read_object(error.response) or {}).get("error") == UNKNOWN_CLIENT_ERROR:
            raise ClientForgotten(_broken().text) from error
        raise _broken() from error
    except httpx2.TransportError as error:
        raise TryLater("the source does not respond") from error
    except ValueError as error:
        raise _broken() from error


def _checked(sign_in: SignIn, response: JsonObject) -> JsonObject:
    # A server that a person named could otherwise name a list of the operator, and be sent the secret for its servers.
    token = {name: value for name, value in response.items() if name not in (*UNSTORED_FIELDS, *OWN_FIELDS)}
    # Whoever gets hold of a token that is bound to no key can use it.
    kind, default = ("dpop", "") if sign_in.dpop_key is not None else ("bearer", "bearer")
    usable = isinstance(token.get("access_token"), str) and str(token.get("token_type", default)).lower() == kind
    if not usable:
        raise _broken()
    return token


def _broken() -> Broken:
    return Broken("The source could not complete the sign-in. Try again later, or choose another source.")
