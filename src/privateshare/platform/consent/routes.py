"""The consent web client: pages, forms, and the way through them. Protocol 8.

    authorize   -> (pick a source -> connect it -> preview)* -> consent -> back to the app
    onboard     ->  pick a source -> connect it                         -> back to the app
    reauthorize ->                   connect it again                   -> back to the app
    user-reauth ->                                              consent -> back to the app
    revoke      ->                   withdraw access                    -> back to the app

In a browser that was used before, and where the person must prove who they are, the page `person` comes first.

Opening a page writes nothing, so that a mail scanner does not use up a link: the first form does. Every form answers
with a redirect, so that reloading repeats nothing.
"""

from typing import cast, get_args

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import navigation, outcome
from privateshare.platform.consent.app_redirect import Failure
from privateshare.platform.consent.endings import ending_of
from privateshare.platform.consent.entry import enter
from privateshare.platform.consent.pages import (
    begin_page,
    connect_page,
    consent_page,
    drop_page,
    found_page,
    person_page,
    preview_page,
    recovery_page,
    remove_upload_page,
    sign_in_page,
    source_page,
    withdraw_page,
)
from privateshare.platform.consent.rendering import PageRoute, redirect, static_file
from privateshare.platform.consent.visit import AnyVisit, PostedForm, journey_page
from privateshare.platform.grants.journeys import JourneyKind
from privateshare.platform.http.routing import flat_router
from privateshare.platform.http.transaction import Transaction

router = APIRouter(route_class=PageRoute)


def consent_app() -> APIRouter:
    """Collect every route under the address of the consent web client. Protocol 1."""
    first, last = (begin_page, person_page, source_page), (consent_page, recovery_page, withdraw_page)
    parts = (*first, drop_page, found_page, connect_page, sign_in_page, remove_upload_page, preview_page, *last)
    return flat_router([*(part.router for part in parts), router])


@router.get("/{kind}")
async def open_link(request: Request, db: Transaction, kind: str) -> Response:
    """Answer the link that an app sent a person to."""
    if kind not in get_args(JourneyKind):
        raise NotFound("There is no such page")
    return await enter(request, db, cast(JourneyKind, kind))


@router.post("/journey/{tag}/decline")
async def decline(form: PostedForm) -> Response:
    """Undo the journey, and redirect to the app. Protocol 8.4."""
    visit = form.visit
    if visit.journey.finished_at is not None:
        return redirect(await outcome.usable_outcome(visit) or visit.address("done"))
    return redirect(await outcome.abandon(visit, Failure.USER_CANCEL))


@router.post("/journey/{tag}/failed")
async def give_up(form: PostedForm) -> Response:
    """End the journey because something failed here; the app receives SERVER_ERROR."""
    if form.visit.journey.finished_at is None:
        await outcome.abandon(form.visit, Failure.SERVER_ERROR)
    return redirect(form.visit.address("done"))


@router.get("/journey/{tag}/done")
async def done(visit: AnyVisit) -> Response:
    """Show the last page, for a person who returns to it, and for apps that do not open automatically."""
    if visit.journey.finished_at is None:
        return redirect(await navigation.first_page(visit))
    address = outcome.outcome_address(visit)
    ending = await ending_of(visit, address) if address else None
    return journey_page(visit, "done.html", {"onward": await outcome.usable_outcome(visit), "ending": ending})


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """Return a style, script or icon of the pages."""
    found = static_file(name)
    if found is None:
        raise NotFound("There is no such file")
    return found
