"""Flows for pages that a person visits again: one more source, another sign-in, a renewal. Protocol 4.4, 8."""

from typing import Any

from privateshare.protocol import pkce
from privateshare.protocol.messages import Session, SessionOptions
from privateshare.sdk.arguments import check_address
from privateshare.sdk.consent import AuthorizeUrl, PageOptions, PageUrl, new_state
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, NewestToken
from privateshare.sdk.flows.accounts import check_account_id
from privateshare.sdk.flows.oauth import agent_body, check_page_request, page_url
from privateshare.sdk.flows.references import account_reference
from privateshare.sdk.flows.signed_calls import call_api, call_as_user, signed_claims
from privateshare.sdk.http.requests import Response
from privateshare.sdk.http.responses import json_object, read_as, text_of
from privateshare.sdk.tokens import Holder, UserAccessToken, check_holder

REFERENCE_PATH = "oauth/token/reference"


def onboard(
    core: Core,
    holder: Holder,
    callback: str,
    state: str | None,
    options: PageOptions,
    session_options: SessionOptions | None,
) -> Flow[PageUrl]:
    """Build the address where a person connects one more source. Protocol 4.4, 8.1."""
    check_holder(holder)
    check_page_request(callback, state)
    state = state or new_state()
    claims: dict[str, Any] = {"redirect_uri": callback, "state": state}
    response = yield from call_as_user(core, holder, "POST", REFERENCE_PATH, agent_body(session_options), **claims)
    code, session = yield from _reference_code(core, response, session_options)
    return PageUrl(page_url(core, "onboard", code, options), session, state, callback)


def reauthorize_account(
    core: Core,
    holder: Holder,
    callback: str,
    state: str | None,
    account_id: str,
    options: PageOptions,
) -> Flow[PageUrl]:
    """Build the address where a person signs in to one source again. Protocol 7.3."""
    check_holder(holder)
    check_page_request(callback, state)
    check_account_id(account_id)
    state = state or new_state()
    claims: dict[str, Any] = {"redirect_uri": callback, "state": state}
    response = yield from call_as_user(core, holder, "POST", REFERENCE_PATH, agent_body(None), **claims)
    code, session = yield from _reference_code(core, response, None)
    account_ref = yield from account_reference(core, account_id)
    return PageUrl(page_url(core, "reauthorize", code, options, accountRef=account_ref), session, state, callback)


def reauthorize(
    core: Core,
    holder: Holder,
    callback: str,
    state: str | None,
    options: PageOptions,
    session_options: SessionOptions | None,
) -> Flow[AuthorizeUrl]:
    """Build the address where a person renews an expired grant. They come back with a code. Protocol 4.4, 8.1."""
    check_holder(holder)
    check_page_request(callback, state)
    verifier, state = pkce.new_verifier(), state or new_state()
    newest: UserAccessToken = yield NewestToken(holder)
    claims: dict[str, Any] = {
        "redirect_uri": callback,
        "state": state,
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        "access_token": newest.access_token.value,
    }
    # An expired token is what this call is for. Refreshing it would fail.
    response = yield from call_api(core, "POST", REFERENCE_PATH, agent_body(session_options), **claims)
    code, session = yield from _reference_code(core, response, session_options)
    return AuthorizeUrl(page_url(core, "user-reauth", code, options), verifier, state, session, callback)


def revoke_account_permission(core: Core, holder: Holder, account_id: str, redirect_uri: str) -> Flow[str]:
    """Get the address where a person withdraws what they granted at a source. Protocol 7.4."""
    check_holder(holder)
    check_account_id(account_id)
    check_address("redirect_uri", redirect_uri)
    headers = {"accountId": account_id, "redirectUri": redirect_uri}
    response = yield from call_as_user(core, holder, "GET", "permission-access/revoke/h:accountId", headers=headers)
    return text_of(json_object(response), "location")


def _reference_code(core: Core, response: Response, options: SessionOptions | None) -> Flow[tuple[str, Session]]:
    answer = json_object(response)
    signed = yield from signed_claims(core, answer)
    session = core.begun.remember(read_as(Session, answer.get("session")), options)
    return text_of(signed, "reference_code"), session
