"""A form of a page with a file in it: the file goes to disk, sealed, while it arrives."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from privateshare.errors import InvalidRequest
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.http.multipart import FormParts, file_pieces, multipart_boundary
from privateshare.platform.http.requests import body_stream

FILE_FIELD = "archive"
PATIENCE = 4  # how many times too large a file may be and is still read to its end, for the answer to arrive


@dataclass
class UploadForm:
    """The fields of a form, and its file if the person chose one. Close it, and the file is gone."""

    fields: dict[str, str]
    file: SealedTemporary | None = None
    size: int = 0

    def close(self) -> None:
        """Gives the file's space back."""
        if self.file is not None:
            self.file.close()


async def read_form(
    request: Request,
    folder: Path,
    max_bytes: int,
    admit: Callable[[dict[str, str]], None],
    file_field: str = FILE_FIELD,
) -> UploadForm:
    """The form of a request; the caller closes it. `admit` sees the fields that came before the file and may raise.

    Raises InvalidRequest if it is no form or breaks off, RequestTooLarge if the file has more than `max_bytes`.
    """
    boundary = multipart_boundary(request.headers.get("content-type", ""))
    if boundary is None:
        raise InvalidRequest("The form did not arrive as one")
    parts = FormParts(max_bytes, admit, file_field)
    form = UploadForm(parts.fields)
    try:
        async for piece in file_pieces(body_stream(request), boundary, parts, PATIENCE):
            form.file = form.file or SealedTemporary(folder)
            form.size += await asyncio.to_thread(form.file.write, piece)
        if parts.has_file:
            form.file = form.file or SealedTemporary(folder)
    except BaseException:  # whatever it was: the file is of no use to anybody
        form.close()
        raise
    return form
