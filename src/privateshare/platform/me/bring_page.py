"""`/me/…/bring`: a person brings in what they took along from another PrivateShare.

The file is checked and read as other uploads are: the person sees what is in it, and what they add is imported
(`add_pages.py`). It proves nothing: neither who the person is, nor that the other platform made it.
"""

from collections.abc import Sequence
from io import BufferedReader
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.platform.archive_readers import ReaderFailed
from privateshare.platform.blobs.temporary import PIECE_BYTES, SealedTemporary
from privateshare.platform.consent.drop_zone import DroppedFile
from privateshare.platform.consent.export_reading import begin_reading_accounts
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.consent.uploads import UploadForm
from privateshare.platform.consent.visit import check_sent_from_here
from privateshare.platform.http.requests import platform_of
from privateshare.platform.me.add_pages import MAX_SHOWN, dropped_files, read_upload, waiting_exports
from privateshare.platform.me.visitor import MyPage, Visitor, find_visitor
from privateshare.platform.operating.admission import place_given_up
from privateshare.platform.reader_results import OwnedAccount
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Broken
from privateshare.sources.failures import our_fault

UNPROCESSABLE, TOO_LARGE, UNAVAILABLE = 422, 413, 503
NOTHING_FITS = N_("This platform has none of the sources in the file, so nothing of it can be brought in here.")

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/me/{browser_id}/bring")
async def show_bringing(visitor: MyPage) -> Response:
    """Ask for the file."""
    return _page(visitor)


@router.post("/me/{browser_id}/bring")
async def bring_in(request: Request, browser_id: UUID) -> Response:
    """Take the file, and begin to read it, so that the person sees what is in it. Nothing is added."""
    check_sent_from_here(request)
    async with platform_of(request).database.transaction() as db:
        visitor = await find_visitor(request, db, browser_id)
    form = await read_upload(request, visitor)
    if isinstance(form, str):
        return _page(visitor, form, TOO_LARGE)
    try:
        return await _bring(visitor, form)
    finally:
        form.close()


async def _bring(visitor: Visitor, form: UploadForm) -> Response:
    platform, words = visitor.platform, visitor.words
    if form.file is None or not form.size:
        return _page(visitor, words.say(N_("Choose the file to upload.")))
    try:
        async with place_given_up():
            accounts = await _accounts(platform, form.file)
    except ReaderFailed:
        return _page(visitor, words.problem(our_fault()), UNAVAILABLE)
    except Broken as error:
        return _page(visitor, words.problem(error))
    fitting = [one for one in accounts if _fits(platform, one)]
    if not fitting:
        return _page(visitor, words.say(NOTHING_FITS))
    others = sorted({one.source_id for one in accounts if one not in fitting})
    missing = words.comma.join(words.source(id_) for id_ in others[:MAX_SHOWN])
    file = DroppedFile("", form.file_name, 0, form.file)
    await begin_reading_accounts(dropped_files(visitor), waiting_exports(visitor), file, fitting, missing)
    form.take_file()
    return redirect(visitor.address("found"))


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


def _page(visitor: Visitor, problem: str = "", status: int = UNPROCESSABLE) -> Response:
    limit = visitor.words.size(visitor.platform.settings.max_upload_bytes)
    return visitor.page("me-bring.html", {"max_size": limit, "problem": problem}, status if problem else 200)
