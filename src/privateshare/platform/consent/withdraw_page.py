"""The page where a person withdraws the platform's access to a source. Protocol 7.4, 8.1."""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import navigation, outcome, shareable_accounts
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.visit import OpenVisit, PostedForm, Visit, check_open, journey_page, require_kind
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.libraries import open_library

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/withdraw")
async def show_withdraw(visit: OpenVisit) -> Response:
    """Show what withdrawing means."""
    account = await _account(visit)
    library = await open_library(visit.db, visit.platform, account.library_id)
    values = {
        "source": visit.words.source(account.source_id),
        "owner": shareable_accounts.owner_of(visit, account, library) if visit.proven else "",
    }
    return journey_page(visit, "withdraw.html", values)


@router.post("/journey/{tag}/withdraw")
async def withdraw(form: PostedForm) -> Response:
    """Withdraw access: back to the app."""
    check_open(form.visit)
    return redirect(await outcome.withdraw(form.visit, await _account(form.visit)))


async def _account(visit: Visit) -> AccountRow:
    require_kind(visit, "revoke")
    account = await navigation.the_account(visit)
    if account is None:
        raise NotFound("This account was deleted")
    return account
