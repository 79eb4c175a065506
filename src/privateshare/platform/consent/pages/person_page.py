"""The page that asks who a person is: somebody who used this browser before, or somebody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import Response

from privateshare.errors import TooManyRequests
from privateshare.platform.consent import navigation
from privateshare.platform.consent.person_cookie import keep_secret
from privateshare.platform.consent.person_description import describe_library_owner
from privateshare.platform.consent.proof import Proof, may_be_somebody_else, record_proof
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.visit import (
    PostedForm,
    UnfinishedVisit,
    Visit,
    check_unfinished,
    journey_page,
    require_kind,
)
from privateshare.platform.library.accounts import adopt_accounts
from privateshare.platform.library.libraries import open_library
from privateshare.platform.person.browsers import BrowserSecret, add_browser, use_browser
from privateshare.platform.person.recovery_codes import take_recovery_code

SOMEONE_ELSE = "someone-else"
MAX_TYPED = 200
UNPROCESSABLE, TOO_MANY = 422, 429

router = APIRouter(route_class=PageRoute)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody who used this browser before; `id` is that of the browser in their library."""

    id: UUID
    words: Markup


@router.get("/journey/{tag}/person")
async def show_person(visit: UnfinishedVisit) -> Response:
    """Ask who the person is, if that is not certain already."""
    require_kind(visit, "authorize", "onboard", "reauthorize", "user-reauth")
    if not _is_open_question(visit):
        return redirect(await navigation.first_page(visit))
    return await _ask(visit)


@router.post("/journey/{tag}/person")
async def tell_person(form: PostedForm) -> Response:
    """Continue as somebody who used this browser before, or as somebody else."""
    visit = form.visit
    check_unfinished(visit)
    require_kind(visit, "authorize", "onboard", "reauthorize", "user-reauth")
    chosen, typed = form.first("person"), form.first("code")
    if typed and _is_open_question(visit):
        return await _recover(visit, typed[:MAX_TYPED])
    if chosen == SOMEONE_ELSE:
        await _be_somebody_else(visit)
    else:
        await _be_known(visit, chosen)
    return redirect(await navigation.first_page(visit))


async def _recover(visit: Visit, typed: str) -> Response:
    """Accept a recovery code as proof. It is used up, so this browser gets a secret that proves it from now on."""
    try:
        visit.platform.limits.check_recovery(visit.request.client.host if visit.request.client else "unknown")
    except TooManyRequests:
        return await _ask(visit, N_("These were many tries. Wait a minute, then try again."), TOO_MANY)
    library_id = await take_recovery_code(visit.db, typed, visit.journey.library_id)
    if library_id is None:
        log.warning("a recovery code was refused", library=str(visit.journey.library_id))
        return await _ask(
            visit, N_("This is not your code, or it was used before. Check every character."), UNPROCESSABLE
        )
    visit.journey.library_id = library_id
    record_proof(visit.journey, Proof.RECOVERY_CODE)
    library = await open_library(visit.db, visit.platform, library_id)
    await adopt_accounts(visit.db, library, visit.journey.id)
    agent = visit.request.headers.get("user-agent", "")
    keep_secret(visit.request, await add_browser(visit.db, library, agent, visit.now))
    return redirect(await navigation.first_page(visit))


def _is_open_question(visit: Visit) -> bool:
    """Tell whether the person has not proven yet who they are. A new person needs no proof."""
    if visit.journey.provisional:
        return False
    return visit.journey.library_id is None or not visit.proven


async def _be_somebody_else(visit: Visit) -> None:
    journey = visit.journey
    if journey.provisional or not may_be_somebody_else(journey):
        return
    if journey.proof == Proof.CHOSEN:
        journey.library_id = None
    record_proof(journey, Proof.NONE)


async def _be_known(visit: Visit, chosen: str) -> None:
    """Continue in a library that this browser proves to be the person's; do nothing if it does not prove it."""
    secret = next((secret for secret in _selectable(visit) if str(secret.browser_id) == chosen), None)
    if secret is None or not _is_open_question(visit):
        return
    kept = await use_browser(visit.db, secret, visit.now)
    if kept is None:
        return
    if kept != secret:
        keep_secret(visit.request, kept)
    linked = visit.journey.library_id is not None
    visit.journey.library_id = secret.library_id
    record_proof(visit.journey, Proof.BROWSER if linked else Proof.CHOSEN)
    library = await open_library(visit.db, visit.platform, secret.library_id)
    await adopt_accounts(visit.db, library, visit.journey.id)


def _selectable(visit: Visit) -> Sequence[BrowserSecret]:
    """List the secrets of the libraries to choose from: that of the link, or if it names none, any of this browser."""
    library_id = visit.journey.library_id
    return [secret for secret in visit.browsers if library_id in (None, secret.library_id)]


async def _ask(visit: Visit, problem: str = "", status: int = 200) -> Response:
    known = [
        KnownPerson(secret.browser_id, await describe_library_owner(visit, secret.library_id))
        for secret in _selectable(visit)
    ]
    values = {
        "known": known,
        "linked": visit.journey.library_id is not None,
        "needed": await navigation.needs_proof(visit),
        "signs_in": visit.contract.kind == "read",
        "problem": visit.words.say(problem),
    }
    return journey_page(visit, "person.html", values, status=status)
