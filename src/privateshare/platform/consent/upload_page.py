"""What a person can do about a file that they uploaded: go on though a part of it was not read, or take it back."""

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import exists, select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import connections, navigation, outcome
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.upload_notes import upload_note
from privateshare.platform.consent.visit import (
    REVIEWED,
    OpenVisit,
    PostedForm,
    Visit,
    check_open,
    journey_page,
    require_kind,
)
from privateshare.platform.db.tables import AccountRow, ArchiveRow, ConsentAccountRow
from privateshare.platform.library.archives import discard_archive, is_account_empty, left_out_of
from privateshare.platform.library.erasure import erase_account

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/upload/{archive_id}")
async def show_upload(visit: OpenVisit, archive_id: UUID) -> Response:
    """What was not read of an upload, on a journey that would end without showing it."""
    require_kind(visit, "onboard", "reauthorize")
    archive = await _archive(visit, archive_id)
    library = await outcome.journey_library(visit)
    account = await _account(visit, archive)
    note = upload_note(visit.words, archive.id, left_out_of(archive, library))
    return journey_page(visit, "upload.html", {"source": visit.words.source(account.source_id), "upload": note})


@router.post("/journey/{tag}/upload/{archive_id}")
async def share_upload(form: PostedForm, archive_id: UUID) -> Response:
    """The person goes on with what was read."""
    check_open(form.visit)
    require_kind(form.visit, "onboard", "reauthorize")
    archive = await _archive(form.visit, archive_id)
    return redirect(await navigation.after_connecting(form.visit, await _account(form.visit, archive)))


@router.post("/journey/{tag}/remove-upload")
async def remove_upload(form: PostedForm) -> Response:
    """The person takes back a file that they uploaded on this journey; so does the account go that it alone made."""
    visit = form.visit
    check_open(visit)
    require_kind(visit, *REVIEWED)
    try:
        archive = await _archive(visit, UUID(form.first("archive")))
    except (ValueError, NotFound):  # Pressed twice.
        return redirect(visit.address("consent"))
    account = await _account(visit, archive)
    await discard_archive(visit.db, archive.library_id, archive.id)
    if account.id in connections.connected_here(visit) and await _is_of_no_use(visit, account):
        await erase_account(visit.db, visit.platform, account)
    return redirect(visit.address("consent"))


async def _archive(visit: Visit, archive_id: UUID) -> ArchiveRow:
    """An archive that was uploaded on this journey. Raises NotFound."""
    archive = (
        await visit.db.get(ArchiveRow, (visit.journey.library_id, archive_id)) if visit.journey.library_id else None
    )
    if archive is None or archive.journey_id != visit.journey.id:
        raise NotFound("This upload is not there any more")
    return archive


async def _account(visit: Visit, archive: ArchiveRow) -> AccountRow:
    return await visit.db.get_one(AccountRow, (archive.library_id, archive.account_id))


async def _is_of_no_use(visit: Visit, account: AccountRow) -> bool:
    """Whether nothing comes of an account any more, and nobody was given what came of it."""
    shared = select(
        exists().where(ConsentAccountRow.library_id == account.library_id, ConsentAccountRow.account_id == account.id)
    )
    connected = account.sample or account.sealed_credentials
    return (
        not connected
        and await is_account_empty(visit.db, account.library_id, account.id)
        and not await visit.db.scalar(shared)
    )
