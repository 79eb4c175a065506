"""The page where a person reads what an app asks for, and agrees or declines."""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent import agreeing, ending
from privateshare.platform.consent.choices import asks_for_sources, source_on_device
from privateshare.platform.consent.pages import PageRoute, redirect
from privateshare.platform.consent.terms import read_terms
from privateshare.platform.consent.walk import REVIEWED, OpenWalk, PostedForm, Walk, journey_page, require_kind
from privateshare.platform.consent.wording import N_

UNPROCESSABLE = 422

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/consent")
async def show_consent(walk: OpenWalk) -> Response:
    """What the app asks for."""
    require_kind(walk, *REVIEWED)
    return await _consent(walk)


@router.post("/journey/{tag}/consent")
async def give_consent(form: PostedForm) -> Response:
    """The person agrees: back to the app with a code. Pressed twice, it leads to the same place twice."""
    walk = form.walk
    if walk.journey.finished_at is not None:
        return redirect(await ending.usable_outcome(walk) or walk.address("done"))
    require_kind(walk, *REVIEWED)
    shareable = await agreeing.shareable_accounts(walk)
    chosen = agreeing.chosen_accounts(shareable, form.fields.get("account", []))
    if _needs_accounts(walk) and not chosen:
        return await _consent(walk, walk.words.say(N_("Choose at least one account, or decline.")))
    return redirect(await ending.accept(walk, chosen))


def _needs_accounts(walk: Walk) -> bool:
    """Whether there is nothing to agree to without an account."""
    asks = asks_for_sources(walk.contract, walk.parameters)
    return asks and source_on_device(walk.contract, walk.parameters, walk.now) is None


async def _consent(walk: Walk, problem: str = "") -> Response:
    shareable = await agreeing.shareable_accounts(walk)
    if _needs_accounts(walk) and not shareable:
        return redirect(walk.address("source"))
    on_device = source_on_device(walk.contract, walk.parameters, walk.now)
    values = {
        "terms": read_terms(walk.contract, walk.words, walk.now),
        "shareable": shareable,
        "on_device": walk.words.source(on_device) if on_device else None,
        "problem": problem,
    }
    return journey_page(walk, "consent.html", values, status=UNPROCESSABLE if problem else 200)
