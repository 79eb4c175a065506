"""Parsing of multipart forms while they arrive. The file is passed on in pieces and never kept in memory."""

from collections.abc import AsyncIterator, Callable

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from privateshare.errors import InvalidRequest, RequestTooLarge

MAX_FIELDS = 100
MAX_FIELDS_BYTES = 16 * 1024  # This is the limit for all fields together.
MAX_BOUNDARY_BYTES = 256  # The parser accepts no more. RFC 2046 allows 70.
MAX_OVERHEAD_BYTES = 1024 * 1024  # This is the limit for everything in a form except its file.
WRITE_BUFFER_BYTES = 1024 * 1024


class FormParts:
    """The parts of a multipart form as they arrive: the fields, and the data of the file that was not taken yet.

    The file is the part with the name `file_field`, or with None the part that has a file name. `admit` is called with
    the fields before the file begins, and raises an error to reject the form.
    """

    def __init__(
        self, max_bytes: int, admit: Callable[[dict[str, str]], None] = lambda _: None, file_field: str | None = None
    ) -> None:
        self.fields: dict[str, str] = {}
        self.has_file = self.is_complete = False
        self.size = 0
        self.max_bytes, self.admit = max_bytes, admit
        self._file_field = file_field
        self._headers: dict[bytes, bytes] = {}
        self._header_name = self._header_value = b""
        self.file_name = ""
        self._name = ""
        self._is_file = False
        self._value = bytearray()
        self._field_bytes = self._parts = 0
        self._pending: list[bytes] = []

    def parser(self, boundary: bytes) -> MultipartParser:
        """Return a parser that writes to these parts."""
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
        """Return how many bytes of the file arrived since the last `take`."""
        return sum(map(len, self._pending))

    def take(self) -> bytes:
        """Return the data of the file that arrived since the last `take`."""
        pieces, self._pending = self._pending, []
        return b"".join(pieces)

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
        self._is_file = self._file_field in (None, self._name) and bool(options.get(b"filename"))
        if self._is_file and self.has_file:
            raise InvalidRequest("The form has more than one file")
        if self._is_file:
            self.has_file = True
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
            self.admit(self.fields)
        self._parts += 1
        if self._parts > MAX_FIELDS:
            raise InvalidRequest("The form has too many fields")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file:
            self._field_bytes += end - start
            if self._field_bytes > MAX_FIELDS_BYTES:
                raise InvalidRequest("A field of the form is too long")
            self._value += data[start:end]
            return
        self.size += end - start
        if self.size > self.max_bytes:
            # The rest is read, so that the browser shows the response, but it is not stored.
            self._pending.clear()
        else:
            self._pending.append(data[start:end])

    def _end_part(self) -> None:
        if not self._is_file and self._name != self._file_field:
            self.fields[self._name] = self._value.decode("utf-8", "replace")
        self._value.clear()

    def _end(self) -> None:
        self.is_complete = True


def multipart_boundary(content_type: str) -> bytes | None:
    """Return the boundary of a multipart form. Return None for another content type or an invalid boundary."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    return boundary if kind == b"multipart/form-data" and 0 < len(boundary) <= MAX_BOUNDARY_BYTES else None


async def file_in_form(
    body: AsyncIterator[bytes], boundary: bytes, max_bytes: int, file_field: str | None = None
) -> AsyncIterator[bytes]:
    """Yield the file in a multipart form while it arrives. Callers must discard the data if this raises an error.

    Raises InvalidRequest if there is no file or the form is incomplete, RequestTooLarge if the file has more than
    `max_bytes`.
    """
    parts = FormParts(max_bytes, file_field=file_field)
    async for piece in file_pieces(body, boundary, parts):
        yield piece
    if not parts.has_file:
        raise InvalidRequest(f"The form has no {f'field {file_field} with a ' if file_field else ''}file")


async def file_pieces(
    body: AsyncIterator[bytes], boundary: bytes, parts: FormParts, max_read_factor: int = 1
) -> AsyncIterator[bytes]:
    """Yield the file in a multipart form while it arrives, and collect its fields in `parts`.

    A form that is too large is read up to `max_read_factor` times `max_bytes` before RequestTooLarge is raised:
    browsers show a response only once they have sent the form. Raises InvalidRequest if the form is incomplete.
    """
    parser, received = parts.parser(boundary), 0
    try:
        async for chunk in body:
            parser.write(chunk)
            received += len(chunk)
            if received > max_read_factor * parts.max_bytes + MAX_OVERHEAD_BYTES:
                raise RequestTooLarge(
                    f"The file is too large, or the rest of the form has more than {MAX_OVERHEAD_BYTES} bytes"
                )
            if parts.pending_bytes >= WRITE_BUFFER_BYTES:
                yield parts.take()
        if parts.pending_bytes:
            yield parts.take()
    except (MultipartParseError, ClientDisconnect) as error:
        raise InvalidRequest("The form is incomplete") from error
    if parts.size > parts.max_bytes:
        raise RequestTooLarge(f"The file has more than {parts.max_bytes} bytes")
    if not parts.is_complete:
        raise InvalidRequest("The form is incomplete")
    parts.admit(parts.fields)


async def peek(body: AsyncIterator[bytes], size: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """Read the first bytes of a body. Return them, and an iterator over the whole body."""
    seen = bytearray()
    async for chunk in body:
        seen += chunk
        if len(seen) >= size:
            break

    async def whole() -> AsyncIterator[bytes]:
        yield bytes(seen)
        async for chunk in body:
            yield chunk

    return bytes(seen[:size]), whole()
