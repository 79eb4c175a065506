"""Flows for pages that a person visits again: one more source, another sign-in, a renewal. Protocol 4.4, 8."""

from typing import Any

from privateshare.protocol import pkce
from privateshare.protocol.messages import Session, SessionOptions
from privateshare.sdk.consent import AuthorizeUrl, PageOptions, PageUrl, new_state
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, NewestToken
from privateshare.sdk.flows.oauth import agent_body, page_url
from privateshare.sdk.flows.signed_calls import call_api, call_as_user, signed_claims
from privateshare.sdk.http.requests import Response
from privateshare.sdk.http.responses import json_object, read_as, text_of
from privateshare.sdk.tokens import Holder, UserAccessToken

REFERENCE_PATH = "oauth/token/reference"


def onboard(
    core: Core,
    holder: Holder,
    redirect_uri: str,
    state: str | None,
    options: PageOptions | None,
    session_options: SessionOptions | None,
) -> Flow[PageUrl]:
    """Build the address where a person connects one more source. Protocol 4.4, 8.1."""
    claims: dict[str, Any] = {"redirect_uri": redirect_uri, "state": state or new_state()}
    response = yield from call_as_user(core, holder, "POST", REFERENCE_PATH, agent_body(session_options), **claims)
    code, session = yield from _reference_code(core, response, session_options)
    return PageUrl(page_url(core, "onboard", code, options), session)


def reauthorize_account(
    core: Core,
    holder: Holder,
    redirect_uri: str,
    state: str | None,
    account_id: str,
    options: PageOptions | None,
) -> Flow[PageUrl]:
    """Build the address where a person signs in to one source again. Protocol 7.3."""
    claims: dict[str, Any] = {"redirect_uri": redirect_uri, "state": state or new_state()}
    response = yield from call_as_user(core, holder, "POST", REFERENCE_PATH, agent_body(None), **claims)
    code, session = yield from _reference_code(core, response, None)
    account_ref = yield from reference(core, "accountId", account_id)
    return PageUrl(page_url(core, "reauthorize", code, options, accountRef=account_ref), session)


def reauthorize(
    core: Core,
    holder: Holder,
    redirect_uri: str,
    state: str | None,
    options: PageOptions | None,
    session_options: SessionOptions | None,
) -> Flow[AuthorizeUrl]:
    """Build the address where a person renews an expired grant. They come back with a code. Protocol 4.4, 8.1."""
    verifier, state = pkce.new_verifier(), state or new_state()
    newest: UserAccessToken = yield NewestToken(holder)
    claims: dict[str, Any] = {
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        "access_token": newest.access_token.value,
    }
    # An expired token is what this call is for. Refreshing it would fail.
    response = yield from call_api(core, "POST", REFERENCE_PATH, agent_body(session_options), **claims)
    code, session = yield from _reference_code(core, response, session_options)
    return AuthorizeUrl(page_url(core, "user-reauth", code, options), verifier, state, session)


def revoke_account_permission(core: Core, holder: Holder, account_id: str, redirect_uri: str) -> Flow[str]:
    """Get the address where a person withdraws what they granted at a source. Protocol 7.4."""
    headers = {"accountId": account_id, "redirectUri": redirect_uri}
    response = yield from call_as_user(core, holder, "GET", "permission-access/revoke/h:accountId", headers=headers)
    return text_of(json_object(response), "location")


def reference(core: Core, kind: str, value: str) -> Flow[str]:
    """Exchange the id of a storage or an account for an opaque reference. Protocol 4.5."""
    response = yield from call_api(core, "POST", "reference", {"type": kind, "value": value})
    return text_of(json_object(response), "id")


def _reference_code(core: Core, response: Response, options: SessionOptions | None) -> Flow[tuple[str, Session]]:
    answer = json_object(response)
    signed = yield from signed_claims(core, answer)
    session = core.begun.remember(read_as(Session, answer.get("session")), options)
    return text_of(signed, "reference_code"), session
