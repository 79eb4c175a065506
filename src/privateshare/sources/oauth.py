"""The platform as a client of sources that people sign in to: OAuth 2 with PKCE, on authlib. Everything here blocks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from privateshare.sources.contract import Broken, JsonObject, NeedsLogin, SignIn, TryLater
from privateshare.sources.web import Bounded, asks_to_wait

MAX_TOKEN_BYTES = 64 * 1024  # of a token endpoint's answer
MAX_SECONDS = 20  # that it may take: an account is locked meanwhile
PASSING = {"temporarily_unavailable", "server_error", "slow_down"}
NO_ACCESS = {"invalid_grant", "access_denied"}
UNKEPT = ("id_token", "expires_in")  # says who they are, which `identify` learns otherwise; and what expires_at says

log = structlog.get_logger()


def authorization_address(sign_in: SignIn, redirect_uri: str, state: str, verifier: str) -> str:
    """Where a person's browser goes to sign in at the source."""
    with _client(sign_in, redirect_uri) as client:
        address, _ = client.create_authorization_url(
            sign_in.authorization_endpoint, state=state, code_verifier=verifier, **sign_in.extra
        )
    return str(address)


def exchange_code(sign_in: SignIn, redirect_uri: str, code: str, verifier: str) -> JsonObject:
    """The token for what the browser brought back. Raises NeedsLogin, TryLater or Broken."""
    with _client(sign_in, redirect_uri) as client, _failing_as_sources_do():
        told = client.fetch_token(
            sign_in.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
        )
        return _checked(told)


def refresh(sign_in: SignIn, known: JsonObject) -> JsonObject:
    """A fresh token in place of a known one, which may be of no use from now on.

    Raises NeedsLogin if there is no refresh token or it has ended, TryLater or Broken.
    """
    if not known.get("refresh_token"):
        raise NeedsLogin("the source gave no refresh token")
    with _client(sign_in) as client, _failing_as_sources_do():
        # without a scope: that which was granted, of which the source may have granted a part
        told = client.refresh_token(sign_in.token_endpoint, refresh_token=known["refresh_token"], scope=None)
        kept = {name: value for name, value in known.items() if name != "expires_at"}  # such as SMART's patient
        return kept | _checked(told)


def revoke(sign_in: SignIn, token: JsonObject) -> bool:
    """Has the source forget a grant; whether it did, or cannot be asked to. RFC 7009."""
    if sign_in.revocation_endpoint is None:
        return True
    kind = "refresh_token" if token.get("refresh_token") else "access_token"
    try:
        with _client(sign_in) as client:
            answer = client.revoke_token(sign_in.revocation_endpoint, token=token[kind], token_type_hint=kind)
    except httpx2.TransportError:
        return False
    return bool(answer.is_success)


def expires_within(token: JsonObject, seconds: int) -> bool:
    """Whether an access token ends so soon; one that does not say counts as lasting."""
    return "expires_at" in token and int(token["expires_at"]) < time.time() + seconds


def _client(sign_in: SignIn, redirect_uri: str | None = None) -> OAuth2Client:
    return OAuth2Client(
        sign_in.client_id,
        sign_in.client_secret,
        scope=sign_in.scope,
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
        transport=Bounded(MAX_TOKEN_BYTES, MAX_SECONDS),
        timeout=MAX_SECONDS / 2,
    )


@contextmanager
def _failing_as_sources_do() -> Iterator[None]:
    """Turns what a token endpoint can do wrong into the failures that sources know."""
    try:
        yield
    except OAuthError as error:
        code = str(error.error)[:100]
        if code in NO_ACCESS:
            raise NeedsLogin("the source does not accept what it gave before") from error
        if code in PASSING:
            raise TryLater("the source cannot give a token now") from error
        log.warning("a source refuses to give tokens", error=code)
        raise _broken() from error
    except httpx2.HTTPStatusError as error:
        status = error.response.status_code
        if status == httpx2.codes.TOO_MANY_REQUESTS or error.response.is_server_error:
            raise TryLater("the source cannot give a token now", asks_to_wait(error.response)) from error
        raise _broken() from error
    except httpx2.TransportError as error:
        raise TryLater("the source does not answer") from error
    except ValueError as error:
        raise _broken() from error


def _checked(told: JsonObject) -> JsonObject:
    token = {name: value for name, value in told.items() if name not in UNKEPT}
    usable = isinstance(token.get("access_token"), str) and str(token.get("token_type", "bearer")).lower() == "bearer"
    if not usable:
        raise _broken()
    return token


def _broken() -> Broken:
    return Broken("The source could not complete the sign-in. Try again later, or choose another source.")
