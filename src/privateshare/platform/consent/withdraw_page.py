"""The page where a person withdraws the platform's access to a source. Protocol 7.4, 8.1."""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import agreeing, ending, steps
from privateshare.platform.consent.pages import PageRoute, redirect
from privateshare.platform.consent.walk import OpenWalk, PostedForm, Walk, check_open, journey_page, require_kind
from privateshare.platform.db.tables import Account
from privateshare.platform.library.libraries import open_library

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/withdraw")
async def show_withdraw(walk: OpenWalk) -> Response:
    """Show what withdrawing means."""
    account = await _account(walk)
    library = await open_library(walk.db, walk.platform, account.library_id)
    values = {"source": walk.words.source(account.source_id), "owner": agreeing.owner_of(walk, account, library)}
    return journey_page(walk, "withdraw.html", values)


@router.post("/journey/{tag}/withdraw")
async def withdraw(form: PostedForm) -> Response:
    """Withdraw access: back to the app."""
    check_open(form.walk)
    return redirect(await ending.withdraw(form.walk, await _account(form.walk)))


async def _account(walk: Walk) -> Account:
    require_kind(walk, "revoke")
    account = await steps.the_account(walk)
    if account is None:
        raise NotFound("This account was deleted")
    return account
