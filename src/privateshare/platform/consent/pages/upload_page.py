"""The pages about an uploaded file: continue although a part of it was not read, or remove the file."""

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import exists, select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import connections, navigation, outcome, previews
from privateshare.platform.consent.choice_draft import read_draft, save_draft
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.upload_notes import upload_note
from privateshare.platform.consent.visit import (
    REVIEWED,
    PostedForm,
    UnfinishedVisit,
    Visit,
    check_unfinished,
    journey_page,
    require_kind,
)
from privateshare.platform.db.tables import AccountRow, ArchiveRow, ConsentAccountRow
from privateshare.platform.library.archives import discard_archive, is_account_empty, left_out_of
from privateshare.platform.library.erasure import erase_account, remove_files_of_account

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/upload/{archive_id}")
async def show_upload(visit: UnfinishedVisit, archive_id: UUID) -> Response:
    """Show what was not read of an upload, on a journey that has no consent page to show it on."""
    require_kind(visit, "onboard", "reauthorize")
    archive = await _archive(visit, archive_id)
    library = await outcome.journey_library(visit)
    account = await _account(visit, archive)
    note = upload_note(visit.words, archive.id, left_out_of(archive, library))
    return journey_page(visit, "upload.html", {"source": visit.words.source(account.source_id), "upload": note})


@router.post("/journey/{tag}/upload/{archive_id}")
async def share_upload(form: PostedForm, archive_id: UUID) -> Response:
    """Continue with what was read."""
    check_unfinished(form.visit)
    require_kind(form.visit, "onboard", "reauthorize")
    archive = await _archive(form.visit, archive_id)
    return redirect(await navigation.after_connecting(form.visit, await _account(form.visit, archive)))


@router.post("/journey/{tag}/remove-upload")
async def remove_upload(form: PostedForm) -> Response:
    """Remove a file that was uploaded on this journey. If the account came only from this file, it is deleted too."""
    visit = form.visit
    check_unfinished(visit)
    require_kind(visit, *REVIEWED)
    save_draft(visit, read_draft(form.fields))
    try:
        archive = await _archive(visit, UUID(form.first("archive")))
    except (ValueError, NotFound):  # The person submitted the form twice.
        return redirect(visit.address("consent"))
    account = await _account(visit, archive)
    is_of_journey = await previews.is_of_journey(visit.db, visit.journey, account)
    await discard_archive(visit.db, archive.library_id, archive.id)
    if await _is_unused(visit, account, is_of_journey):
        await erase_account(visit.db, visit.platform, account)
        return redirect(visit.address("consent"))
    if is_of_journey:  # Its other files are imported again, without what was in this one.
        await remove_files_of_account(visit.db, visit.platform, account)
        await previews.restart_preview(visit, account)
    return redirect(visit.address("preview"))


async def _archive(visit: Visit, archive_id: UUID) -> ArchiveRow:
    """Load an archive that was uploaded on this journey. Raises NotFound."""
    archive = (
        await visit.db.get(ArchiveRow, (visit.journey.library_id, archive_id)) if visit.journey.library_id else None
    )
    if archive is None or archive.journey_id != visit.journey.id:
        raise NotFound("This upload is not there any more")
    return archive


async def _account(visit: Visit, archive: ArchiveRow) -> AccountRow:
    return await visit.db.get_one(AccountRow, (archive.library_id, archive.account_id))


async def _is_unused(visit: Visit, account: AccountRow, is_of_journey: bool) -> bool:
    """Tell whether an account has no way to get data, was never shared, and has none but of this journey."""
    if account.id not in connections.connected_here(visit):
        return False
    has_files = select(exists().where(ArchiveRow.library_id == account.library_id, ArchiveRow.account_id == account.id))
    shared = select(
        exists().where(ConsentAccountRow.library_id == account.library_id, ConsentAccountRow.account_id == account.id)
    )
    connected = account.sample or account.sealed_credentials
    if connected or await visit.db.scalar(shared) or await visit.db.scalar(has_files):
        return False
    return is_of_journey or await is_account_empty(visit.db, account.library_id, account.id)
