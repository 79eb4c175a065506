"""`/me/…/add`: a person uploads exports of any sources; each is recognised, and added to their data.

Nothing is shared with an app by it. What they took along from another PrivateShare is brought in on its own page.
"""

from collections.abc import Mapping
from uuid import UUID

import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from privateshare.errors import NotFound, RequestTooLarge
from privateshare.platform.archive_readers import OwnedAccount, ReaderFailed
from privateshare.platform.consent import drop_zone
from privateshare.platform.consent.connections import check_archive, keep_archive
from privateshare.platform.consent.drop_zone import DroppedFile, SourceQuestion
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.uploads import UploadForm, read_form
from privateshare.platform.consent.visit import TOKEN_FIELD, check_sent_from_here
from privateshare.platform.http.requests import platform_of
from privateshare.platform.keys.wrapping import derive_key_from
from privateshare.platform.library.accounts import ConnectedSource, connect_account
from privateshare.platform.library.archives import add_archive
from privateshare.platform.library.dropped_files import MAX_FILES, PART_BYTES, DroppedFiles
from privateshare.platform.me.bringing import (
    ANOTHER_NAME,
    MAX_SHOWN,
    REFRESH_SECONDS,
    account_with_another_name,
    brought_sources,
)
from privateshare.platform.me.visitor import MyPage, Visitor, check_token, find_visitor
from privateshare.platform.operating.admission import place_given_up
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.platform.sync.sessions import sync_for_person
from privateshare.sources.contract import Broken, Source
from privateshare.sources.failures import our_fault

UNPROCESSABLE, TOO_LARGE, NO_CONTENT = 422, 413, 204
KEY_PURPOSE = "dropped files"

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@router.get("/me/{browser_id}/add")
async def show_adding(visitor: MyPage, accounts: str = "") -> Response:
    """Ask for files; with `accounts`, show how far these accounts are. The page renews itself until all are read."""
    added = await brought_sources(visitor, accounts)
    running = any(one.state == "running" for one in added)
    return _page(visitor, added=added, refresh=REFRESH_SECONDS if running else 0)


@router.get("/me/{browser_id}/add/{file_id}")
async def show_my_parts(visitor: MyPage, file_id: str) -> Response:
    """Say how much of a file is there, so that an upload can continue."""
    return JSONResponse({"parts": await _dropped(visitor).parts(file_id), "part_bytes": PART_BYTES})


@router.put("/me/{browser_id}/add/{file_id}/{number}")
async def put_my_part(request: Request, browser_id: UUID, file_id: str, number: int) -> Response:
    """Take one part of a file."""
    check_sent_from_here(request)
    async with platform_of(request).database.transaction() as db:  # None is open while the part arrives.
        visitor = await find_visitor(request, db, browser_id)
    check_token(visitor.browser, request.headers.get(drop_zone.TOKEN_HEADER, ""))
    await drop_zone.receive_part(request, _dropped(visitor), file_id, number)
    return Response(status_code=NO_CONTENT)


@router.post("/me/{browser_id}/add")
async def add_files(request: Request, browser_id: UUID) -> Response:
    """Recognise the files, and begin to import them, or ask which sources they are of."""
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
        return _page(visitor, [problem], status=TOO_LARGE)
    try:
        return await _add(request, visitor, form)
    finally:
        form.close()


async def _add(request: Request, visitor: Visitor, form: UploadForm) -> Response:
    dropped, words, platform = _dropped(visitor), visitor.words, visitor.platform
    try:
        files = await drop_zone.uploaded_files(dropped, platform.settings.data, form.fields, form.file, form.file_name)
    except NotFound:
        return _page(visitor, [words.say(drop_zone.INCOMPLETE)])
    try:
        if not files:
            return _page(visitor, [words.say(N_("Choose the file to upload."))])
        async with place_given_up():
            found = await drop_zone.sort_files(platform, words, files, _offered(visitor), form.fields)
        found.problems += [words.say(drop_zone.IS_TAKE_OUT, name=file.name) for file in found.take_outs]
        if found.questions:
            kept = await drop_zone.kept_files(dropped, files)
            return _page(visitor, found.problems, found.questions, kept)
        added = []
        for source, file in found.found:
            account, problem = await _add_file(request, visitor, source, file, form.fields)
            added += [account] if account else []
            found.problems += [problem] if problem else []
        if added:
            await dropped.delete_all()
    finally:
        drop_zone.close_files([file for file in files if file.id])
    if found.problems:
        async with platform.database.transaction() as db:
            visitor = await find_visitor(request, db, visitor.browser.id)
            shown = await brought_sources(visitor, ",".join(added))
        return _page(visitor, found.problems, added=shown)
    return redirect(f"{visitor.address('add')}?accounts={','.join(dict.fromkeys(added[:MAX_SHOWN]))}")


async def _add_file(
    request: Request, visitor: Visitor, source: Source, file: DroppedFile, fields: Mapping[str, str]
) -> tuple[str, str]:
    """Add the account of a file, and begin to import it. Return the account's id, or what is wrong."""
    platform, words = visitor.platform, visitor.words
    try:
        async with place_given_up():  # Checking a large archive takes minutes.
            checked = await check_archive(platform, source, file.content)
    except ReaderFailed:
        return "", words.problem(our_fault())
    except Broken as error:
        return "", f"{words.source(source.info.id)}: {words.problem(error)}"
    async with platform.database.transaction() as db:
        visitor = await find_visitor(request, db, visitor.browser.id)
        owned = OwnedAccount(source.info.id, checked.identity, None, 0)
        if fields.get("mine") != "yes" and await account_with_another_name(visitor, [owned]) is not None:
            name = checked.identity.display_name
            return "", words.say(ANOTHER_NAME, source=words.source(source.info.id), name=name)
    kept = await keep_archive(platform, visitor.library, file.content)
    async with delete_blob_on_failure(platform, kept.blob), platform.database.transaction() as db:
        visitor = await find_visitor(request, db, visitor.browser.id)
        # An account whose sign-in is not accepted any more goes on with the file, as the same account.
        account = await connect_account(db, platform, visitor.library, ConnectedSource(source.info, checked.identity))
        await add_archive(db, visitor.library, account, kept, checked.left_out, None)
        await sync_for_person(db, platform, account)
    log.info("a person adds a file to their data", library=str(visitor.library.id), source=source.info.id)
    return str(account.id), ""


def _offered(visitor: Visitor) -> dict[int, Source]:
    sources = visitor.platform.sources.connectable
    return {id_: source for id_, source in sources.items() if source.info.upload is not None}


def _dropped(visitor: Visitor) -> DroppedFiles:
    return DroppedFiles(visitor.platform, visitor.library.id, derive_key_from(visitor.library.key, KEY_PURPOSE))


def _page(
    visitor: Visitor,
    problems: list[str] | None = None,
    questions: list[SourceQuestion] | None = None,
    files: list[DroppedFile] | None = None,
    *,
    added: object = (),
    refresh: int = 0,
    status: int = UNPROCESSABLE,
) -> Response:
    limit = visitor.platform.settings.max_upload_bytes
    values = {
        "problems": problems or [],
        "questions": questions or [],
        "uploaded": drop_zone.named_files(files) if files else "",
        "added": added,
        "refresh": refresh,
        "offered": sorted({visitor.words.source(id_) for id_ in _offered(visitor)}, key=str.casefold),
        "asks_for_names": True,
        "target": visitor.address("add"),
        "max_files": MAX_FILES,
        "max_bytes": limit,
        "max_size": visitor.words.size(limit),
    }
    return visitor.page("me-add.html", values, status if problems else 200)
