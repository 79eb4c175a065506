"""Pages for a person who consented before: one more source, signing in again, renewing. Protocol 4.4, 8."""

from typing import Any

from privateshare.protocol import pkce
from privateshare.protocol.messages import Session, SessionOptions
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.consent import AuthorizeUrl, PageOptions, PageUrl, new_state
from privateshare.sdk.flow import Flow, Newest
from privateshare.sdk.flows.calls import Keys, as_user, called, read_as, signed_claims, text_of, told
from privateshare.sdk.flows.oauth import agent_body, page_url
from privateshare.sdk.tokens import Holder, UserAccessToken


def onboard(
    configuration: Configuration,
    keys: Keys,
    token: Holder,
    redirect_uri: str,
    state: str | None,
    options: PageOptions | None,
    session_options: SessionOptions | None,
) -> Flow[PageUrl]:
    """Where a person connects one more source. Protocol 4.4, 8.1."""
    claims = {"redirect_uri": redirect_uri, "state": state or new_state()}
    code, session = yield from _reference(configuration, keys, token, session_options, claims)
    return PageUrl(page_url(configuration, "onboard", code, options), session)


def reauthorize_account(
    configuration: Configuration,
    keys: Keys,
    token: Holder,
    redirect_uri: str,
    state: str | None,
    account_id: str,
    options: PageOptions | None,
) -> Flow[PageUrl]:
    """Where a person signs in to one source again. Protocol 7.3."""
    claims = {"redirect_uri": redirect_uri, "state": state or new_state()}
    code, session = yield from _reference(configuration, keys, token, None, claims)
    account_ref = yield from reference(configuration, "accountId", account_id)
    url = page_url(configuration, "reauthorize", code, options, accountRef=account_ref)
    return PageUrl(url, session)


def reauthorize(
    configuration: Configuration,
    keys: Keys,
    token: Holder,
    redirect_uri: str,
    state: str | None,
    options: PageOptions | None,
    session_options: SessionOptions | None,
) -> Flow[AuthorizeUrl]:
    """Where a person renews a grant that lapsed; they come back with a code. Protocol 4.4, 8.1."""
    verifier, state = pkce.new_verifier(), state or new_state()
    claims = {
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
    }
    code, session = yield from _reference(configuration, keys, token, session_options, claims, refreshed=False)
    return AuthorizeUrl(page_url(configuration, "user-reauth", code, options), verifier, state, session)


def revoke_account_permission(
    configuration: Configuration, token: Holder, account_id: str, redirect_uri: str
) -> Flow[str]:
    """Where a person withdraws what they granted at a source. Protocol 7.4."""
    headers = {"accountId": account_id, "redirectUri": redirect_uri}
    path = "permission-access/revoke/h:accountId"
    response = yield from as_user(
        token, lambda access: called(configuration, "GET", path, headers=headers, access_token=access)
    )
    return text_of(told(response), "location")


def reference(configuration: Configuration, kind: str, value: str) -> Flow[str]:
    """An opaque handle for a storage or an account. Protocol 4.5."""
    response = yield from called(configuration, "POST", "reference", {"type": kind, "value": value})
    return text_of(told(response), "id")


def _reference(
    configuration: Configuration,
    keys: Keys,
    token: Holder,
    options: SessionOptions | None,
    claims: dict[str, Any],
    *,
    refreshed: bool = True,
) -> Flow[tuple[str, Session]]:
    path, body = "oauth/token/reference", agent_body(options)
    if refreshed:
        response = yield from as_user(
            token, lambda access: called(configuration, "POST", path, body, access_token=access, **claims)
        )
    else:  # an expired token is what this is for, and refreshing it would fail
        newest: UserAccessToken = yield Newest(token)
        access_token = newest.access_token.value
        response = yield from called(configuration, "POST", path, body, access_token=access_token, **claims)
    answer = told(response)
    signed = yield from signed_claims(configuration, keys, answer)
    return text_of(signed, "reference_code"), read_as(Session, answer.get("session"))
