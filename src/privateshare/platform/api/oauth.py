"""The OAuth endpoints: pre-authorization, tokens and references. Protocol 4."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from privateshare.errors import InvalidRequest, InvalidToken
from privateshare.platform.api.agents import check_agent
from privateshare.platform.api.callers import Caller, ContractCaller
from privateshare.platform.api.once import Once, Writing, WritingCall
from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.db.call_lookup import AlsoRead
from privateshare.platform.db.tables import ConsentRow, TokenRow
from privateshare.platform.grants import consents, journeys, references, tokens
from privateshare.platform.grants.contracts import check_redirect_uri, default_redirect_uri
from privateshare.platform.http.admitting import verified_token
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.libraries import open_with_key
from privateshare.platform.sync.sessions import NewSession, new_session
from privateshare.protocol import pkce
from privateshare.protocol.messages import Session, SessionOptions
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["oauth"])


class Actions(Wire):
    """The actions that follow once the person has consented."""

    pull: SessionOptions | None = None


class AuthorizeBody(Wire):
    """The request body of 4.1 and 4.4. `agent` describes the client's SDK."""

    agent: dict[str, Any] | None = None
    actions: Actions | None = None


class TokenResponse(Wire):
    """A response whose `token` is a JWT that the platform signed. Protocol 3.1."""

    token: str


class PreauthorizationResponse(TokenResponse):
    """A signed token, and a session that is `pending` until the person has consented."""

    session: Session


@router.post("/oauth/authorize", status_code=201, response_model=PreauthorizationResponse)
async def preauthorize(call: Writing, body: AuthorizeBody | None = None) -> Response:
    """Issue a pre-authorization code for the consent page, and create the session that consent starts. Protocol 4.1."""
    caller = call.caller
    _check_fixed_claims(caller, response_type="code", response_mode="query")
    redirect_uri = check_redirect_uri(caller.contract, caller.claim("redirect_uri"))
    challenge = _read_challenge(caller)
    linked = await _linked_consent(caller)
    session = await _pending_session(call, body)
    code = await journeys.begin_journey(
        call.sql,
        journeys.Start(
            caller.contract,
            redirect_uri,
            state=_optional(caller, "state"),
            challenge=challenge,
            session_id=session.row.id,
            library_id=linked.library_id if linked is not None else None,
            linked_consent_id=linked.id if linked is not None else None,
        ),
        caller.now,
        caller.platform.settings.preauthorization_lifetime,
    )
    return await call.once.respond(_with_session(caller, {"preauthorization_code": code}, session), 201)


@router.post("/oauth/token", response_model=TokenResponse)
async def issue_tokens(call: Writing) -> Response:
    """Issue a pair of tokens for an authorization code (protocol 4.2) or a refresh token (4.3)."""
    grants = {"authorization_code": _exchange_code, "refresh_token": _refresh}
    issue = grants.get(call.caller.claim("grant_type"))
    if issue is None:
        raise InvalidRequest("The claim grant_type must be authorization_code or refresh_token")
    try:
        return await _issue(call, issue)
    except tokens.TokenChanged:
        if call.sql.has_begun:
            raise
        return await _issue(_reading_again(call), issue)


def also_read_refresh_token(request: Request) -> AlsoRead | None:
    """Return what finds the refresh token of a request together with its caller, if its signature was verified."""
    verified = verified_token(request)
    refresh_token = verified.claims.get("refresh_token") if verified else None
    if not isinstance(refresh_token, str):
        return None
    return tokens.also_read_refresh_token(platform_of(request).hints, refresh_token)


def _reading_again(call: WritingCall) -> WritingCall:
    """Return the call without the refresh token that was read with its caller, so that the token is read again."""
    return replace(call, caller=replace(call.caller, found=replace(call.caller.found, also=())))


async def _issue(call: WritingCall, issue: Callable[[WritingCall], Awaitable[tokens.TokenPair]]) -> Response:
    """Issue tokens, store them, and make the response. Raises TokenChanged."""
    pair = await issue(call)
    partner_id = call.caller.contract.application.partner_id
    sub = pair.grant.sub or await consents.public_user_id(call.sql, pair.grant.library_id, partner_id)
    claims = {
        "access_token": pair.access.to_claim(),
        "refresh_token": pair.refresh.to_claim(),
        "sub": sub,
        "identifier": {"id": sub},
        "consentid": str(pair.grant.consent_id),
        "token_type": "Bearer",
    }
    response = await call.once.respond({"token": call.caller.sign(claims)})
    with tokens.noticing_change():
        await call.sql.commit()
    return response


async def _exchange_code(call: WritingCall) -> tokens.TokenPair:
    caller = call.caller
    code, verifier = caller.claim("code"), caller.claim("code_verifier")
    # The same request, sent again at the same time, must wait: it would look like a second use of the code.
    await call.once.claim()
    return await tokens.redeem_code(call.sql, caller.platform, caller.contract.id, code, verifier, caller.now)


