"""The page after a first consent on which a person gets a passkey or a recovery code, and then returns to the app."""

import structlog
from fastapi import APIRouter
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import outcome
from privateshare.platform.consent.passkey_forms import NOT_ADDED, NewPasskey
from privateshare.platform.consent.rendering import SHOWN_ONCE, PageRoute
from privateshare.platform.consent.visit import AnyVisit, PostedForm, Visit, journey_page
from privateshare.platform.http.requests import public_address
from privateshare.platform.library.libraries import open_library
from privateshare.platform.person.passkeys import PasskeyRefused, has_passkey, site_of
from privateshare.platform.person.recovery_codes import new_recovery_code

UNPROCESSABLE = 422

router = APIRouter(route_class=PageRoute)
log = structlog.get_logger()


@router.get("/journey/{tag}/recovery")
async def show_recovery(visit: AnyVisit) -> Response:
    """Explain what passkey and code are for. No code is made yet."""
    _check_may_have_one(visit)
    return await _page(visit)


@router.post("/journey/{tag}/recovery")
async def make_recovery_code(form: PostedForm) -> Response:
    """Make a code and show it; it cannot be shown a second time."""
    _check_may_have_one(form.visit)
    library_id = form.visit.journey.library_id
    assert library_id is not None
    library = await open_library(form.visit.db, form.visit.platform, library_id)
    return await _page(form.visit, code=await new_recovery_code(form.visit.db, library))


@router.post("/journey/{tag}/passkeys/challenge")
async def make_passkey_options(form: PostedForm) -> Response:
    """Answer the script with what the browser needs to make a passkey."""
    _check_may_have_one(form.visit)
    return await (await _new_passkey(form.visit)).options(form.visit.words)


@router.post("/journey/{tag}/passkeys")
async def add_passkey(form: PostedForm) -> Response:
    """Add the passkey that the browser has made."""
    visit = form.visit
    _check_may_have_one(visit)
    browser_id = next((s.browser_id for s in visit.browsers if s.library_id == visit.journey.library_id), None)
    try:
        await (await _new_passkey(visit)).keep(form.first("credential"), browser_id)
    except PasskeyRefused as error:
        log.warning("a new passkey was refused", library=str(visit.journey.library_id), reason=str(error))
        return await _page(visit, problem=visit.words.say(NOT_ADDED))
    return await _page(visit)


async def _new_passkey(visit: Visit) -> NewPasskey:
    assert visit.journey.library_id is not None
    library = await open_library(visit.db, visit.platform, visit.journey.library_id)
    return NewPasskey(visit.request, visit.db, library, f"journey {visit.journey.id} {visit.browser}", visit.now)


def _check_may_have_one(visit: Visit) -> None:
    """Raise NotFound unless the person has just agreed here, in a browser that proves who they are."""
    agreed = visit.journey.finished_at is not None and visit.journey.consent_id is not None
    if not agreed or visit.journey.library_id is None or not visit.proven:
        raise NotFound("There is no such page")


async def _page(visit: Visit, code: str = "", problem: str = "") -> Response:
    assert visit.journey.library_id is not None
    address = public_address(visit.request)
    values: dict[str, object] = {
        "code": code,
        "my_address": f"{address}/me",
        "onward": await outcome.usable_outcome(visit),
        "passkeys": site_of(address) is not None,
        "has_passkey": await has_passkey(visit.db, visit.journey.library_id),
        "problem": problem,
    }
    if code:
        values.update(SHOWN_ONCE)
    return journey_page(visit, "recovery.html", values, status=UNPROCESSABLE if problem else 200)
