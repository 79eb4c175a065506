"""The page where a person uploads whatever files they have: they are recognised, and their sources connected."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import JSONResponse, Response

from privateshare.errors import NotFound, RequestTooLarge
from privateshare.platform.archive_readers import ReaderFailed
from privateshare.platform.consent import connections, drop_zone, outcome, previews
from privateshare.platform.consent.drop_zone import DroppedFile, SourceQuestion
from privateshare.platform.consent.rendering import PageRoute, redirect
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
from privateshare.platform.operating.admission import place_given_up
from privateshare.platform.sync.orphans import delete_blob_on_failure
from privateshare.sources.contract import Broken, Source
from privateshare.sources.failures import our_fault

UNPROCESSABLE, TOO_LARGE = 422, 413
NO_CONTENT = 204
KEY_PURPOSE = "dropped files"

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
    return JSONResponse({"parts": await _dropped(visit).parts(file_id), "part_bytes": PART_BYTES})


@router.put("/journey/{tag}/drop/{file_id}/{number}")
async def put_part(request: Request, file_id: str, number: int) -> Response:
    """Take one part of a file."""
    check_sent_from_here(request)
    visit = await _current(request)
    check_form_token(visit.browser, request.headers.get(drop_zone.TOKEN_HEADER))
    if visit.journey.browser_hash is None:
        async with platform_of(request).database.transaction() as db:
            # Bind the journey to this browser: another one with the link could use up what may be uploaded.
            visit = await _lock(request, db)
    await drop_zone.receive_part(request, _dropped(visit), file_id, number)
    return Response(status_code=NO_CONTENT)


@router.post("/journey/{tag}/drop")
async def drop(request: Request) -> Response:
    """Recognise the files, and connect their sources, or ask which they are; if all fail, nothing is stored."""
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
            visit = await _lock(request, db)  # Bind the journey to this browser even if the form has mistakes.
        return await _dropped_form(request, visit, form.fields, form)
    finally:
        form.close()


async def _dropped_form(request: Request, visit: Visit, fields: Mapping[str, str], form: UploadForm) -> Response:
    dropped, folder = _dropped(visit), visit.platform.settings.data
    try:
        files = await drop_zone.uploaded_files(dropped, folder, fields, form.file, form.file_name)
    except NotFound:
        return _page(visit, [visit.words.say(drop_zone.INCOMPLETE)])
    try:
        if not files:
            return _page(visit, [visit.words.say(N_("Choose the file to upload."))])
        async with place_given_up():
            found = await drop_zone.sort_files(visit.platform, visit.words, files, _offered(visit), fields)
        found.problems += [visit.words.say(drop_zone.IS_TAKE_OUT, name=file.name) for file in found.take_outs]
        if found.questions:
            return _page(visit, found.problems, found.questions, await drop_zone.kept_files(dropped, files))
        connected = False
        for source, file in found.found:
            problem = await _connect(request, visit, source, file)
            connected = connected or not problem
            found.problems += [problem] if problem else []
        if connected:
            await dropped.delete_all()
    finally:
        drop_zone.close_files([file for file in files if file.id])
    if found.problems:
        return _page(visit, found.problems, connected=connected)
    return redirect(visit.address("preview"))


async def _connect(request: Request, visit: Visit, source: Source, file: DroppedFile) -> str:
    """Connect the account of a file, and begin to import it. Return what is wrong; an empty text if nothing is."""
    platform, words = visit.platform, visit.words
    try:
        async with place_given_up():  # Checking a large archive takes minutes.
            checked = await connections.check_archive(platform, source, file.content)
    except ReaderFailed:
        return words.problem(our_fault())
    except Broken as error:
        return f"{words.source(source.info.id)}: {words.problem(error)}"
    async with platform.database.transaction() as db:
        library = await outcome.journey_library(await _lock(request, db))
    kept = await connections.keep_archive(platform, library, file.content)
    async with delete_blob_on_failure(platform, kept.blob), platform.database.transaction() as db:
        visit = await _lock(request, db)
        upload = await connections.connect_archive(visit, source, checked, kept)
        await previews.start_preview(visit, upload.account)
    return ""


def _offered(visit: Visit) -> dict[int, Source]:
    return {id_: source for id_, source in allowed_sources(visit).items() if source.info.upload is not None}


def _dropped(visit: Visit) -> DroppedFiles:
    return DroppedFiles(visit.platform, visit.journey.id, visit.key(KEY_PURPOSE))


async def _current(request: Request) -> Visit:
    """Load the journey. The transaction ends here, so that none is open during an upload."""
    async with platform_of(request).database.transaction() as db:
        visit = await view_visit(request, db, request.path_params["tag"])
        check_unfinished(visit)
        require_kind(visit, *REVIEWED)
        return visit


async def _lock(request: Request, db: AsyncSession) -> Visit:
    visit = await lock_visit(request, db, request.path_params["tag"])
    check_unfinished(visit)
    return visit


def _page(
    visit: Visit,
    problems: list[str] | None = None,
    questions: list[SourceQuestion] | None = None,
    files: list[DroppedFile] | None = None,
    *,
    status: int = UNPROCESSABLE,
    connected: bool = False,
) -> Response:
    offered = sorted({visit.words.source(id_) for id_ in _offered(visit)}, key=str.casefold)
    values = {
        "problems": problems or [],
        "questions": questions or [],
        "uploaded": drop_zone.named_files(files) if files else "",
        "connected": connected,
        "offered": offered,
        "asks_for_names": False,
        "target": visit.address("drop"),
        "max_files": MAX_FILES,
        "max_bytes": visit.platform.settings.max_upload_bytes,
        "max_size": visit.words.size(visit.platform.settings.max_upload_bytes),
    }
    return journey_page(visit, "drop.html", values, status=status if problems else 200)
