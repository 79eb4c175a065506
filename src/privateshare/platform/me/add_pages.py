"""`/me/…/add`: a person uploads exports of any sources; each is recognised, and added to their data.

Nothing is shared with an app by it. What they took along from another PrivateShare is uploaded on a page of its own
(`bring_page.py`), and then shown and added here too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from privateshare.platform.consent import drop_zone
from privateshare.platform.consent.connections import keep_export
from privateshare.platform.consent.export_cards import (
    DECIDE_FIRST,
    FoundExport,
    chosen_account,
    decided,
    export_cards,
    is_being_read,
    page_values,
)
from privateshare.platform.consent.export_reading import (
    NotRead,
    add_wanted,
    exports_read_by_now,
    read_dropped_files,
)
from privateshare.platform.consent.known_accounts import KnownAccounts, known_accounts
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.uploads import UploadForm, form_or_problem
from privateshare.platform.consent.visit import MAX_FORM_FIELDS, TOKEN_FIELD, check_sent_from_here
from privateshare.platform.db.tables import AccountRow, SyncRow
from privateshare.platform.http.requests import platform_of
from privateshare.platform.keys.wrapping import derive_key_from
from privateshare.platform.library.accounts import library_accounts
from privateshare.platform.library.archives import add_archive
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.dropped_files import MAX_FILES, PART_BYTES, DroppedFiles
from privateshare.platform.library.known_uploads import KnownUploads
from privateshare.platform.library.waiting_exports import WaitingExport, WaitingExports
from privateshare.platform.me.visitor import MyPage, Visitor, check_token, find_visitor
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.platform.sync.sessions import sync_for_person
from privateshare.sources.contract import Source

UNPROCESSABLE, TOO_LARGE, NO_CONTENT = 422, 413, 204
KEY_PURPOSE, WAITING_PURPOSE = "dropped files", "waiting exports"
REFRESH_SECONDS = 2
MAX_SHOWN = 50  # The address of the page lists the accounts, and proxies limit the length of addresses.

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AddedSource:
    """A source that is being added, or was. `state` is "running", "done" or "problem"."""

    name: str
    state: str
    address: str


@router.get("/me/{browser_id}/add")
async def show_adding(visitor: MyPage, accounts: str = "") -> Response:
    """Ask for files; with `accounts`, show how far these accounts are. The page renews itself until all are read."""
    added = await added_sources(visitor, accounts)
    running = any(one.state == "running" for one in added)
    return _page(visitor, added=added, refresh=REFRESH_SECONDS if running else 0)


@router.get("/me/{browser_id}/add/{file_id}")
async def show_my_parts(visitor: MyPage, file_id: str) -> Response:
    """Say how much of a file is there, so that an upload can continue."""
    return JSONResponse({"parts": await dropped_files(visitor).parts(file_id), "part_bytes": PART_BYTES})


@router.put("/me/{browser_id}/add/{file_id}/{number}")
async def put_my_part(request: Request, browser_id: UUID, file_id: str, number: int) -> Response:
    """Take one part of a file."""
    check_sent_from_here(request)
    async with platform_of(request).database.transaction() as db:  # None is open while the part arrives.
        visitor = await find_visitor(request, db, browser_id)
    check_token(visitor.browser, request.headers.get(drop_zone.TOKEN_HEADER, ""))
    await drop_zone.receive_part(request, dropped_files(visitor), file_id, number)
    return Response(status_code=NO_CONTENT)


@router.post("/me/{browser_id}/add")
async def add_files(request: Request, browser_id: UUID) -> Response:
    """Recognise the files, and begin to read them, or ask which sources they are of."""
    check_sent_from_here(request)
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        visitor = await find_visitor(request, db, browser_id)
        accounts = await _own_accounts(db, visitor)
    form = await read_upload(request, visitor)
    if isinstance(form, str):
        return _page(visitor, NotRead([form]), status=TOO_LARGE)
    try:
        known = KnownUploads(platform, visitor.library.id, [account.id for account in accounts])
        dropped, waiting = dropped_files(visitor), waiting_exports(visitor)
        not_read = await read_dropped_files(form, dropped, waiting, known, visitor.words, _offered(visitor))
        return _page(visitor, not_read) if not_read is not None else redirect(visitor.address("found"))
    finally:
        form.close()


async def read_upload(request: Request, visitor: Visitor) -> UploadForm | str:
    """Read a form with a file, which the caller must close. If the file is too large, return a sentence about that."""

    def admit(fields: dict[str, str]) -> None:
        check_token(visitor.browser, fields.get(TOKEN_FIELD, ""))

    return await form_or_problem(request, visitor.platform, visitor.words, admit)


async def added_sources(visitor: Visitor, accounts: str) -> Sequence[AddedSource]:
    """Describe the accounts with these ids, and whether their data is still being added."""
    found = []
    for text in accounts.split(",")[:MAX_SHOWN]:
        try:
            row = await visitor.db.get(AccountRow, (visitor.library.id, UUID(text)))
        except ValueError:
            continue
        if row is not None:
            name = visitor.words.source(row.source_id)
            found.append(AddedSource(name, await _state(visitor, row), visitor.address(f"sources/{row.id}")))
    return found


async def _state(visitor: Visitor, account: AccountRow) -> str:
    query = select(SyncRow).where(SyncRow.library_id == account.library_id, SyncRow.account_id == account.id)
    last = await visitor.db.scalar(query.order_by(SyncRow.created_at.desc()).limit(1))
    if last is None or last.finished_at is None:
        return "running" if last is not None else "done"
    return "done" if last.outcome == "done" and last.error is None else "problem"


# --- what was found in the files ---


@router.get("/me/{browser_id}/found")
async def show_my_found(request: Request, browser_id: UUID) -> Response:
    """Show what is in the files, or how far the reading is."""
    visitor, known = await _visitor_and_accounts(request, browser_id)
    exports = await exports_read_by_now(waiting_exports(visitor))
    if not exports:
        return redirect(visitor.address("add"))
    return _found_page(visitor, _cards(visitor, exports, known))


@router.post("/me/{browser_id}/found")
async def decide_on_mine(request: Request, browser_id: UUID) -> Response:
    """Add what the person wants to add, and delete the rest."""
    check_sent_from_here(request)
    visitor, known = await _visitor_and_accounts(request, browser_id)
    async with request.form(max_files=0, max_fields=MAX_FORM_FIELDS) as form:
        answers = {name: str(value) for name, value in form.items()}
    check_token(visitor.browser, answers.get(TOKEN_FIELD, ""))
    waiting = waiting_exports(visitor)
    exports = await waiting.all()
    cards = _cards(visitor, exports, known)
    if is_being_read(cards):
        return redirect(visitor.address("found"))
    decisions = decided(cards, answers)
    if decisions is None:
        return _found_page(visitor, cards, visitor.words.say(DECIDE_FIRST))
    added = list[str]()

    async def add(export: WaitingExport, decision: str) -> None:
        added.append(await _add_export(request, visitor, export, decision))

    lost = await add_wanted(waiting, exports, decisions, add)
    if lost:
        return redirect(visitor.address("found"))
    if not added:
        return redirect(visitor.address("add"))
    return redirect(f"{visitor.address('add')}?accounts={','.join(dict.fromkeys(added[:MAX_SHOWN]))}")


async def _add_export(request: Request, visitor: Visitor, export: WaitingExport, decision: str) -> str:
    """Add the account of an export, and begin to import it. Return its id. Raises NotWaiting or UnreadableBlob."""
    assert export.source is not None
    assert export.summary is not None
    platform, summary = visitor.platform, export.summary
    source = platform.sources.connectable[export.source]
    objects, was_read = waiting_exports(visitor).objects(export), export.known_in is None
    kept = await keep_export(platform, visitor.library, export.export_file, objects, was_read=was_read)
    async with delete_blob_on_failure(platform, kept.blob), platform.database.transaction() as db:
        visitor = await find_visitor(request, db, visitor.browser.id)
        belongs_to = chosen_account(decision)
        connected = ConnectedSource(
            source.info, summary.identity, export.sample, belongs_to=belongs_to, brought_in=export.brought_in
        )
        # An account whose sign-in is not accepted any more goes on with the file, as the same account.
        account = await connect_account(db, platform, visitor.library, connected)
        await waiting_exports(visitor).take(export)  # The library is locked now.
        await add_archive(db, visitor.library, account, kept, None)
        await sync_for_person(db, platform, account)
    log.info("a person adds a file to their data", library=str(visitor.library.id), source=source.info.id)
    return str(account.id)


async def _visitor_and_accounts(request: Request, browser_id: UUID) -> tuple[Visitor, KnownAccounts]:
    """Find the person, and the accounts that an export could belong to."""
    async with platform_of(request).database.transaction() as db:
        visitor = await find_visitor(request, db, browser_id)
        return visitor, known_accounts(visitor.library, await _own_accounts(db, visitor))


async def _own_accounts(db: AsyncSession, visitor: Visitor) -> Sequence[AccountRow]:
    """Return the accounts of the person, without those that somebody else connected."""
    accounts = await library_accounts(db, visitor.library.id)
    return [account for account in accounts if account.unproven_on is None]


def _cards(visitor: Visitor, exports: Sequence[WaitingExport], known: KnownAccounts) -> Sequence[FoundExport]:
    return export_cards(visitor.words, visitor.platform.sources.connectable, exports, known, visitor.now)


def _found_page(visitor: Visitor, cards: Sequence[FoundExport], problem: str = "") -> Response:
    values = page_values(cards, problem) | {
        "target": visitor.address("found"),
        "again": visitor.address("add"),
        "offered": _offered_names(visitor),
    }
    return visitor.page("me-found.html", values, UNPROCESSABLE if problem else 200)


def waiting_exports(visitor: Visitor) -> WaitingExports:
    """Return the exports of a person that wait for a decision."""
    key = derive_key_from(visitor.library.key, WAITING_PURPOSE)
    return WaitingExports(visitor.platform, visitor.library.id, key)


def _offered(visitor: Visitor) -> dict[int, Source]:
    sources = visitor.platform.sources.connectable
    return {id_: source for id_, source in sources.items() if source.info.upload is not None}


def _offered_names(visitor: Visitor) -> Sequence[str]:
    return sorted({visitor.words.source(id_) for id_ in _offered(visitor)}, key=str.casefold)


def dropped_files(visitor: Visitor) -> DroppedFiles:
    """Return the files of a person that were uploaded in parts."""
    return DroppedFiles(visitor.platform, visitor.library.id, derive_key_from(visitor.library.key, KEY_PURPOSE))


def _page(
    visitor: Visitor,
    not_read: NotRead | None = None,
    *,
    added: object = (),
    refresh: int = 0,
    status: int = UNPROCESSABLE,
) -> Response:
    limit = visitor.platform.settings.max_upload_bytes
    values = {
        "problems": not_read.problems if not_read else (),
        "questions": not_read.questions if not_read else (),
        "uploaded": drop_zone.named_files(not_read.files) if not_read and not_read.files else "",
        "added": added,
        "refresh": refresh,
        "offered": _offered_names(visitor),
        "target": visitor.address("add"),
        "max_files": MAX_FILES,
        "max_bytes": limit,
        "max_size": visitor.words.size(limit),
    }
    return visitor.page("me-add.html", values, status if values["problems"] else 200)
