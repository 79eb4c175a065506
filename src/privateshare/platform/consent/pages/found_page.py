"""The page that shows what is in a person's files, before anything is added: a card for each export, and a decision."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.platform.consent import connections, outcome, previews
from privateshare.platform.consent.export_cards import (
    DECIDE_FIRST,
    DROP,
    FoundExport,
    KnownAccount,
    chosen_account,
    decided,
    export_cards,
    is_being_read,
    known_accounts,
    page_values,
)
from privateshare.platform.consent.export_reading import add_wanted, exports_read_by_now
from privateshare.platform.consent.pages.drop_page import (
    UNPROCESSABLE,
    current_visit,
    locked_visit,
    offered_names,
    waiting_exports,
)
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.shareable_accounts import visible_accounts
from privateshare.platform.consent.visit import (
    MAX_FORM_FIELDS,
    TOKEN_FIELD,
    Visit,
    check_form_token,
    check_sent_from_here,
    journey_page,
)
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.waiting_exports import WaitingExport
from privateshare.platform.sync.orphans import delete_blob_on_failure

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/found")
async def show_found(request: Request) -> Response:
    """Show what is in the files, or how far the reading is."""
    visit, known = await _visit_and_accounts(request)
    exports = await exports_read_by_now(waiting_exports(visit))
    if not exports:
        return redirect(visit.address("drop"))
    return _page(visit, _cards(visit, exports, known))


@router.post("/journey/{tag}/found")
async def decide(request: Request) -> Response:
    """Add what the person wants to add, and delete the rest."""
    check_sent_from_here(request)
    visit, known = await _visit_and_accounts(request)
    async with request.form(max_files=0, max_fields=MAX_FORM_FIELDS) as form:
        answers = {name: str(value) for name, value in form.items()}
    check_form_token(visit.browser, answers.get(TOKEN_FIELD))
    waiting = waiting_exports(visit)
    exports = await waiting.all()
    cards = _cards(visit, exports, known)
    if is_being_read(cards):
        return redirect(visit.address("found"))
    decisions = decided(cards, answers)
    if decisions is None:
        return _page(visit, cards, visit.words.say(DECIDE_FIRST))

    async def add(export: WaitingExport, decision: str) -> None:
        await _add(request, visit, export, decision)

    lost = await add_wanted(waiting, exports, decisions, add)
    wanted = any(decision != DROP for decision in decisions.values())
    return redirect(visit.address("found" if lost else "preview" if wanted else "drop"))


async def _add(request: Request, visit: Visit, export: WaitingExport, decision: str) -> None:
    """Connect the account of an export, and begin to import it. Raises NotWaiting or UnreadableBlob."""
    assert export.source is not None
    assert export.summary is not None
    platform, source = visit.platform, visit.platform.sources.connectable[export.source]
    objects = waiting_exports(visit).objects(export)
    async with platform.database.transaction() as db:
        library = await outcome.journey_library(await locked_visit(request, db))
    # No transaction is open while the objects are copied.
    kept = await connections.keep_objects(platform, library, export.summary, objects)
    async with delete_blob_on_failure(platform, kept.blob), platform.database.transaction() as db:
        visit = await locked_visit(request, db)
        await waiting_exports(visit).take(export)
        account = chosen_account(decision)
        upload = await connections.connect_archive(visit, source, export.summary, kept, account)
        await previews.start_preview(visit, upload.account)


async def _visit_and_accounts(request: Request) -> tuple[Visit, Sequence[KnownAccount]]:
    """Load the journey, and the accounts that an export could belong to."""
    async with platform_of(request).database.transaction() as db:
        visit = await current_visit(request, db)
        if visit.journey.library_id is None:
            return visit, ()
        library = await open_library(db, visit.platform, visit.journey.library_id)
        return visit, known_accounts(library, await visible_accounts(visit))


def _cards(visit: Visit, exports: Sequence[WaitingExport], known: Sequence[KnownAccount]) -> Sequence[FoundExport]:
    return export_cards(visit.words, visit.platform.sources.connectable, exports, known, visit.now)


def _page(visit: Visit, cards: Sequence[FoundExport], problem: str = "") -> Response:
    values = page_values(cards, problem) | {
        "target": visit.address("found"),
        "again": visit.address("drop"),
        "offered": offered_names(visit),
    }
    return journey_page(visit, "found.html", values, status=UNPROCESSABLE if problem else 200)
