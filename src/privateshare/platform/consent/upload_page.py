"""What a person can do about a file that they uploaded: go on though a part of it was not read, or take it back."""

from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import exists, select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent import connecting, ending, steps
from privateshare.platform.consent.pages import PageRoute, redirect
from privateshare.platform.consent.upload_notes import upload_note
from privateshare.platform.consent.walk import (
    REVIEWED,
    OpenWalk,
    PostedForm,
    Walk,
    check_open,
    journey_page,
    require_kind,
)
from privateshare.platform.db.tables import Account, Archive, ConsentAccount
from privateshare.platform.library.archives import discard_archive, holds_nothing, left_out_of
from privateshare.platform.library.erasure import erase_account

router = APIRouter(route_class=PageRoute)


@router.get("/journey/{tag}/upload/{archive_id}")
async def show_upload(walk: OpenWalk, archive_id: UUID) -> Response:
    """What was not read of an upload, on a journey that would end without showing it."""
    require_kind(walk, "onboard", "reauthorize")
    archive = await _archive(walk, archive_id)
    library = await ending.journey_library(walk)
    account = await _account(walk, archive)
    note = upload_note(walk.words, archive.id, left_out_of(archive, library))
    return journey_page(walk, "upload.html", {"source": walk.words.source(account.source_id), "upload": note})


@router.post("/journey/{tag}/upload/{archive_id}")
async def share_upload(form: PostedForm, archive_id: UUID) -> Response:
    """The person goes on with what was read."""
    check_open(form.walk)
    require_kind(form.walk, "onboard", "reauthorize")
    archive = await _archive(form.walk, archive_id)
    return redirect(await steps.after_connecting(form.walk, await _account(form.walk, archive)))


@router.post("/journey/{tag}/remove-upload")
async def remove_upload(form: PostedForm) -> Response:
    """The person takes back a file that they uploaded on this journey; so does the account go that it alone made."""
    walk = form.walk
    check_open(walk)
    require_kind(walk, *REVIEWED)
    try:
        archive = await _archive(walk, UUID(form.first("archive")))
    except (ValueError, NotFound):  # Pressed twice.
        return redirect(walk.address("consent"))
    account = await _account(walk, archive)
    await discard_archive(walk.db, archive.library_id, archive.id)
    if account.id in connecting.connected_here(walk) and await _is_of_no_use(walk, account):
        await erase_account(walk.db, walk.platform, account)
    return redirect(walk.address("consent"))


async def _archive(walk: Walk, archive_id: UUID) -> Archive:
    """An archive that was uploaded on this journey. Raises NotFound."""
    archive = await walk.db.get(Archive, (walk.journey.library_id, archive_id)) if walk.journey.library_id else None
    if archive is None or archive.journey_id != walk.journey.id:
        raise NotFound("This upload is not there any more")
    return archive


async def _account(walk: Walk, archive: Archive) -> Account:
    return await walk.db.get_one(Account, (archive.library_id, archive.account_id))


async def _is_of_no_use(walk: Walk, account: Account) -> bool:
    """Whether nothing comes of an account any more, and nobody was given what came of it."""
    shared = select(
        exists().where(ConsentAccount.library_id == account.library_id, ConsentAccount.account_id == account.id)
    )
    connected = account.sample or account.sealed_credentials
    return (
        not connected
        and await holds_nothing(walk.db, account.library_id, account.id)
        and not await walk.db.scalar(shared)
    )
