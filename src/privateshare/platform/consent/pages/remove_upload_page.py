"""Removing a file that was uploaded on this journey."""

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import exists, select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import connections, previews
from privateshare.platform.consent.choice_draft import read_draft, save_draft
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.visit import (
    REVIEWED,
    PostedForm,
    Visit,
    check_unfinished,
    require_kind,
)
from privateshare.platform.db.tables import AccountRow, ArchiveRow, ConsentAccountRow
from privateshare.platform.library.archives import discard_archive, is_account_empty
from privateshare.platform.library.erasure import erase_account, remove_files_of_account

router = APIRouter(route_class=PageRoute)


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
    """Tell whether an account has no way to get data, was never shared, and has no data but that of this journey."""
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
