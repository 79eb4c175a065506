"""A message that is put together line by line. Its attachments are counted, and never held in memory.

The standard library's parser holds a whole message in memory several times, which for a message with large attachments
is more than a process that reads archives may take. So it only parses headers here.
"""

import binascii
import re
from dataclasses import dataclass, field

from privateshare.sources.charsets import decoded
from privateshare.sources.html_text import text_of_html
from privateshare.sources.mail_file.headers import Headers, decoded_words

MAX_HEADER_BYTES = 256 * 1024
MAX_TEXT_BYTES = 1024 * 1024  # This limits all text parts together, as they are encoded.
MAX_DEPTH = 50
MAX_ATTACHMENTS = 500
BASE64, QUOTED_PRINTABLE = "base64", "quoted-printable"
BASE64_CHARACTERS, BASE64_BYTES = 4, 3
PADDING = b"= \t\r\n"

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(slots=True)
class AttachedFile:
    """A file of a message, without its content."""

    name: str
    mimetype: str
    size: int


@dataclass(slots=True)
class _Part:
    """A part of a message that is being read. `text` is what it holds, if it is text to be shown."""

    mimetype: str
    encoding: str
    name: str
    charset: str
    text: bytearray | None
    size: int = 0


@dataclass(slots=True)
class MessageBuilder:
    """A message that is being read.

    Attributes:
        separator: The line before the message in an mbox file; empty if it is a file of its own.
        is_truncated: Whether some of its text was too long to be kept.
        size: Its size in bytes.
    """

    separator: bytes = b""
    headers: Headers | None = None
    attachments: list[AttachedFile] = field(default_factory=list)
    is_truncated: bool = False
    size: int = 0
    _lines: list[bytes] = field(default_factory=list)
    _header_bytes: int = 0
    _in_headers: bool = True
    _boundaries: list[bytes] = field(default_factory=list)
    _part: _Part | None = None
    _plain: list[str] = field(default_factory=list)
    _html: list[str] = field(default_factory=list)
    _text_bytes: int = 0

    def add(self, line: bytes) -> None:
        """Take the next line, or the next part of a very long one."""
        self.size += len(line)
        if line.startswith(b"--") and self._boundaries and self._ends_part(line.rstrip()):
            return
        if self._in_headers:
            self._add_header(line)
        elif (part := self._part) is not None:
            if part.text is not None:
                self._add_text(part.text, line)
            else:
                part.size += len(line.rstrip(PADDING) if part.encoding == BASE64 else line)

    def finish(self) -> None:
        """Take the message as complete."""
        if self._in_headers and self._lines:
            self._begin_part()
        self._end_part()

    def text(self) -> str:
        """Return the text of a finished message: the plain one if there is one, or else that of its pages."""
        plain = "\n\n".join(text.strip() for text in self._plain if text.strip())
        return plain or "\n\n".join(text for page in self._html if (text := text_of_html(page)))

    def _add_header(self, line: bytes) -> None:
        if not line.strip(b"\r\n"):
            self._begin_part()
        elif self._header_bytes < MAX_HEADER_BYTES:
            self._header_bytes += len(line)
            self._lines.append(line)

    def _add_text(self, text: bytearray, line: bytes) -> None:
        if self._text_bytes + len(line) > MAX_TEXT_BYTES:
            self.is_truncated = True
            return
        self._text_bytes += len(line)
        text += line

    def _ends_part(self, line: bytes) -> bool:
        for depth in range(len(self._boundaries) - 1, -1, -1):
            boundary = self._boundaries[depth]
            if not line.startswith(boundary) or line[len(boundary) :] not in (b"", b"--"):
                continue
            self._end_part()
            self._lines = []
            is_last = len(line) > len(boundary)
            del self._boundaries[depth if is_last else depth + 1 :]
            self._in_headers, self._header_bytes = not is_last, 0
            return True
        return False

    def _begin_part(self) -> None:
        headers = Headers(b"".join(self._lines))
        self._lines, self._in_headers = [], False
        if self.headers is None:
            self.headers = headers
        mimetype = headers.parameter("content_type") or "text/plain"
        boundary = headers.parameter("boundary")
        if mimetype.startswith("multipart/") and boundary and len(self._boundaries) < MAX_DEPTH:
            self._boundaries.append(b"--" + boundary.encode("utf-8", "replace"))
            return
        name = headers.parameter("filename")
        is_shown = mimetype in ("text/plain", "text/html") or mimetype.startswith("multipart/")
        is_file = headers.parameter("content_disposition") == "attachment" or bool(name and self._boundaries)
        self._part = _Part(
            mimetype,
            headers.written("content-transfer-encoding").lower(),
            name or headers.text("content-description"),
            headers.parameter("content_charset"),
            bytearray() if is_shown and not is_file else None,
        )

    def _end_part(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        if part.text is None:
            if len(self.attachments) < MAX_ATTACHMENTS:
                self.attachments.append(AttachedFile(decoded_words(part.name), part.mimetype, _size(part)))
            return
        data = bytes(part.text)
        if self.separator:
            data = _QUOTED_FROM.sub(rb"\1", data)
        text = decoded(decoded_content(data, part.encoding), part.charset)
        (self._html if part.mimetype == "text/html" else self._plain).append(text)


def decoded_content(data: bytes, encoding: str) -> bytes:
    """Decode what was encoded for its way through mail. Damaged parts are passed over."""
    if encoding == QUOTED_PRINTABLE:
        return binascii.a2b_qp(data)
    if encoding == BASE64:
        letters = _NOT_BASE64.sub(b"", data)
        letters = letters[: len(letters) - (len(letters) % BASE64_CHARACTERS == 1)]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % BASE64_CHARACTERS))
    return data


def _size(part: _Part) -> int:
    return part.size * BASE64_BYTES // BASE64_CHARACTERS if part.encoding == BASE64 else part.size