async def _refresh(call: WritingCall) -> tokens.TokenPair:
    caller, platform = call.caller, call.caller.platform
    refresh_token = caller.claim("refresh_token")
    pair = await tokens.rotate_refresh_token(
        call.sql,
        platform,
        caller.contract.id,
        refresh_token,
        caller.now,
        arrived=caller.arrived,
        read=caller.found.also,
    )
    assert pair.wrapped_key is not None
    library = await open_with_key(platform, pair.grant.library_id, pair.wrapped_key)
    facts = {"consent": str(pair.grant.consent_id), "contract": caller.contract.id}
    await record_event(call.sql, library, Event(EventKind.ACCESS_RENEWED, facts))
    return pair


@router.post("/oauth/token/reference", status_code=201, response_model=PreauthorizationResponse)
async def issue_reference_code(call: Writing, body: AuthorizeBody | None = None) -> Response:
    """Issue a reference code that opens a consent page for an existing user. Protocol 4.4."""
    caller = call.caller
    named = _optional(caller, "redirect_uri") or default_redirect_uri(caller.contract)
    redirect_uri = check_redirect_uri(caller.contract, named or caller.claim("redirect_uri"))
    access = _known_user(caller)
    challenge = _read_challenge(caller) if "code_challenge" in caller.claims else None
    session = await _pending_session(call, body)
    lifetime = caller.platform.settings.preauthorization_lifetime
    start = journeys.Start(
        caller.contract,
        redirect_uri,
        state=_optional(caller, "state"),
        challenge=challenge,
        session_id=session.row.id,
        library_id=access.consent.library_id,
        consent_id=access.consent_id,
    )
    code = await journeys.begin_journey(call.sql, start, caller.now, lifetime)
    expires_on = int((caller.now + lifetime).timestamp())
    claims = {"reference_code": code, "token_type": "Bearer", "expires_on": expires_on}
    return await call.once.respond(_with_session(caller, claims, session), 201)


class ReferenceBody(Wire):
    """The storage (`cloudId`) or account (`accountId`) to create a handle for."""

    type: str
    value: str = Field(max_length=200)


class ReferenceResponse(Wire):
    """A handle, `id`, which is used in the browser's URL instead of the id of the storage or account."""

    id: str


@router.post("/reference", status_code=201, response_model=ReferenceResponse)
async def create_reference(caller: ContractCaller, once: Once, body: ReferenceBody) -> Response:
    """Create an opaque one-time handle for a storage or an account. Protocol 4.5."""
    handle = await references.new_reference(
        caller.db,
        caller.contract,
        body.type,
        body.value,
        caller.now + caller.platform.settings.preauthorization_lifetime,
    )
    return await once.respond({"id": handle}, 201)


def _known_user(caller: Caller) -> TokenRow:
    """Find the access token of this contract. It may be expired, since re-authorization is for that. Protocol 4.4."""
    caller.claim("access_token")
    access = tokens.check_known(caller.found.token, "access")
    if access.consent.revoked_at is not None:
        raise InvalidToken("The token (access_token) is invalid")
    return access


async def _linked_consent(caller: Caller) -> ConsentRow | None:
    """Find the consent whose library the new grant joins: that of the access token, if one was sent. Protocol 4.1."""
    value = _optional(caller, "access_token")
    if value is None:
        return None
    platform, partner_id = caller.platform, caller.contract.application.partner_id
    async with platform.database.transaction() as db:
        access = await tokens.find_token_of_partner(db, platform.hints, partner_id, value)
    return access.consent


async def _pending_session(call: WritingCall, body: AuthorizeBody | None) -> NewSession:
    caller = call.caller
    check_agent(caller.platform.settings.blocked_sdks, body.agent if body else None)
    options = body.actions.pull if body and body.actions else None
    return await new_session(call.sql, caller.platform, caller.contract, options or SessionOptions(), caller.now)


def _with_session(caller: Caller, claims: dict[str, object], session: NewSession) -> dict[str, Any]:
    return {"token": caller.sign(claims), "session": session.to_message().to_wire()}


def _read_challenge(caller: Caller) -> str:
    _check_fixed_claims(caller, code_challenge_method="S256")
    challenge = caller.claim("code_challenge")
    if not pkce.is_challenge(challenge):
        raise InvalidRequest("The claim code_challenge must be 43 characters of base64url")
    return challenge


def _check_fixed_claims(caller: Caller, **expected: str) -> None:
    for name, value in expected.items():
        if caller.claim(name) != value:
            raise InvalidRequest(f"The claim {name} must be {value}")


def _optional(caller: Caller, name: str) -> str | None:
    return caller.claim(name) if name in caller.claims else None
