"""The page where a person uploads whatever files they have: they are recognised, and then shown on the page `found`."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from privateshare.platform.consent import drop_zone
from privateshare.platform.consent.export_reading import NotRead, read_dropped_files
from privateshare.platform.consent.journey_files import (
    dropped_files,
    known_uploads,
    offered_names,
    read_upload,
    sources_with_files,
    waiting_exports,
)
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.visit import (
    REVIEWED,
    UnfinishedVisit,
    Visit,
    check_form_token,
    check_sent_from_here,
    journey_page,
    lock_unfinished,
    require_kind,
    view_unfinished,
)
from privateshare.platform.http.requests import platform_of
from privateshare.platform.library.dropped_files import MAX_FILES, PART_BYTES

UNPROCESSABLE, TOO_LARGE = 422, 413
NO_CONTENT = 204

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
            visit = await lock_unfinished(request, db, REVIEWED)
    await drop_zone.receive_part(request, dropped_files(visit), file_id, number)
    return Response(status_code=NO_CONTENT)


@router.post("/journey/{tag}/drop")
async def drop(request: Request) -> Response:
    """Recognise the files, and begin to read them, or ask which they are; if all fail, nothing is stored."""
    check_sent_from_here(request)
    visit = await _current(request)
    form = await read_upload(request, visit)
    if isinstance(form, str):
        return _page(visit, NotRead([form]), TOO_LARGE)
    try:
        async with platform_of(request).database.transaction() as db:
            # Bind the journey to this browser even if the form has mistakes.
            visit = await lock_unfinished(request, db, REVIEWED)
            known = await known_uploads(visit)
        offered = sources_with_files(visit)
        not_read = await read_dropped_files(
            form, dropped_files(visit), waiting_exports(visit), known, visit.words, offered
        )
        return _page(visit, not_read) if not_read is not None else redirect(visit.address("found"))
    finally:
        form.close()


async def _current(request: Request) -> Visit:
    """Load the journey. The transaction ends here, so that none is open during an upload."""
    async with platform_of(request).database.transaction() as db:
        return await view_unfinished(request, db, REVIEWED)


def _page(visit: Visit, not_read: NotRead | None = None, status: int = UNPROCESSABLE) -> Response:
    values = {
        "problems": not_read.problems if not_read else (),
        "questions": not_read.questions if not_read else (),
        "uploaded": drop_zone.named_files(not_read.files) if not_read and not_read.files else "",
        "offered": offered_names(visit),
        "target": visit.address("drop"),
        "max_files": MAX_FILES,
        "max_bytes": visit.platform.settings.max_upload_bytes,
        "max_size": visit.words.size(visit.platform.settings.max_upload_bytes),
    }
    return journey_page(visit, "drop.html", values, status=status if values["problems"] else 200)
