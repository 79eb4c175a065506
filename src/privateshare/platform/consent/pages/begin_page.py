"""The first page of a journey that asks the person nothing: its script submits the form. Protocol 8.2.

An app may ask for sample data alone (`sampleDataAutoOnboard`), or for a source that it reads itself on the person's
phone. Such a link needs no page. But opening it must not spend it, since mail scanners and previews open links too: so
there is a page, whose script sends the form at once if a person sees it. Without scripts they press its button.
"""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent import navigation, outcome
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.source_choice import allowed_sources, source_on_device
from privateshare.platform.consent.visit import PostedForm, UnfinishedVisit, Visit, journey_page

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/begin")
async def show_begin(visit: UnfinishedVisit) -> Response:
    """Show what the link does; the page's script submits the form at once."""
    if not await _asks_nothing(visit):
        return redirect(await navigation.first_page(visit))
    service = visit.parameters.service
    assert service is not None
    on_device = source_on_device(visit) is not None
    return journey_page(visit, "begin.html", {"source": visit.words.source(service), "on_device": on_device})


@router.post("/journey/{tag}/begin")
async def begin_journey(form: PostedForm) -> Response:
    """Do what the link asks for, and redirect to the app."""
    visit = form.visit
    if visit.journey.finished_at is not None:
        return redirect(await outcome.usable_outcome(visit) or visit.address("done"))
    if not await _asks_nothing(visit):
        return redirect(await navigation.first_page(visit))
    if source_on_device(visit) is not None:
        return redirect(await outcome.add_accounts(visit, []))
    assert visit.parameters.service is not None
    source = allowed_sources(visit)[visit.parameters.service]
    return redirect(await navigation.onboard_sample(visit, source))


async def _asks_nothing(visit: Visit) -> bool:
    return await navigation.first_page(visit) == visit.address("begin")
