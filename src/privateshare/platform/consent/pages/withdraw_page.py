"""The page where a person withdraws the platform's access to a source. Protocol 7.4, 8.1."""

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import navigation, outcome, shareable_accounts
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.visit import (
    PostedForm,
    UnfinishedVisit,
    Visit,
    check_unfinished,
    journey_page,
    require_kind,
)
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.libraries import open_library

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/withdraw")
async def show_withdraw(visit: UnfinishedVisit) -> Response:
    """Show what withdrawing means, and what else the person can do with this source and this app."""
    account = await _account(visit)
    library = await open_library(visit.db, visit.platform, account.library_id)
    values = {
        "source": visit.words.source(account.source_id),
        "owner": shareable_accounts.owner_of(visit.platform.sources, visit.words, account, library)
        if visit.proven
        else "",
        "removable": visit.proven,
    }
    return journey_page(visit, "withdraw.html", values)


@router.post("/journey/{tag}/withdraw")
async def submit_withdrawal(form: PostedForm) -> Response:
    """Withdraw access, and redirect to the app."""
    check_unfinished(form.visit)
    removes, stops = bool(form.first("remove")), bool(form.first("stop"))
    return redirect(await outcome.withdraw(form.visit, await _account(form.visit), removes=removes, stops=stops))


async def _account(visit: Visit) -> AccountRow:
    require_kind(visit, "revoke")
    account = await navigation.account_of_journey(visit)
    if account is None:
        raise NotFound("This account was deleted")
    return account
