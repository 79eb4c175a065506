"""Signing in at a source: the page that leads there, and the redirect URI. OAuth 2, RFC 6749 4.1."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from privateshare.errors import NotFound
from privateshare.platform.consent import connections, navigation, pending_sign_in
from privateshare.platform.consent.pending_sign_in import PendingSignIn
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.translation import isolated_text
from privateshare.platform.consent.visit import UnfinishedVisit, Visit, check_unfinished, journey_page, resume_visit
from privateshare.platform.http.requests import base_path, platform_of, public_address
from privateshare.platform.library.credentials import revoke_token
from privateshare.platform.operating.admission import place_given_up
from privateshare.protocol.addresses import ONBOARD_PATH
from privateshare.sources.contract import (
    Broken,
    NeedsLogin,
    PublishedClientSource,
    SignInSource,
    TryLater,
)

router = APIRouter(route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class ReturnedBrowser:
    """A browser that returned from the sign-in that it started."""

    visit: Visit
    source: SignInSource
    pending: PendingSignIn
    code: str = field(repr=False)
    issuer: str | None

    def to_connect_page(self, problem: str) -> Response:
        """Redirect to the page where the person can try again."""
        provider = self.pending.known.get("provider")
        query = urlencode({"problem": problem} | ({"provider": provider} if provider else {}))
        return redirect(self.visit.address(f"connect/{self.pending.source_id}?{query}"))


@router.get("/journey/{tag}/sign-in/{source_id}")
async def show_sign_in(visit: UnfinishedVisit, source_id: int) -> Response:
    """Show a page that sends the browser to the source.

    CSP form-action also applies to redirects, so the browser goes to the source from an extra page.
    """
    pending = pending_sign_in.find_pending(visit)
    if pending is None or pending.source_id != source_id:
        return redirect(visit.address(f"connect/{source_id}"))
    name = pending.known.get("name")  # The person sees where they go, if they chose it by a name or an address.
    source = isolated_text(str(name)) if name else visit.words.source(source_id)
    values = {"source": source, "source_id": source_id, "onward": pending.address}
    return journey_page(visit, "leave.html", values)


@router.get("/connected")
@router.get("/signed-in")  # For servers that people name.
async def come_back(request: Request) -> Response:
    """Answer the redirect URIs of all sources. A state of another browser, or a used one, connects nothing."""
    platform = platform_of(request)
    if (browser := pending_sign_in.browser_of(request.query_params.get("state", ""))) is not None:
        way, query = _last_segment(request), request.url.query
        return redirect(f"{base_path(request)}/me/{browser}/connected/{way}?{query}")
    async with platform.database.transaction() as db:
        returned = await _take_return(request, db)
    if isinstance(returned, Response):
        return returned
    try:
        async with place_given_up():
            token, identity = await pending_sign_in.exchange_for_account(
                platform, returned.source, returned.pending, returned.code, returned.issuer
            )
    except TryLater:
        return returned.to_connect_page("away")
    except (NeedsLogin, Broken):
        return returned.to_connect_page("failed")
    source = returned.source
    try:
        async with platform.database.transaction() as db:
            visit = await resume_visit(request, db, pending_sign_in.tag_of(returned.pending.state))
            check_unfinished(visit)
            await connections.prove_by_sign_in(visit, source, identity)
            if await connections.is_expected(visit, identity, signed_in=True):
                account = await connections.connect_signed_in(visit, source, identity, token)
                return redirect(await navigation.after_connecting(visit, account))
    except BaseException:  # Revoke the token on any failure, so that a token we do not store cannot be used.
        await revoke_token(platform.sources, source.info.id, token)
        raise
    async with place_given_up():
        await revoke_token(platform.sources, source.info.id, token)
    return returned.to_connect_page("another")


@router.get("/client/{source_id}")
async def describe_client(request: Request, source_id: int) -> Response:
    """Answer with what servers of a source fetch to know the platform. It is the same for everyone."""
    source = platform_of(request).sources.connectable.get(source_id)
    document = None
    if isinstance(source, PublishedClientSource):
        origin = public_address(request)
        client_id = f"{origin}{ONBOARD_PATH}client/{source_id}"
        document = source.client_document(client_id, origin + pending_sign_in.NAMED_SERVER_CALLBACK_PATH)
    if document is None:
        raise NotFound("There is no such page")
    return JSONResponse(document)


async def _take_return(request: Request, db: AsyncSession) -> ReturnedBrowser | Response:
    """Read what the browser returned with, which works once; or return the response that it gets instead."""
    query = request.query_params
    state = query.get("state", "")
    visit = await resume_visit(request, db, pending_sign_in.tag_of(state))
    check_unfinished(visit)
    pending = pending_sign_in.take_pending(visit, state)
    if pending is None:
        return redirect(await navigation.first_page(visit))
    source = await navigation.offered_source(visit, pending.source_id)
    assert isinstance(source, SignInSource)
    returned = ReturnedBrowser(visit, source, pending, query.get(pending.code_parameter, ""), query.get("iss"))
    if not pending.redirect_uri.endswith(f"/{_last_segment(request)}"):  # Another source sent the browser here.
        return returned.to_connect_page("failed")
    if "error" in query or not returned.code:
        return returned.to_connect_page("declined" if query.get("error") == "access_denied" else "failed")
    return returned


def _last_segment(request: Request) -> str:
    """Return the end of the path, which tells the two redirect URIs apart."""
    return request.url.path.rpartition("/")[2]
