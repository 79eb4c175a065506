"""`/me/…/bring`: a person brings in what they took along from another PrivateShare.

The file is checked, kept encrypted, and read by the syncs of its accounts, as uploads on the consent pages are. It
proves nothing: neither who the person is, nor that the other platform made it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from sqlalchemy import select
from starlette.responses import Response

from privateshare.errors import RequestTooLarge
from privateshare.platform.archive_readers import ReaderFailed
from privateshare.platform.blobs.temporary import PIECE_BYTES, SealedTemporary
from privateshare.platform.consent.connections import keep_archive
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.uploads import UploadForm, read_form
from privateshare.platform.consent.visit import TOKEN_FIELD, check_sent_from_here
from privateshare.platform.db.tables import AccountRow, SyncRow
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.accounts import ConnectedSource, account_identity, connect_account
from privateshare.platform.library.archives import StoredArchive, add_archive
from privateshare.platform.me.visitor import MyPage, Visitor, check_token, find_visitor
from privateshare.platform.operating.admission import place_given_up
from privateshare.platform.reader_results import OwnedAccount
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.platform.sync.sessions import sync_for_person
from privateshare.sources.contract import Broken
from privateshare.sources.failures import LeftOut, our_fault

REFRESH_SECONDS = 2
MAX_SHOWN = 50  # The address of the page lists the accounts, and proxies limit the length of addresses.
UNPROCESSABLE, TOO_LARGE, UNAVAILABLE = 422, 413, 503
ANOTHER_NAME = N_(
    "In the file, your account at %(source)s has another name (%(name)s) than here. If it is yours too, tick the box, "
    "choose the file again and bring it in. Otherwise it is the file of somebody else."
)
NOTHING_FITS = N_("This platform has none of the sources in the file, so nothing of it can be brought in here.")

SOURCE_ID = re.compile(r"[0-9]{1,8}")

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BroughtSource:
    """A source that is being brought in, or was. `state` is "running", "done" or "problem"."""

    name: str
    state: str
    address: str


@router.get("/me/{browser_id}/bring")
async def show_bringing(visitor: MyPage, accounts: str = "", missing: str = "") -> Response:
    """Ask for the file; with `accounts`, show how far these accounts are. The page renews itself until all are read."""
    brought = await brought_sources(visitor, accounts)
    running = any(one.state == "running" for one in brought)
    values = {
        "brought": brought,
        "done": sum(one.state != "running" for one in brought),
        "missing": [
            visitor.words.source(int(id_)) for id_ in missing.split(",")[:MAX_SHOWN] if id_.isdecimal() and len(id_) < 9
        ],
        "refresh": REFRESH_SECONDS if running else 0,
    }
    return _page(visitor, values)


@router.post("/me/{browser_id}/bring")
async def bring_in(request: Request, browser_id: UUID) -> Response:
    """Take the file, and begin to read it. If any step fails, nothing is stored."""
    check_sent_from_here(request)
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        visitor = await find_visitor(request, db, browser_id)

    def admit(fields: dict[str, str]) -> None:
        check_token(visitor.browser, fields.get(TOKEN_FIELD, ""))

    try:
        form = await read_form(request, platform.settings.data, platform.settings.max_upload_bytes, admit)
    except RequestTooLarge:
        limit = visitor.words.size(platform.settings.max_upload_bytes)
        problem = visitor.words.say(N_("This file is too large: at most %(limit)s can be uploaded."), limit=limit)
        return _refused(visitor, problem, TOO_LARGE)
    try:
        return await _bring(request, visitor, form)
    finally:
        form.close()


async def _bring(request: Request, visitor: Visitor, form: UploadForm) -> Response:
    platform, words = platform_of(request), visitor.words
    if form.file is None or not form.size:
        return _refused(visitor, words.say(N_("Choose the file to upload.")))
    try:
        async with place_given_up():
            accounts = await _accounts(platform, form.file)
    except ReaderFailed:
        return _refused(visitor, words.problem(our_fault()), UNAVAILABLE)
    except Broken as error:
        return _refused(visitor, words.problem(error))
    fitting = [one for one in accounts if _fits(platform, one)]
    if not fitting:
        return _refused(visitor, words.say(NOTHING_FITS))
    async with platform.database.transaction() as db:
        visitor = await find_visitor(request, db, visitor.browser.id)
        other = await account_with_another_name(visitor, fitting)
        if other is not None and form.fields.get("mine") != "yes":
            problem = words.say(ANOTHER_NAME, source=words.source(other.source_id), name=other.identity.display_name)
            return _refused(visitor, problem)
    kept = await keep_archive(platform, visitor.library, form.file)
    async with delete_blob_on_failure(platform, kept.blob), platform.database.transaction() as db:
        visitor = await find_visitor(request, db, visitor.browser.id)
        ids = [await _add_account(visitor, account, kept) for account in fitting]
    missing = sorted({one.source_id for one in accounts if one not in fitting})
    log.info("a person brings in an archive", library=str(visitor.library.id), accounts=len(ids))
    query = f"?accounts={','.join(ids[:MAX_SHOWN])}&missing={','.join(map(str, missing[:MAX_SHOWN]))}"
    return redirect(visitor.address("bring") + query)


async def _accounts(platform: Platform, archive: SealedTemporary) -> Sequence[OwnedAccount]:
    reader = BufferedReader(archive, PIECE_BYTES)
    try:
        return await platform.archive_readers.accounts(reader)
    finally:
        reader.detach()  # Otherwise the reader would close the archive when it is deleted.


def _fits(platform: Platform, account: OwnedAccount) -> bool:
    """Return whether this platform has the source of an account, and its sample data if it is that."""
    source = platform.sources.connectable.get(account.source_id)
    if source is None:
        return False
    return account.sample is None or account.sample in {sample.id for sample in source.info.samples}


async def account_with_another_name(visitor: Visitor, brought: Sequence[OwnedAccount]) -> OwnedAccount | None:
    """Find an account of a source at which the person is known here, and by another name only."""
    query = select(AccountRow).where(
        AccountRow.library_id == visitor.library.id, AccountRow.unproven_on.is_(None), AccountRow.sample.is_(None)
    )
    names: dict[int, set[str]] = {}
    for row in await visitor.db.scalars(query):
        if row.id not in visitor.library.lost_accounts and (known := account_identity(row, visitor.library)).named:
            names.setdefault(row.source_id, set()).add(known.provider_account_id)
    for account in brought:
        known_here = names.get(account.source_id)
        is_named = account.identity.named and account.sample is None
        if known_here and is_named and account.identity.provider_account_id not in known_here:
            return account
    return None


async def _add_account(visitor: Visitor, brought: OwnedAccount, kept: StoredArchive) -> str:
    """Add an account of the archive to the library, or find it there, and begin to read its data."""
    db, platform = visitor.db, visitor.platform
    source = platform.sources.connectable[brought.source_id]
    connected = ConnectedSource(source.info, brought.identity, brought.sample, brought_in=True)
    account = await connect_account(db, platform, visitor.library, connected)
    await add_archive(db, visitor.library, account, kept, LeftOut(), None)
    await sync_for_person(db, platform, account)
    return str(account.id)


async def brought_sources(visitor: Visitor, accounts: str) -> Sequence[BroughtSource]:
    """Describe how far the accounts with these ids are."""
    found = []
    for text in accounts.split(",")[:MAX_SHOWN]:
        try:
            row = await visitor.db.get(AccountRow, (visitor.library.id, UUID(text)))
        except ValueError:
            continue
        if row is not None:
            name = visitor.words.source(row.source_id)
            found.append(BroughtSource(name, await _state(visitor, row), visitor.address(f"sources/{row.id}")))
    return found


async def _state(visitor: Visitor, account: AccountRow) -> str:
    query = select(SyncRow).where(SyncRow.library_id == account.library_id, SyncRow.account_id == account.id)
    last = await visitor.db.scalar(query.order_by(SyncRow.created_at.desc()).limit(1))
    if last is None or last.finished_at is None:
        return "running" if last is not None else "done"
    return "done" if last.outcome == "done" and last.error is None else "problem"


def _refused(visitor: Visitor, problem: str, status: int = UNPROCESSABLE) -> Response:
    return _page(visitor, {"brought": (), "problem": problem}, status)


def _page(visitor: Visitor, values: dict[str, object], status: int = 200) -> Response:
    limit = visitor.words.size(visitor.platform.settings.max_upload_bytes)
    shared: dict[str, object] = {"max_size": limit, "missing": (), "refresh": 0, "problem": ""}
    return visitor.page("me-bring.html", shared | values, status)
