"""The files that a person uploads on a journey: the form with them, where they are kept, and which are recognised."""

from collections.abc import Sequence

from starlette.requests import Request

from privateshare.platform.consent.shareable_accounts import visible_accounts
from privateshare.platform.consent.source_choice import allowed_sources
from privateshare.platform.consent.uploads import UploadForm, form_or_problem
from privateshare.platform.consent.visit import TOKEN_FIELD, Visit, check_form_token
from privateshare.platform.library.dropped_files import DroppedFiles
from privateshare.platform.library.known_uploads import KnownUploads
from privateshare.platform.library.waiting_exports import WaitingExports
from privateshare.sources.contract import Source

KEY_PURPOSE, WAITING_PURPOSE = "dropped files", "waiting exports"


async def read_upload(request: Request, visit: Visit) -> UploadForm | str:
    """Read a form with a file, which the caller must close. If the file is too large, return a sentence about that."""

    def admit(fields: dict[str, str]) -> None:
        check_form_token(visit.browser, fields.get(TOKEN_FIELD))

    return await form_or_problem(request, visit.platform, visit.words, admit)


def sources_with_files(visit: Visit) -> dict[int, Source]:
    """Return the sources that can be connected on a journey with a file, by id."""
    return {id_: source for id_, source in allowed_sources(visit).items() if source.info.upload is not None}


def offered_names(visit: Visit) -> Sequence[str]:
    """Return the names of the sources whose files are recognised here."""
    return sorted({visit.words.source(id_) for id_ in sources_with_files(visit)}, key=str.casefold)


def dropped_files(visit: Visit) -> DroppedFiles:
    """Return the files of a journey that were uploaded in parts."""
    return DroppedFiles(visit.platform, visit.journey.id, visit.key(KEY_PURPOSE))


async def known_uploads(visit: Visit) -> KnownUploads:
    """Return what recognises files that the person of this journey uploaded before."""
    accounts = await visible_accounts(visit)
    return KnownUploads(visit.platform, visit.journey.library_id, [account.id for account in accounts])


def waiting_exports(visit: Visit) -> WaitingExports:
    """Return the exports of a journey that wait for a decision."""
    return WaitingExports(visit.platform, visit.journey.id, visit.key(WAITING_PURPOSE))
