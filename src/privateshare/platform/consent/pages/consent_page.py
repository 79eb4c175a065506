"""The page where a person reads what an app asks for, and agrees or declines."""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent import navigation, outcome, shareable_accounts
from privateshare.platform.consent.person_description import describe_person
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.source_choice import asks_for_sources, source_on_device
from privateshare.platform.consent.terms import read_terms
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.visit import REVIEWED, PostedForm, UnfinishedVisit, Visit, journey_page, require_kind

UNPROCESSABLE = 422

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/consent")
async def show_consent(visit: UnfinishedVisit) -> Response:
    """Show what the app asks for."""
    require_kind(visit, *REVIEWED)
    if await navigation.needs_proof(visit):
        return redirect(visit.address("person"))
    return await _consent(visit)


@router.post("/journey/{tag}/consent")
async def give_consent(form: PostedForm) -> Response:
    """Record consent, and redirect to the app with a code. A second submission redirects to the same address."""
    visit = form.visit
    if visit.journey.finished_at is not None:
        return redirect(await outcome.usable_outcome(visit) or visit.address("done"))
    require_kind(visit, *REVIEWED)
    shareable = await shareable_accounts.shareable_accounts(visit)
    chosen = shareable_accounts.chosen_accounts(shareable, form.fields.get("account", []))
    if _needs_accounts(visit) and not chosen:
        return await _consent(visit, visit.words.say(N_("Choose at least one account, or decline.")))
    is_first = _is_first(visit)
    onward = await outcome.accept(visit, chosen)
    return redirect(visit.address("recovery") if is_first and form.first("recovery") else onward)


def _needs_accounts(visit: Visit) -> bool:
    """Tell whether the person must choose at least one account."""
    asks = asks_for_sources(visit)
    return asks and source_on_device(visit) is None


def _is_first(visit: Visit) -> bool:
    """Tell whether this is the person's first consent, so that only this browser can prove who they are."""
    return visit.journey.library_id is None or visit.journey.provisional


async def _consent(visit: Visit, problem: str = "") -> Response:
    shareable = await shareable_accounts.shareable_accounts(visit)
    if _needs_accounts(visit) and not shareable:
        return redirect(visit.address("source"))
    on_device = source_on_device(visit)
    values = {
        "person": await describe_person(visit),
        "is_first": _is_first(visit),
        "terms": read_terms(visit.contract, visit.platform.sources, visit.words, visit.now),
        "shareable": shareable,
        "on_device": visit.words.source(on_device) if on_device else None,
        "problem": problem,
    }
    return journey_page(visit, "consent.html", values, status=UNPROCESSABLE if problem else 200)
