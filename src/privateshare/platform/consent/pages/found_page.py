"""The page that shows what is in a person's files, before anything is added: a card for each export, and a decision."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.platform.consent import connections, outcome, previews
from privateshare.platform.consent.export_cards import (
    DECIDE_FIRST,
    DROP,
    FoundExport,
    chosen_account,
    decided,
    export_cards,
    is_being_read,
    page_values,
)
from privateshare.platform.consent.export_reading import add_wanted, exports_read_by_now
from privateshare.platform.consent.journey_files import offered_names, waiting_exports
from privateshare.platform.consent.known_accounts import KnownAccounts, known_accounts
from privateshare.platform.consent.rendering import PageRoute, RedirectInstead, redirect
from privateshare.platform.consent.shareable_accounts import visible_accounts
from privateshare.platform.consent.visit import (
    CONNECTING,
    MAX_FORM_FIELDS,
    REVIEWED,
    TOKEN_FIELD,
    Visit,
    check_form_token,
    check_sent_from_here,
    journey_page,
    lock_unfinished,
    view_unfinished,
)
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.waiting_exports import WaitingExport
from privateshare.platform.sync.orphans import delete_blob_on_failure

UNPROCESSABLE = 422

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/found")
async def show_found(request: Request, source: int | None = None) -> Response:
    """Show what is in the files, or how far the reading is. With `source`, the person chose the source before."""
    visit, known = await _visit_and_accounts(request)
    exports = await exports_read_by_now(waiting_exports(visit))
    if not exports:
        return redirect(_upload_page(visit, source))
    return _page(visit, _cards(visit, exports, known), source)


@router.post("/journey/{tag}/found")
async def decide(request: Request, source: int | None = None) -> Response:
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
        return redirect(_found_page(visit, source))
    decisions = decided(cards, answers)
    if decisions is None:
        return _page(visit, cards, source, visit.words.say(DECIDE_FIRST))
    added = list[UUID]()

    async def add(export: WaitingExport, decision: str) -> None:
        added.append(await _add(request, visit, export, decision))

    lost = await add_wanted(waiting, exports, decisions, add)
    if lost:
        return redirect(_found_page(visit, source))
    if visit.journey.kind not in REVIEWED and added:
        return redirect(await _share(request))
    wanted = any(decision != DROP for decision in decisions.values())
    is_reviewed = visit.journey.kind in REVIEWED
    return redirect(visit.address("preview") if wanted and is_reviewed else _upload_page(visit, source))


async def _add(request: Request, visit: Visit, export: WaitingExport, decision: str) -> UUID:
    """Connect the account of an export, and begin to import it. Return the account's id.

    Raises NotWaiting or UnreadableBlob, or RedirectInstead if the export is not of the account that is connected again.
    """
    assert export.source is not None
    assert export.summary is not None
    platform, source = visit.platform, visit.platform.sources.connectable[export.source]
    objects = waiting_exports(visit).objects(export)
    async with platform.database.transaction() as db:
        visit = await lock_unfinished(request, db, CONNECTING)
        if not await connections.is_expected(visit, export.summary.identity):
            raise RedirectInstead(redirect(visit.address(f"connect/{source.info.id}?problem=another")))
        library = await outcome.journey_library(visit)
    # No transaction is open while the objects are copied.
    was_read = export.known_in is None
    kept = await connections.keep_export(platform, library, export.export_file, objects, was_read=was_read)
    async with delete_blob_on_failure(platform, kept.blob), platform.database.transaction() as db:
        visit = await lock_unfinished(request, db, CONNECTING)
        await waiting_exports(visit).take(export)
        account = chosen_account(decision)
        upload = await connections.connect_archive(visit, source, kept, account)
        if visit.journey.kind in REVIEWED:
            await previews.start_preview(visit, upload.account)
        return upload.account.id


async def _share(request: Request) -> str:
    """Share what was connected under the consent that the person gave before; return where the browser goes."""
    async with platform_of(request).database.transaction() as db:
        visit = await lock_unfinished(request, db, CONNECTING)
        ids = sorted(connections.connected_here(visit))
        accounts = [await db.get_one(AccountRow, (visit.journey.library_id, id_)) for id_ in ids]
        return await outcome.add_accounts(visit, accounts)


async def _visit_and_accounts(request: Request) -> tuple[Visit, KnownAccounts]:
    """Load the journey, and the accounts that an export could belong to."""
    async with platform_of(request).database.transaction() as db:
        visit = await view_unfinished(request, db, CONNECTING)
        if visit.journey.library_id is None:
            return visit, KnownAccounts()
        library = await open_library(db, visit.platform, visit.journey.library_id)
        return visit, known_accounts(library, await visible_accounts(visit), visit.journey.account_id)


def _found_page(visit: Visit, source: int | None) -> str:
    return visit.address("found" if source is None else f"found?source={source}")


def _upload_page(visit: Visit, source: int | None) -> str:
    """Return the page where a person uploads another file: that of the source, or that for any files."""
    if source is not None:
        return visit.address(f"connect/{source}")
    return visit.address("drop" if visit.journey.kind in REVIEWED else "source")


def _cards(visit: Visit, exports: Sequence[WaitingExport], known: KnownAccounts) -> Sequence[FoundExport]:
    return export_cards(visit.words, visit.platform.sources.connectable, exports, known, visit.now)


def _page(visit: Visit, cards: Sequence[FoundExport], source: int | None, problem: str = "") -> Response:
    values = page_values(cards, problem) | {
        "target": _found_page(visit, source),
        "again": _upload_page(visit, source),
        "offered": offered_names(visit),
    }
    return journey_page(visit, "found.html", values, status=UNPROCESSABLE if problem else 200)
