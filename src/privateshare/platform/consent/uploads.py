"""Forms with a file: the file is encrypted and written to disk while it arrives."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from privateshare.errors import InvalidRequest, RequestTooLarge
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.http.multipart import FormParts, file_pieces, multipart_boundary
from privateshare.platform.http.requests import body_stream
from privateshare.platform.runtime import Platform
from privateshare.sources.failures import shown_name

FILE_FIELD = "archive"
# A file that is too large is still read to its end up to this factor, because browsers show a response only after they
# have sent the whole request.
MAX_OVERSIZE_FACTOR = 4


Admit = Callable[[dict[str, str]], None]


@dataclass
class UploadForm:
    """The fields of a form, and its file if the person chose one. Closing it deletes the file."""

    fields: dict[str, str]
    file: SealedTemporary | None = None
    size: int = 0
    file_name: str = ""

    def take_file(self) -> SealedTemporary | None:
        """Return the file. Whoever takes it closes it."""
        file, self.file = self.file, None
        return file

    def close(self) -> None:
        """Delete the file."""
        if self.file is not None:
            self.file.close()


async def form_or_problem(request: Request, platform: Platform, words: Translator, admit: Admit) -> UploadForm | str:
    """Read a form as `read_form` does. If its file is too large for the platform, return a sentence about that."""
    most = platform.settings.max_upload_bytes
    try:
        return await read_form(request, platform.settings.data, most, admit)
    except RequestTooLarge:
        return words.say(N_("This file is too large: at most %(limit)s can be uploaded."), limit=words.size(most))


async def read_form(request: Request, folder: Path, max_bytes: int, admit: Admit) -> UploadForm:
    """Read the form of a request; the caller closes it. `admit` checks the fields before the file, and may raise.

    Raises InvalidRequest if it is no form or ends early, RequestTooLarge if the file has more than `max_bytes`.
    """
    boundary = multipart_boundary(request.headers.get("content-type", ""))
    if boundary is None:
        raise InvalidRequest("The request is not multipart/form-data.")
    parts = FormParts(max_bytes, admit, FILE_FIELD)
    form = UploadForm(parts.fields)
    try:
        async for piece in file_pieces(body_stream(request), boundary, parts, MAX_OVERSIZE_FACTOR):
            form.file = form.file or SealedTemporary(folder)
            form.size += await asyncio.to_thread(form.file.write, piece)
        if parts.has_file:
            form.file_name = shown_name(parts.file_name) if parts.file_name else ""
            form.file = form.file or SealedTemporary(folder)
    except BaseException:  # Delete the file on any failure, cancellation included.
        form.close()
        raise
    return form
