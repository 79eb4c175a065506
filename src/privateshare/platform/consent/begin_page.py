"""The first page of a journey that asks the person nothing: it sends its own form. Protocol 8.2.

An app may ask for sample data alone (`sampleDataAutoOnboard`), or for a source that it reads itself on the person's
phone. Such a link needs no page. But opening it must not spend it, since mail scanners and previews open links too: so
there is a page, whose script sends the form at once if a person sees it. Without scripts they press its button.
"""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent import ending, steps
from privateshare.platform.consent.choices import allowed_sources, source_on_device
from privateshare.platform.consent.pages import PageRoute, redirect
from privateshare.platform.consent.walk import OpenWalk, PostedForm, Walk, journey_page

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/begin")
async def show_begin(walk: OpenWalk) -> Response:
    """Show what happens without a choice, and let it happen."""
    if not await _asks_nothing(walk):
        return redirect(await steps.first_page(walk))
    service = walk.parameters.service
    assert service is not None
    on_device = source_on_device(walk.contract, walk.parameters, walk.now) is not None
    return journey_page(walk, "begin.html", {"source": walk.words.source(service), "on_device": on_device})


@router.post("/journey/{tag}/begin")
async def begin(form: PostedForm) -> Response:
    """Do what the link asks for: back to the app."""
    walk = form.walk
    if walk.journey.finished_at is not None:
        return redirect(await ending.usable_outcome(walk) or walk.address("done"))
    if not await _asks_nothing(walk):
        return redirect(await steps.first_page(walk))
    if source_on_device(walk.contract, walk.parameters, walk.now) is not None:
        return redirect(await ending.add_account(walk, None))
    assert walk.parameters.service is not None
    source = allowed_sources(walk.contract, walk.parameters, walk.now)[walk.parameters.service]
    return redirect(await steps.onboard_sample(walk, source))


async def _asks_nothing(walk: Walk) -> bool:
    return await steps.first_page(walk) == walk.address("begin")
