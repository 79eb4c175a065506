"""Asking for consent and getting tokens. Protocol 4, 8."""

import platform
from typing import Any
from urllib.parse import urlencode

from privateshare.protocol import pkce
from privateshare.protocol.messages import Accept, Compression, Session, SessionOptions
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.consent import AuthorizeUrl, PageOptions, new_state
from privateshare.sdk.flow import Flow, Newest
from privateshare.sdk.flows.calls import Keys, called, read_as, signed_claims, text_of, told
from privateshare.sdk.tokens import Holder, UserAccessToken
from privateshare.version import VERSION

AGENT: dict[str, Any] = {
    "sdk": {"name": "privateshare-python", "version": VERSION, "meta": {"python": platform.python_version()}}
}


def authorize(
    configuration: Configuration,
    keys: Keys,
    redirect_uri: str,
    state: str | None,
    options: PageOptions | None,
    session_options: SessionOptions | None,
    linked: Holder | None,
) -> Flow[AuthorizeUrl]:
    """A pre-authorization, and the consent page's address made of it. Protocol 4.1."""
    verifier, state = pkce.new_verifier(), state or new_state()
    newest: UserAccessToken | None = (yield Newest(linked)) if linked is not None else None
    claims: dict[str, Any] = {
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        "redirect_uri": redirect_uri,
        "response_mode": "query",
        "response_type": "code",
        "state": state,
        "access_token": newest.access_token.value if newest else None,
    }
    response = yield from called(configuration, "POST", "oauth/authorize", agent_body(session_options), **claims)
    answer = told(response)
    signed = yield from signed_claims(configuration, keys, answer)
    code = text_of(signed, "preauthorization_code")
    url = page_url(configuration, "authorize", code, options)
    return AuthorizeUrl(url, verifier, state, read_as(Session, answer.get("session")))


def exchange_code(configuration: Configuration, keys: Keys, code: str, verifier: str) -> Flow[UserAccessToken]:
    """The tokens of a code. Protocol 4.2."""
    return (yield from _tokens(configuration, keys, grant_type="authorization_code", code=code, code_verifier=verifier))


def refresh(configuration: Configuration, keys: Keys, token: UserAccessToken) -> Flow[UserAccessToken]:
    """A new pair of tokens. Protocol 4.3."""
    value = token.refresh_token.value
    return (yield from _tokens(configuration, keys, grant_type="refresh_token", refresh_token=value))


def _tokens(configuration: Configuration, keys: Keys, **asked: Any) -> Flow[UserAccessToken]:
    response = yield from called(configuration, "POST", "oauth/token", **asked)
    claims = yield from signed_claims(configuration, keys, told(response))
    return UserAccessToken.from_claims(claims, configuration.client_id)


def page_url(configuration: Configuration, page: str, code: str, options: PageOptions | None, **more: str) -> str:
    """The address of a consent page. Protocol 8.1, 8.2."""
    query = options.to_query() if options else {}
    return f"{configuration.onboard}{page}?{urlencode({'code': code, **query, **more})}"


def agent_body(options: SessionOptions | None) -> dict[str, Any]:
    """The body of 4.1 and 4.4."""
    return {"agent": AGENT, "actions": {"pull": session_body(options)}}


def session_body(options: SessionOptions | None) -> dict[str, Any]:
    """How a session reads; where it is left open, files come as they are stored, zstd. Protocol 5.1."""
    options = options or SessionOptions()
    if options.accept is None or options.accept.compression is None:
        options = options.model_copy(update={"accept": Accept(compression=Compression.ZSTD)})
    return options.to_wire()
