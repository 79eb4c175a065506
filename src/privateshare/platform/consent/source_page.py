"""The page where a person picks a source."""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent import agreeing, steps
from privateshare.platform.consent.choices import allowed_sources, picker
from privateshare.platform.consent.pages import PageRoute, redirect
from privateshare.platform.consent.walk import (
    REVIEWED,
    OpenWalk,
    PostedForm,
    Walk,
    check_open,
    journey_page,
    require_kind,
)
from privateshare.platform.consent.wording import N_

SEARCHABLE_FROM = 7  # fewer tiles are seen at a glance
UNPROCESSABLE = 422

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/source")
async def show_sources(walk: OpenWalk, q: str = "") -> Response:
    """The sources that the app asks for; with `q` those it names."""
    require_kind(walk, *REVIEWED, "onboard")
    return await _sources(walk, search=q[:100])


@router.post("/journey/{tag}/source")
async def pick_source(form: PostedForm) -> Response:
    """On to connecting the source that was picked."""
    walk = form.walk
    check_open(walk)
    require_kind(walk, *REVIEWED, "onboard")
    picked = form.first("source")
    offered = {str(id_): source for id_, source in allowed_sources(walk.contract, walk.parameters, walk.now).items()}
    if picked not in offered:
        return await _sources(walk, problem=walk.words.say(N_("Choose one of these first.")))
    if await steps.connects_samples_alone(walk):
        return redirect(await steps.onboard_sample(walk, offered[picked]))
    return redirect(walk.address(f"connect/{picked}"))


async def _sources(walk: Walk, *, search: str = "", problem: str = "") -> Response:
    offered = allowed_sources(walk.contract, walk.parameters, walk.now)
    values = {
        "picker": picker(offered, search, walk.words),
        "search": search,
        "searchable": len(offered) >= SEARCHABLE_FROM,
        "has_accounts": bool(await agreeing.shareable_accounts(walk)),
        "problem": problem,
    }
    return journey_page(walk, "pick-source.html", values, status=UNPROCESSABLE if problem else 200)
