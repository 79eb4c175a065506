"""The page after a first consent on which a person gets their recovery code, and then goes back to the app."""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import outcome
from privateshare.platform.consent.rendering import PageRoute
from privateshare.platform.consent.visit import AnyVisit, PostedForm, Visit, journey_page
from privateshare.platform.http.requests import public_address
from privateshare.platform.person.recovery_codes import new_recovery_code

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/recovery")
async def show_recovery(visit: AnyVisit) -> Response:
    """Explain what the code is for. No code is made yet."""
    _check_may_have_one(visit)
    return await _page(visit, "")


@router.post("/journey/{tag}/recovery")
async def make_recovery_code(form: PostedForm) -> Response:
    """Make a code and show it; it cannot be shown a second time."""
    _check_may_have_one(form.visit)
    library_id = form.visit.journey.library_id
    assert library_id is not None
    return await _page(form.visit, await new_recovery_code(form.visit.db, library_id))


def _check_may_have_one(visit: Visit) -> None:
    """Raise NotFound unless the person has just agreed here, in a browser that proves who they are."""
    agreed = visit.journey.finished_at is not None and visit.journey.consent_id is not None
    if not agreed or visit.journey.library_id is None or not visit.proven:
        raise NotFound("There is no such page")


async def _page(visit: Visit, code: str) -> Response:
    address = f"{public_address(visit.request)}/me"
    values = {"code": code, "my_address": address, "onward": await outcome.usable_outcome(visit)}
    return journey_page(visit, "recovery.html", values)
