"""Multipart bodies, taken apart while they arrive: the file in one goes on in pieces, never to memory."""

from collections.abc import AsyncIterator, Callable

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from privateshare.errors import InvalidRequest, RequestTooLarge

MAX_FIELDS = 100
MAX_FIELD_BYTES = 16 * 1024  # of all fields together
MAX_BOUNDARY = 256  # the parser takes no more; RFC 2046 has 70
MAX_AROUND = 1024 * 1024  # of all that is in a form and not its file, before it and after it too
WRITE_BYTES = 1024 * 1024  # collected before they go on


class Parts:
    """The parts of a multipart body, as they arrive: the fields, and what there is of the file since the last look.

    The file is the part of the name `file_field`, or with None the one that has a file's name.
    """

    def __init__(
        self, max_bytes: int, admit: Callable[[dict[str, str]], None] = lambda _: None, file_field: str | None = None
    ) -> None:
        self.fields: dict[str, str] = {}
        self.has_file = self.whole = False
        self.size = 0
        self.max_bytes, self.admit = max_bytes, admit
        self._file_field = file_field
        self._headers: dict[bytes, bytes] = {}
        self._header_name = self._header_value = b""
        self._name = ""
        self._is_file = False
        self._value = bytearray()
        self._field_bytes = self._parts = 0
        self._pending: list[bytes] = []

    def parser(self, boundary: bytes) -> MultipartParser:
        """What feeds these parts."""
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
        """What arrived of the file since the last look."""
        return sum(map(len, self._pending))

    def take(self) -> bytes:
        """What arrived of the file since the last look."""
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
            self.admit(self.fields)
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


def multipart_boundary(content_type: str) -> bytes | None:
    """The boundary of a multipart form; None if it says to be none, or has no boundary that can be one."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    return boundary if kind == b"multipart/form-data" and 0 < len(boundary) <= MAX_BOUNDARY else None


async def file_in_form(
    body: AsyncIterator[bytes], boundary: bytes, max_bytes: int, file_field: str | None = None
) -> AsyncIterator[bytes]:
    """The file in a multipart body while it arrives: for who keeps nothing unless it comes to its end.

    Raises InvalidRequest if there is none or the body breaks off, RequestTooLarge if it has more than `max_bytes`.
    """
    parts = Parts(max_bytes, file_field=file_field)
    async for piece in file_pieces(body, boundary, parts):
        yield piece
    if not parts.has_file:
        raise InvalidRequest(f"The form has no {f'field {file_field} with a ' if file_field else ''}file in it")


async def file_pieces(
    body: AsyncIterator[bytes], boundary: bytes, parts: Parts, patience: int = 1
) -> AsyncIterator[bytes]:
    """The same for who reads the fields too; it reads on to `patience` times `max_bytes`, for its answer to arrive."""
    parser, received = parts.parser(boundary), 0
    try:
        async for chunk in body:
            parser.write(chunk)
            received += len(chunk)
            if received > patience * parts.max_bytes + MAX_AROUND:
                raise RequestTooLarge(
                    f"The form has more around its file than {MAX_AROUND} bytes, or the file too many"
                )
            if parts.pending_bytes >= WRITE_BYTES:
                yield parts.take()
        if parts.pending_bytes:
            yield parts.take()
    except (MultipartParseError, ClientDisconnect) as error:
        raise InvalidRequest("The form broke off before its end") from error
    if parts.size > parts.max_bytes:
        raise RequestTooLarge(f"The file has more than {parts.max_bytes} bytes")
    if not parts.whole:
        raise InvalidRequest("The form broke off before its end")
    parts.admit(parts.fields)


async def peek(body: AsyncIterator[bytes], size: int) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first bytes of a body, and all of it."""
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
