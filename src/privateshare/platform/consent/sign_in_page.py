"""Signing in at a source: the page that leads there, and the address that leads back. OAuth 2, RFC 6749 4.1."""

import asyncio
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.platform import upstream
from privateshare.platform.admission import place_given_up
from privateshare.platform.api.requests import platform_of
from privateshare.platform.consent import connecting, signing_in, steps
from privateshare.platform.consent.pages import redirect
from privateshare.platform.consent.signing_in import Leave
from privateshare.platform.consent.walk import OpenWalk, Walk, check_open, journey_page, resume_walk
from privateshare.platform.library.credentials import revoke_token
from privateshare.sources.contract import (
    Broken,
    Identity,
    JsonObject,
    NeedsLogin,
    SignIn,
    SignInSource,
    SourceFailure,
    TryLater,
)

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Return:
    """A browser that came back from the sign-in that it began."""

    walk: Walk
    source: SignInSource
    leave: Leave
    code: str = field(repr=False)
    issuer: str | None

    def to_connect_page(self, problem: str) -> Response:
        """Back to where the person can try again."""
        return redirect(self.walk.address(f"connect/{self.leave.source_id}?problem={problem}"))


@router.get("/journey/{tag}/sign-in/{source_id}")
async def leave(walk: OpenWalk, source_id: int) -> Response:
    """Leads on to the source. A page between, since a form may lead only where its page says, and sources lead on."""
    under_way = signing_in.under_way(walk)
    if under_way is None or under_way.source_id != source_id:
        return redirect(walk.address(f"connect/{source_id}"))
    values = {"source": walk.words.source(source_id), "source_id": source_id, "onward": under_way.address}
    return journey_page(walk, "leave.html", values)


@router.get("/connected")
async def come_back(request: Request) -> Response:
    """Where every source sends people back to. A state that is not this browser's, or was used, connects nothing."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        returned = await _take_return(request, db)
    if isinstance(returned, Response):
        return returned
    try:
        async with place_given_up():
            token, identity = await _signed_in(returned)
    except TryLater:
        return returned.to_connect_page("away")
    except (NeedsLogin, Broken):
        return returned.to_connect_page("failed")
    source = returned.source
    try:
        async with platform.database.transaction() as db:
            walk = await resume_walk(request, db, signing_in.tag_of(returned.leave.state))
            check_open(walk)
            if await connecting.is_expected(walk, identity):
                account = await connecting.connect_signed_in(walk, source, identity, token)
                return redirect(await steps.after_connecting(walk, account))
    except BaseException:  # whatever it was: what no account keeps must not be of use
        await revoke_token(source.info.id, token)
        raise
    async with place_given_up():
        await revoke_token(source.info.id, token)
    return returned.to_connect_page("another")


async def _take_return(request: Request, db: AsyncSession) -> Return | Response:
    """What the browser came back with, which works once, or where it goes instead."""
    query = request.query_params
    state = query.get("state", "")
    walk = await resume_walk(request, db, signing_in.tag_of(state))
    check_open(walk)
    under_way = signing_in.take(walk, state)
    if under_way is None:
        return redirect(await steps.first_page(walk))
    source = await steps.offered_source(walk, under_way.source_id)
    assert isinstance(source, SignInSource)
    returned = Return(walk, source, under_way, query.get("code", ""), query.get("iss"))
    if "error" in query or not returned.code:
        return returned.to_connect_page("declined" if query.get("error") == "access_denied" else "failed")
    return returned


async def _signed_in(returned: Return) -> tuple[JsonObject, Identity]:
    """The source's token, and whose account it opens. Raises TryLater, NeedsLogin or Broken."""
    source, under_way = returned.source, returned.leave
    sign_in = await asyncio.to_thread(source.sign_in)
    _check_issuer(sign_in, returned.issuer)
    token = await asyncio.to_thread(
        upstream.exchange_code, sign_in, under_way.redirect_uri, returned.code, under_way.verifier
    )
    try:
        return token, await connecting.identify_signed_in(source, token)
    except SourceFailure:
        await revoke_token(source.info.id, token)
        raise


def _check_issuer(sign_in: SignIn, issuer: str | None) -> None:
    """Raises Broken if it was another server that sent the browser back. RFC 9207."""
    if issuer is not None and sign_in.issuer is not None and issuer != sign_in.issuer:
        raise Broken("The source could not complete the sign-in. Try again later, or choose another source.")
