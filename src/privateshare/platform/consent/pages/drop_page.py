"""The page where a person uploads whatever files they have: they are recognised, and then shown on the page `found`."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from privateshare.errors import NotFound, RequestTooLarge
from privateshare.platform.consent import drop_zone
from privateshare.platform.consent.drop_zone import DroppedFile, SourceQuestion
from privateshare.platform.consent.export_reading import begin_reading
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.shareable_accounts import visible_accounts
from privateshare.platform.consent.source_choice import allowed_sources
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.uploads import UploadForm, read_form
from privateshare.platform.consent.visit import (
    REVIEWED,
    TOKEN_FIELD,
    UnfinishedVisit,
    Visit,
    check_form_token,
    check_sent_from_here,
    check_unfinished,
    journey_page,
    lock_visit,
    require_kind,
    view_visit,
)
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.dropped_files import MAX_FILES, PART_BYTES, DroppedFiles
from privateshare.platform.library.known_uploads import KnownUploads
from privateshare.platform.library.waiting_exports import WaitingExports
from privateshare.platform.operating.admission import place_given_up
from privateshare.sources.contract import Source

UNPROCESSABLE, TOO_LARGE = 422, 413
NO_CONTENT = 204
KEY_PURPOSE, WAITING_PURPOSE = "dropped files", "waiting exports"

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/drop")
async def show_drop_zone(visit: UnfinishedVisit) -> Response:
    """Ask for files."""
    require_kind(visit, *REVIEWED)
    return _page(visit)


@router.get("/journey/{tag}/drop/{file_id}")
async def show_parts(visit: UnfinishedVisit, file_id: str) -> Response:
    """Say how much of a file is there, so that an upload can continue."""
    require_kind(visit, *REVIEWED)
    return JSONResponse({"parts": await dropped_files(visit).parts(file_id), "part_bytes": PART_BYTES})


@router.put("/journey/{tag}/drop/{file_id}/{number}")
async def put_part(request: Request, file_id: str, number: int) -> Response:
    """Take one part of a file."""
    check_sent_from_here(request)
    visit = await _current(request)
    check_form_token(visit.browser, request.headers.get(drop_zone.TOKEN_HEADER))
    if visit.journey.browser_hash is None:
        async with platform_of(request).database.transaction() as db:
            # Bind the journey to this browser: another one with the link could use up what may be uploaded.
            visit = await _locked_visit(request, db)
    await drop_zone.receive_part(request, dropped_files(visit), file_id, number)
    return Response(status_code=NO_CONTENT)


@router.post("/journey/{tag}/drop")
async def drop(request: Request) -> Response:
    """Recognise the files, and begin to read them, or ask which they are; if all fail, nothing is stored."""
    check_sent_from_here(request)
    settings = platform_of(request).settings
    visit = await _current(request)

    def admit(fields: dict[str, str]) -> None:
        check_form_token(visit.browser, fields.get(TOKEN_FIELD))

    try:
        form = await read_form(request, settings.data, settings.max_upload_bytes, admit)
    except RequestTooLarge:
        limit = visit.words.size(settings.max_upload_bytes)
        problem = visit.words.say(N_("This file is too large: at most %(limit)s can be uploaded."), limit=limit)
        return _page(visit, [problem], status=TOO_LARGE)
    try:
        async with platform_of(request).database.transaction() as db:
            visit = await _locked_visit(request, db)  # Bind the journey to this browser even if the form has mistakes.
            known = await known_uploads(visit)
        return await _dropped_form(visit, form.fields, form, known)
    finally:
        form.close()


async def _dropped_form(visit: Visit, fields: Mapping[str, str], form: UploadForm, known: KnownUploads) -> Response:
    dropped, folder = dropped_files(visit), visit.platform.settings.data
    try:
        files = await drop_zone.uploaded_files(dropped, folder, fields, form.file, form.file_name)
    except NotFound:
        return _page(visit, [visit.words.say(drop_zone.INCOMPLETE)])
    is_reading = False
    try:
        if not files:
            return _page(visit, [visit.words.say(N_("Choose the file to upload."))])
        async with place_given_up():
            found = await drop_zone.sort_files(visit.platform, visit.words, files, _offered(visit), fields)
        problems = [problem.say(visit.words) for problem in found.problems]
        if found.questions:
            return _page(visit, problems, found.questions, await drop_zone.kept_files(dropped, files))
        if not found.found:
            return _page(visit, problems)
        await begin_reading(dropped, waiting_exports(visit), known, found)
        is_reading = True
    finally:
        drop_zone.close_unused_files(files, found.found if is_reading else ())
    if any(not file.id for _, file in found.found):
        form.take_file()
    return redirect(visit.address("found"))


def _offered(visit: Visit) -> dict[int, Source]:
    return {id_: source for id_, source in allowed_sources(visit).items() if source.info.upload is not None}


def offered_names(visit: Visit) -> Sequence[str]:
    """Return the names of the sources whose files are recognised here."""
    return sorted({visit.words.source(id_) for id_ in _offered(visit)}, key=str.casefold)


def dropped_files(visit: Visit) -> DroppedFiles:
    """Return the files of a journey that were uploaded in parts."""
    return DroppedFiles(visit.platform, visit.journey.id, visit.key(KEY_PURPOSE))


async def _current(request: Request) -> Visit:
    """Load the journey. The transaction ends here, so that none is open during an upload."""
    async with platform_of(request).database.transaction() as db:
        visit = await view_visit(request, db, request.path_params["tag"])
        check_unfinished(visit)
        require_kind(visit, *REVIEWED)
        return visit


async def _locked_visit(request: Request, db: AsyncSession) -> Visit:
    """Load the journey for a change. It is locked until the transaction ends."""
    visit = await lock_visit(request, db, request.path_params["tag"])
    check_unfinished(visit)
    require_kind(visit, *REVIEWED)
    return visit


async def known_uploads(visit: Visit) -> KnownUploads:
    """Return what recognises files that the person of this journey uploaded before."""
    accounts = await visible_accounts(visit)
    return KnownUploads(visit.platform, visit.journey.library_id, [account.id for account in accounts])


def waiting_exports(visit: Visit) -> WaitingExports:
    """Return the exports of a journey that wait for a decision."""
    return WaitingExports(visit.platform, visit.journey.id, visit.key(WAITING_PURPOSE))


def _page(
    visit: Visit,
    problems: list[str] | None = None,
    questions: list[SourceQuestion] | None = None,
    files: list[DroppedFile] | None = None,
    *,
    status: int = UNPROCESSABLE,
) -> Response:
    values = {
        "problems": problems or [],
        "questions": questions or [],
        "uploaded": drop_zone.named_files(files) if files else "",
        "offered": offered_names(visit),
        "target": visit.address("drop"),
        "max_files": MAX_FILES,
        "max_bytes": visit.platform.settings.max_upload_bytes,
        "max_size": visit.words.size(visit.platform.settings.max_upload_bytes),
    }
    return journey_page(visit, "drop.html", values, status=status if problems else 200)
