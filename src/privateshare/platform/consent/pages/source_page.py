"""The page where a person picks a source."""

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent import navigation, shareable_accounts
from privateshare.platform.consent.person_description import describe_person
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.source_choice import PROVIDER_SEPARATOR, allowed_sources, picker, provider_tiles
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.visit import (
    REVIEWED,
    PostedForm,
    UnfinishedVisit,
    Visit,
    check_unfinished,
    journey_page,
    require_kind,
)
from privateshare.platform.library.providers import FoundProviders, has_providers, search_providers

MAX_SOURCES_WITHOUT_SEARCH = 8
MAX_PROVIDERS_SHOWN = 30
NO_PROVIDERS = FoundProviders((), has_more=False)
UNPROCESSABLE = 422

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/source")
async def show_sources(visit: UnfinishedVisit, q: str = "") -> Response:
    """Show the sources that the app asks for; with `q`, only those that match it."""
    require_kind(visit, *REVIEWED, "onboard")
    return await _sources(visit, search=q[:100])


@router.post("/journey/{tag}/source")
async def pick_source(form: PostedForm) -> Response:
    """Redirect to the page that connects the source that was picked."""
    visit = form.visit
    check_unfinished(visit)
    require_kind(visit, *REVIEWED, "onboard")
    picked, _, provider = form.first("source").partition(PROVIDER_SEPARATOR)
    offered = {str(id_): source for id_, source in allowed_sources(visit).items()}
    if picked not in offered:
        return await _sources(visit, problem=visit.words.say(N_("Choose one of these first.")))
    if await navigation.connects_samples_alone(visit):
        return redirect(await navigation.onboard_sample(visit, offered[picked]))
    query = f"?{urlencode({'provider': provider})}" if provider else ""
    return redirect(visit.address(f"connect/{picked}{query}"))


async def _sources(visit: Visit, *, search: str = "", problem: str = "") -> Response:
    offered = allowed_sources(visit)
    has_directory = any(one.info.has_directory for one in offered.values()) and await has_providers(visit.db)
    found = await search_providers(visit.db, search, MAX_PROVIDERS_SHOWN) if has_directory else NO_PROVIDERS
    values = {
        "person": await describe_person(visit),
        "picker": picker(offered, search, visit.words),
        "search": search,
        "searchable": has_directory or len(offered) > MAX_SOURCES_WITHOUT_SEARCH,
        "has_directory": has_directory,
        "providers": provider_tiles(offered, found.rows),
        "more_providers": found.has_more,
        "has_accounts": bool(await shareable_accounts.shareable_accounts(visit)),
        "problem": problem,
        "takes_files": visit.journey.kind in REVIEWED and any(one.info.upload for one in offered.values()),
    }
    return journey_page(visit, "pick-source.html", values, status=UNPROCESSABLE if problem else 200)
