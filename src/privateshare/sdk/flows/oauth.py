"""Flows that ask for consent and get tokens. Protocol 4, 8."""

import platform
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from privateshare.errors import ConfigurationError
from privateshare.protocol import pkce
from privateshare.protocol.messages import Accept, Compression, Session, SessionOptions
from privateshare.sdk.arguments import check_address, check_kind, check_text, check_word, optional
from privateshare.sdk.consent import AuthorizeUrl, PageOptions, new_state
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, NewestToken
from privateshare.sdk.flows.references import storage_reference
from privateshare.sdk.flows.signed_calls import call_api, signed_claims
from privateshare.sdk.http.responses import json_object, read_as, text_of
from privateshare.sdk.tokens import Holder, UserAccessToken
from privateshare.version import VERSION

AGENT: dict[str, Any] = {
    "sdk": {"name": "privateshare-python", "version": VERSION, "meta": {"python": platform.python_version()}}
}


def authorize(
    core: Core,
    callback: str,
    state: str | None,
    options: PageOptions,
    session_options: SessionOptions | None,
    linked: Holder | None,
    storage_id: str | None,
) -> Flow[AuthorizeUrl]:
    """Request a pre-authorization, and build the address of the consent page from it. Protocol 4.1."""
    check_page_request(callback, state)
    body = agent_body(session_options)
    if storage_id is not None:
        options = replace(options, storage_ref=(yield from storage_reference(core, storage_id)))
    verifier, state = pkce.new_verifier(), state or new_state()
    newest: UserAccessToken | None = (yield NewestToken(linked)) if linked is not None else None
    claims: dict[str, Any] = {
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        "redirect_uri": callback,
        "response_mode": "query",
        "response_type": "code",
        "state": state,
        "access_token": newest.access_token.value if newest else None,
    }
    response = yield from call_api(core, "POST", "oauth/authorize", body, **claims)
    answer = json_object(response)
    signed = yield from signed_claims(core, answer)
    url = page_url(core, "authorize", text_of(signed, "preauthorization_code"), options)
    session = core.begun.remember(read_as(Session, answer.get("session")), session_options)
    return AuthorizeUrl(url, verifier, state, session, callback)


def exchange_code(core: Core, code: str, verifier: str) -> Flow[UserAccessToken]:
    """Exchange a code for tokens. Protocol 4.2."""
    check_word("authorization_code", code, "the code that the person came back with, as in Returned.code")
    check_text("code_verifier", verifier, "AuthorizeUrl.code_verifier")
    if not pkce.is_verifier(verifier):
        raise ConfigurationError("code_verifier must be AuthorizeUrl.code_verifier, which has 43 characters or more")
    return (yield from _tokens(core, grant_type="authorization_code", code=code, code_verifier=verifier))


def refresh(core: Core, token: UserAccessToken) -> Flow[UserAccessToken]:
    """Exchange a refresh token for a new pair of tokens. Protocol 4.3."""
    value = token.refresh_token.value
    return (yield from _tokens(core, grant_type="refresh_token", refresh_token=value))


def check_page_request(callback: str, state: str | None) -> None:
    """Check what all calls have in common that send a person to a page. Raise ConfigurationError."""
    check_address("callback", callback)
    optional(check_text, "state", state)


def page_url(core: Core, page: str, code: str, options: PageOptions, **more: str) -> str:
    """Build the address of a consent page. Protocol 8.1, 8.2."""
    query = options.to_query()
    return f"{core.configuration.onboard}{page}?{urlencode({'code': code, **query, **more})}"


def agent_body(options: SessionOptions | None) -> dict[str, Any]:
    """Build the body of the calls of protocol 4.1 and 4.4."""
    return {"agent": AGENT, "actions": {"pull": session_body(options)}}


def session_body(options: SessionOptions | None) -> dict[str, Any]:
    """Build the options of a session. By default files come as they are stored, compressed with zstd. Protocol 5.1."""
    optional(check_kind, "session_options", options, SessionOptions, "SessionOptions(…)")
    options = options or SessionOptions()
    if options.accept is None or options.accept.compression is None:
        options = options.model_copy(update={"accept": Accept(compression=Compression.ZSTD)})
    return options.to_wire()


def _tokens(core: Core, **claims: Any) -> Flow[UserAccessToken]:
    response = yield from call_api(core, "POST", "oauth/token", **claims)
    signed = yield from signed_claims(core, json_object(response))
    return UserAccessToken.from_claims(signed, core.configuration.client_id)
