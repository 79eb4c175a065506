"""A form with a file in it, taken apart while it arrives: the file goes to a sealed temporary, never to memory."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from privateshare.errors import InvalidRequest, RequestTooLarge
from privateshare.platform.api.requests import body_stream
from privateshare.platform.blobs.temporary import SealedTemporary

FILE_FIELD = "archive"
MAX_FIELDS = 100
MAX_FIELD_BYTES = 16 * 1024  # of all fields together
PATIENCE = 4  # how many times too large a file may be and is still read to its end, for the answer to arrive
WRITE_BYTES = 1024 * 1024  # collected before a thread writes them


class Form:
    """The fields of a form, and its file if the person chose one. Close it, and the file is gone."""

    def __init__(
        self, folder: Path, max_bytes: int, admit: Callable[[dict[str, str]], None], file_field: str = FILE_FIELD
    ) -> None:
        self.fields: dict[str, str] = {}
        self.file: SealedTemporary | None = None
        self.has_file = False
        self.size = 0
        self._folder, self.max_bytes, self._admit = folder, max_bytes, admit
        self._file_field = file_field
        self._headers: dict[bytes, bytes] = {}
        self._header_name = self._header_value = b""
        self._name = ""
        self._is_file = False
        self._value = bytearray()
        self._field_bytes = self._parts = 0
        self._pending: list[bytes] = []
        self.whole = False

    def close(self) -> None:
        """Gives the file's space back."""
        if self.file is not None:
            self.file.close()

    def parser(self, boundary: bytes) -> MultipartParser:
        """What feeds this form."""
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._take_header_name,
                "on_header_value": self._take_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_part,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    @property
    def pending_bytes(self) -> int:
        """What waits to be written."""
        return sum(map(len, self._pending))

    def write_pending(self) -> None:
        """Writes what has arrived of the file; blocks."""
        if not self.has_file:
            return
        pieces, self._pending = self._pending, []
        self.file = self.file or SealedTemporary(self._folder)
        self.file.write(b"".join(pieces))

    def _take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _begin_part(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._name == self._file_field and bool(options.get(b"filename"))
        if self._is_file and self.has_file:
            raise InvalidRequest("The form has more than one file")
        if self._is_file:
            self.has_file = True
            self._admit(self.fields)
        self._parts += 1
        if self._parts > MAX_FIELDS:
            raise InvalidRequest("The form has too many fields")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._field_bytes += end - start
            if self._field_bytes > MAX_FIELD_BYTES:
                raise InvalidRequest("A field of the form is too long")
            self._value += data[start:end]
            return
        self.size += end - start
        if self.size > self.max_bytes:
            self._pending.clear()  # read on, so that the person's browser gets to see the answer, but keep nothing
        else:
            self._pending.append(data[start:end])

    def _end_part(self) -> None:
        if not self._is_file and self._name != self._file_field:
            self.fields[self._name] = self._value.decode("utf-8", "replace")
        self._value.clear()

    def _end(self) -> None:
        self.whole = True


async def read_form(
    request: Request,
    folder: Path,
    max_bytes: int,
    admit: Callable[[dict[str, str]], None],
    file_field: str = FILE_FIELD,
) -> Form:
    """The form of a request; the caller closes it. `admit` sees the fields that came before the file and may raise.

    Raises InvalidRequest if it is no form or breaks off, RequestTooLarge if the file has more than `max_bytes`.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InvalidRequest("The form did not arrive as one")
    form = Form(folder, max_bytes, admit, file_field)
    try:
        await _feed(request, form, form.parser(options[b"boundary"]))
        if form.size > max_bytes:
            raise RequestTooLarge(f"The file has more than {max_bytes} bytes")
        if not form.whole:
            raise InvalidRequest("The form broke off before its end")
        admit(form.fields)
    except (MultipartParseError, ClientDisconnect) as error:
        form.close()
        raise InvalidRequest("The form broke off before its end") from error
    except BaseException:
        form.close()
        raise
    return form


async def _feed(request: Request, form: Form, parser: MultipartParser) -> None:
    async for chunk in body_stream(request):
        parser.write(chunk)
        if form.size > PATIENCE * form.max_bytes:
            raise RequestTooLarge(f"The file has more than {form.max_bytes} bytes")
        if form.pending_bytes >= WRITE_BYTES:
            await asyncio.to_thread(form.write_pending)
    await asyncio.to_thread(form.write_pending)
