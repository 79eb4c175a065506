"""The page that a person sees while the first sync of an account runs. It renews itself, without JavaScript."""

from time import monotonic

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.platform.consent.previews import is_preview_running, may_preview_be_running
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.visit import (
    REVIEWED,
    Visit,
    journey_page,
    view_unfinished,
)
from privateshare.platform.http.requests import platform_of
from privateshare.platform.operating.admission import current_request, place_given_up

# Most first syncs end within this time, so that the person sees no page between.
LONGEST_WAIT_SECONDS, POLL_SECONDS = 1.5, 0.1
RENEWAL_SECONDS = 2

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/preview")
async def show_preview(request: Request) -> Response:
    """Wait a moment for the first sync; then go on to the consent page, or show that it takes longer."""
    give_up = monotonic() + LONGEST_WAIT_SECONDS
    admitted = current_request()
    async with place_given_up():
        while True:
            async with admitted.polling():
                visit, is_running = await _look(request)
            if not is_running:
                return redirect(visit.address("consent"))
            if monotonic() > give_up:
                break
            await _wait_for_preview(visit, give_up)
    return journey_page(visit, "preview.html", {"refresh": RENEWAL_SECONDS})


async def _wait_for_preview(visit: Visit, give_up: float) -> None:
    """Wait until the preview has probably ended, by polling with a small query. Raises HungUp."""
    admitted = current_request()
    while True:
        await admitted.sleep(POLL_SECONDS)
        async with admitted.polling():
            if monotonic() > give_up or not await may_preview_be_running(visit):
                return


async def _look(request: Request) -> tuple[Visit, bool]:
    async with platform_of(request).database.transaction() as db:
        visit = await view_unfinished(request, db, REVIEWED)
        return visit, await is_preview_running(visit)
