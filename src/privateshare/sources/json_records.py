"""A streaming reader that finds records in JSON of any size, and preserves the original text of each.

A source decides which objects are its records (`ObjectRole`). Records may be anywhere: in arrays, in objects, one per
line, or in several documents in a row. At most one record is in memory at a time. The size, the numbers and the nesting
of a record are checked before it is parsed. A record that cannot be read is counted, and the next one is read.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from typing import Any, Protocol

import orjson

from privateshare.sources.failures import DAMAGED, LONG_NUMBER, NOT_UTF_8, TOO_DEEP, TOO_LARGE, UNKNOWN, LeftOut, Reason

JsonObject = dict[str, Any]

MEGABYTE = 1024 * 1024
READ_BYTES = 256 * 1024
SMALL_BYTES = READ_BYTES  # Objects up to this size are parsed before it is known whether they are records.
MAX_SCALAR_BYTES = 256 * 1024  # Longer names and values are not kept in memory.
MAX_RECORD_BYTES = 64 * MEGABYTE
MAX_VALUES_PER_RECORD = 1_000_000  # Each parsed value takes at least a hundred bytes of memory, even if it is short.
MAX_DEPTH = 64
MAX_NUMBER_CHARACTERS = 400  # No float has more digits before its point.
# A text is given up after this many values without a readable record, plus some for each record that was read.
MAX_VALUES_WITHOUT_RECORD = 200_000
VALUES_WITHOUT_RECORD_PER_RECORD = 10
MAX_SKIPPED_TOKENS = 2_000_000
MAX_OUTLINE_MEMBERS = 100_000  # Only so many members of an object are used to determine its role.
SAMPLE_LINES = 50  # The format with one document per line is detected by the first lines.
BOM = b"\xef\xbb\xbf"
REPLACEMENT = "\ufffd".encode()
LONE_SURROGATE_LENGTH = len(rb"\ud800")

OBJECT, ARRAY, QUOTE = ord("{"), ord("["), ord('"')
CLOSING = b"]}"

_PLAIN = rb'[^\[\]{}"]*+'
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_CUT_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'


def _nested(string: bytes, closing: bytes, depth: int) -> bytes:
    """Build the pattern of an object or array with all its content, up to a depth.

    All quantifiers are possessive, so there is no backtracking and matching takes linear time.
    """
    flat = _PLAIN + rb"(?:" + string + _PLAIN + rb")*+"
    inside = flat
    for _ in range(depth - 1):
        inside = flat + rb"(?:[\[{]" + inside + closing + flat + rb")*+"
    return rb"[\[{]" + inside + closing


class _Patterns:
    """Patterns for JSON that is nested up to a depth.

    Attributes:
        whole: A complete object or array.
        begun: An object or array that may be cut off at the end of the text.
        next: An object or array after white space and commas.
        element: The next object or array of an array, after scalars.
        member: The next member of an object: its name, and its value if that is an object or array.
    """

    def __init__(self, depth: int) -> None:
        one, flags = _nested(_STRING, rb"[\]}]", depth), re.DOTALL
        scalar = _STRING + rb'|[^\s,:\[\]{}"]++'
        self.whole = re.compile(one, flags)
        self.begun = re.compile(_nested(_CUT_STRING, rb"(?:[\]}]|\Z)", depth), flags)
        self.next = re.compile(rb"[ \t\r\n,]*+(" + one + rb")", flags)
        self.element = re.compile(_PLAIN + rb"(?:" + _STRING + _PLAIN + rb")*+(" + one + rb")", flags)
        name = rb"[ \t\r\n,]*+(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+"
        self.member = re.compile(name + rb"(?:(" + one + rb")|" + scalar + rb")", flags)


@cache
def _deep() -> _Patterns:
    """Return the patterns for the maximum depth. Few texts need them, and they take long to compile."""
    return _Patterns(MAX_DEPTH)


_SHALLOW = _Patterns(16)


def _whole_value(text: bytes, at: int = 0) -> "re.Match[bytes] | None":
    """Match the object or array at a position; None if it is incomplete or nested too deeply."""
    found = _SHALLOW.whole.match(text, at)
    if found is None and not _is_begun(_SHALLOW, text, at):
        found = _deep().whole.match(text, at)
    return found


def _is_begun(patterns: _Patterns, text: bytes, at: int) -> bool:
    """Return whether the text ends inside the object or array at a position."""
    found = patterns.begun.match(text, at)
    return found is not None and found.end() == len(text)


def _is_document(line: bytes) -> bool:
    found = _whole_value(line)
    return found is not None and found.end() == len(line)


# White space of JSON, and also: record separators (RFC 7464), byte order marks of concatenated files, and NUL padding.
_SPACE = re.compile(rb"(?:[ \t\r\n\x1e\x00]|\xef\xbb\xbf)*+")
_GAP = re.compile(rb"(?:[ \t\r\n\x1e\x00,]|\xef\xbb\xbf)*+")
_MARKS = b" \t\r\n\x1e\x00" + BOM
_TOKEN = re.compile(_STRING + rb"|[\[{\]}]", re.DOTALL)
_FLAT = re.compile(_PLAIN + rb"(?:" + _STRING + _PLAIN + rb")*+", re.DOTALL)
_SCALAR = re.compile(_STRING + rb'|[^\s,:\[\]{}"]++', re.DOTALL)
_KEY = re.compile(rb"(" + _STRING + rb")[ \t\r\n]*+:", re.DOTALL)
_STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_ANY_STRING = re.compile(_STRING, re.DOTALL)
_LINE_BREAKS = re.compile(rb"[\r\n][ \t\r\n]*+")
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)|[\x00-\x1f]", re.DOTALL)
_NUMBER = b"0123456789+-.eE"
_DIGITS = bytes(ord("0") if code in _NUMBER else ord(" ") for code in range(256))
_LONG_NUMBER = b"0" * (MAX_NUMBER_CHARACTERS + 1)


class ObjectRole(Enum):
    """The role of an object in the format of a source.

    RECORD is a record. WRAPPER contains records and nothing else of interest. UNKNOWN may contain records; between
    records, it counts as a record that cannot be read.
    """

    RECORD = auto()
    WRAPPER = auto()
    UNKNOWN = auto()


RoleOf = Callable[[JsonObject, str], ObjectRole]
"""Returns the role of an object. The second argument is the name of the member or array that contains it."""


@dataclass(slots=True)
class FoundRecord:
    """A record that was found in an upload.

    Attributes:
        thing: The parsed record.
        text: Its JSON in one line, with the original notation of all numbers.
        wrapper: The object that contains it, such as an entry of a FHIR Bundle; None if there is none.
        file: The path of its file in the archive; empty if the upload is a single file.
    """

    thing: JsonObject
    text: bytes = field(repr=False)
    wrapper: JsonObject | None = field(default=None, repr=False)
    file: str = field(default="", repr=False)


class ByteStream(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes, at most `size`; empty at the end."""


class NotJson(Exception):
    """The text does not begin with JSON."""


class TruncatedJson(Exception):
    """The text ends too early, or is damaged so that nothing after this position can be parsed."""


class OtherData(TruncatedJson):
    """The text contains so much other data that the search for records is given up."""


class _TooDeep(Exception):
    pass


class _Unreadable(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.code)


class _Buffer:
    """The part of a text that is in memory. `at` is the position that is read next."""

    def __init__(self, stream: ByteStream | None, data: bytes = b"") -> None:
        self.data, self.at, self.dropped = data, 0, 0
        self.has_long_number = False
        self._stream = stream

    @property
    def position(self) -> int:
        """The number of bytes that were read."""
        return self.dropped + self.at

    def more(self) -> bool:
        """Load at least as much more of the text as is in memory. Returns whether there was any."""
        waiting = len(self.data) - self.at
        if self._stream is None or not (piece := self._stream.read(max(READ_BYTES, waiting))):
            return False
        self.dropped += self.at
        self.data, self.at = (self.data[self.at :] + piece if waiting else piece), 0
        self.has_long_number = self.has_long_number or _LONG_NUMBER in self.data.translate(_DIGITS)
        return True

    def next_byte(self, gap: "re.Pattern[bytes]" = _SPACE) -> int | None:
        """Skip white space, and return the next byte without consuming it; None at the end."""
        while True:
            self.at = _match(gap, self.data, self.at).end()
            if len(self.data) - self.at >= len(BOM) or not self.more():
                return self.data[self.at] if self.at < len(self.data) else None

    def take_value(self, limit: int) -> bytes | None:
        """Consume the next object or array; None, without consuming it, if it has more than `limit` bytes.

        Raises:
            TruncatedJson: The text ends inside it.
            _TooDeep: It is nested too deeply.
        """
        while True:
            if (found := _whole_value(self.data, self.at)) is not None:
                if found.end() - self.at > limit:
                    return None
                self.at = found.end()
                return found.group()
            if not (_is_begun(_SHALLOW, self.data, self.at) or _is_begun(_deep(), self.data, self.at)):
                raise _TooDeep
            if len(self.data) - self.at > limit:
                return None
            if not self.more():
                raise TruncatedJson

    def take_scalar(self) -> bytes:
        """Consume the next string, number or word. Of a very long one, only the first byte is returned."""
        while True:
            found = _SCALAR.match(self.data, self.at)
            if found is not None and found.end() < len(self.data):
                self.at = found.end()
                return found.group()
            if found is None and self.data[self.at : self.at + 1] != b'"':
                raise TruncatedJson
            if len(self.data) - self.at > MAX_SCALAR_BYTES:
                return self._skip_long_scalar()
            if not self.more():
                if found is None:
                    raise TruncatedJson
                self.at = found.end()
                return found.group()

    def take_key(self) -> str | None:
        """Consume the name of the next member and its colon; None if there is no name."""
        while True:
            found = _KEY.match(self.data, self.at)
            if found is not None:
                self.at = found.end()
                return _text_of(found[1])
            if len(self.data) - self.at > MAX_SCALAR_BYTES or not self.more():
                return None

    def skip_value(self) -> None:
        """Skip the next object or array of any size and depth."""
        depth = skipped = 0
        while True:
            if len(self.data) - self.at < READ_BYTES and not self.more() and self.at >= len(self.data):
                raise TruncatedJson
            if skipped > MAX_SKIPPED_TOKENS:
                raise OtherData
            for found in _TOKEN.finditer(self.data, self.at):
                skipped += 1
                self.at = found.end()
                byte = self.data[found.start()]
                depth += (byte in b"[{") - (byte in b"]}")
                if depth == 0 and byte in b"]}":
                    return
            quote = self.data.find(b'"', self.at)
            if quote < 0:
                self.at = len(self.data)
            else:
                self.at = quote
                if len(self.data) - quote > MAX_SCALAR_BYTES or not self.more():
                    self._skip_long_scalar()

    def take_line(self) -> bytes | None:
        """Consume the next line; None if it was skipped because it is larger than a record may be."""
        searched = 0
        while (end := self.data.find(b"\n", self.at + searched)) < 0:
            searched = len(self.data) - self.at
            if searched > MAX_RECORD_BYTES:
                self._skip_to(b"\n")
                return None
            if not self.more():
                end = len(self.data)
                break
        line = self.data[self.at : end]
        self.at = min(end + 1, len(self.data))
        return line

    @property
    def ended(self) -> bool:
        """Whether the text has ended."""
        return self.at >= len(self.data) and not self.more()

    def _skip_to(self, end: bytes) -> None:
        while (found := self.data.find(end, self.at)) < 0:
            self.at = len(self.data)
            if not self.more():
                return
        self.at = found + len(end)

    def _skip_long_scalar(self) -> bytes:
        """Skip a string or number of any length, and return its first byte."""
        beginning = self.data[self.at : self.at + 1]
        if beginning[:1] != b'"':
            while (found := _match(_LONG_WORD, self.data, self.at)).end() == len(self.data):
                self.at = len(self.data)
                if not self.more():
                    return beginning
            self.at = found.end()
            return beginning
        self.at += 1
        while True:
            self.at = _match(_STRING_REST, self.data, self.at).end()
            if self.data[self.at : self.at + 1] == b'"':
                self.at += 1
                return beginning
            if not self.more():
                raise TruncatedJson


_LONG_WORD = re.compile(rb'[^\s,:\[\]{}"]*+')


def _match(pattern: "re.Pattern[bytes]", data: bytes, at: int) -> "re.Match[bytes]":
    """Match a pattern that always matches, at least the empty text."""
    found = pattern.match(data, at)
    assert found is not None
    return found


class RecordReader:
    """A reader of the records in one text. Records that cannot be read are counted in `left_out`."""

    def __init__(self, stream: ByteStream, role_of: RoleOf, left_out: LeftOut, file: str = "") -> None:
        self._buffer = _Buffer(stream)
        self._role_of, self._left_out, self._file = role_of, left_out, file
        self._seen = 0  # Counts records, including those that cannot be read.
        self._known_objects = 0  # Counts records and wrappers.
        self._values_without_record = 0

    @property
    def position(self) -> int:
        """The number of bytes of the text that were read."""
        return self._buffer.position

    @property
    def seen(self) -> int:
        """The number of records that were found, including those that cannot be read."""
        return self._seen

    def records(self) -> Iterator[FoundRecord]:
        """Yield all records of the text.

        Raises:
            NotJson: The text does not begin with JSON.
            TruncatedJson: The rest of the text cannot be parsed.
            OtherData: The text contains so much other data that the search is given up.
        """
        if self._has_documents_on_lines():
            yield from self._lines()
            return
        first = True
        while (byte := self._buffer.next_byte()) is not None:
            if byte in (OBJECT, ARRAY):
                yield from self._value("", 0, None)
            elif byte == ord(",") and not first:
                self._buffer.at += 1
            else:
                raise NotJson if first else TruncatedJson
            first = False

    def _has_documents_on_lines(self) -> bool:
        """Return whether each line is a document of its own, so that damage does not extend past the end of a line."""
        buffer = self._buffer
        while len(buffer.data) < SMALL_BYTES and buffer.data.count(b"\n") < SAMPLE_LINES and buffer.more():
            pass
        buffer.next_byte()
        lines = buffer.data[buffer.at :].split(b"\n", SAMPLE_LINES)[:SAMPLE_LINES]
        lines = [stripped for line in lines if (stripped := line.strip(_MARKS))]
        whole = sum(1 for line in lines if _is_document(line))
        begun = all(line.startswith((b"{", b"[")) and not line.endswith(b",") for line in lines)
        return len(lines) > 1 and whole > 0 and (begun or 2 * whole >= len(lines))

    def _lines(self) -> Iterator[FoundRecord]:
        unknown, before = 0, self._seen
        while not self._buffer.ended:
            line = self._buffer.take_line()
            if line is None:
                self._leave_out(TOO_LARGE)
            elif (text := line.strip(_MARKS)) and _is_document(text):
                known = self._known_objects
                yield from self._inside(text, self._document())
                unknown += self._is_without_record(known)
            elif text:
                self._leave_out(_damage(text))
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)

    def _document(self) -> Iterator[FoundRecord]:
        yield from self._value("", 1, None)

    def _value(self, key: str, level: int, wrapper: JsonObject | None) -> Iterable[FoundRecord]:
        """Return the records of the next object or array."""
        buffer = self._buffer
        if level > MAX_DEPTH:
            self._leave_out(TOO_DEEP)
            buffer.skip_value()
            return ()
        try:
            text = buffer.take_value(SMALL_BYTES)
            if text is not None:
                return self._whole(text, key, wrapper)
            if buffer.data[buffer.at] == ARRAY:
                return self._elements(key, level)
            return self._large_object(key, level, wrapper)
        except (TruncatedJson, _TooDeep) as error:
            return self._unbounded(key, level, error)

    def _unbounded(self, key: str, level: int, error: Exception) -> Iterable[FoundRecord]:
        """Return the records of an object or array that is truncated or nested too deeply."""
        buffer = self._buffer
        if buffer.data[buffer.at] == ARRAY:
            return self._elements(key, level)
        shape = self._role_of(_outline(buffer.data, buffer.at), key)
        if shape is not ObjectRole.RECORD:
            self._known_objects += shape is ObjectRole.WRAPPER
            return self._members(level, None)
        if isinstance(error, TruncatedJson):
            raise error
        self._leave_out(TOO_DEEP)
        buffer.skip_value()
        return ()

    def _whole(self, text: bytes, key: str, wrapper: JsonObject | None) -> Iterable[FoundRecord]:
        """Return the records of an object or array that is in memory."""
        try:
            if self._buffer.has_long_number and _has_long_number(text):
                raise _Unreadable(LONG_NUMBER)
            value, text = _parsed(text)
        except _Unreadable as error:
            return self._unreadable(text, key, error.reason)
        return self._known(value, text, key, wrapper)

    def _known(self, value: Any, text: bytes, key: str, wrapper: JsonObject | None) -> Iterable[FoundRecord]:
        """Return the records of a parsed object or array, given its text."""
        if isinstance(value, list):
            return self._known_elements(value, text, key)
        shape = self._role_of(value, key)
        if shape is ObjectRole.RECORD:
            self._note()
            return (FoundRecord(value, text, wrapper, self._file),)
        self._known_objects += shape is ObjectRole.WRAPPER
        inner = _containers(value.values())
        return self._known_members(value, text, len(inner)) if inner else ()

    def _known_members(self, thing: JsonObject, text: bytes, inner: int) -> Iterator[FoundRecord]:
        parts = _member_texts(text)
        for key, part in parts:
            if len(parts) == inner:
                yield from self._known(thing[key], part, key, thing)
            else:  # A name occurs twice, and the parsed object has only the last value.
                yield from self._whole(part, key, thing)

    def _known_elements(self, values: list[Any], text: bytes, key: str) -> Iterator[FoundRecord]:
        inner = _containers(values)
        unknown, before = sum(value is not None for value in values) - len(inner), self._seen
        for value, part in zip(inner, _element_texts(text), strict=True):
            known = self._known_objects
            yield from self._known(value, part, key, None)
            unknown += self._is_without_record(known)
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)

    def _unreadable(self, text: bytes, key: str, reason: Reason) -> Iterator[FoundRecord]:
        """Yield the readable records of a text that cannot be parsed as a whole, and count it if there are none."""
        seen = self._seen
        if text[0] == ARRAY:
            yield from self._inside(text, self._elements(key, 1))
        elif self._role_of(_outline(text), key) is not ObjectRole.RECORD:
            try:
                yield from self._inside(text, self._members(1, None))
            except TruncatedJson:
                self._leave_out(reason)
        if self._seen == seen:
            self._leave_out(reason)

    def _large_object(self, key: str, level: int, wrapper: JsonObject | None) -> Iterable[FoundRecord]:
        """Return the records of an object that may not fit into memory."""
        buffer = self._buffer
        shape = self._role_of(_outline(buffer.data, buffer.at), key)
        self._known_objects += shape is ObjectRole.WRAPPER
        if shape is ObjectRole.WRAPPER and level == 0:
            return self._members(level, None)
        text = buffer.take_value(MAX_RECORD_BYTES)
        if text is None and shape is not ObjectRole.RECORD:
            return self._members(level, None)
        if text is None:
            self._leave_out(TOO_LARGE)
            buffer.skip_value()
            return ()
        outline = _outline(text)
        if self._role_of(outline, key) is not ObjectRole.RECORD:
            return self._inside(text, self._members(1, outline))
        if _count_values(text) > MAX_VALUES_PER_RECORD:
            self._leave_out(TOO_LARGE)
            return ()
        return self._whole(text, key, wrapper)

    def _members(self, level: int, wrapper: JsonObject | None) -> Iterator[FoundRecord]:
        """Yield the records in the members of the next object, before its bracket was consumed."""
        buffer = self._buffer
        buffer.at += 1
        while (byte := buffer.next_byte(_GAP)) is not None:
            if byte in CLOSING:
                buffer.at += 1
                return
            key = buffer.take_key()
            if key is None:
                raise TruncatedJson
            known = self._known_objects
            if buffer.next_byte() in (OBJECT, ARRAY):
                yield from self._value(key, level + 1, wrapper)
            else:
                buffer.take_scalar()
            self._is_without_record(known)
        raise TruncatedJson

    def _elements(self, key: str, level: int) -> Iterator[FoundRecord]:
        """Yield the records in the next array, before its bracket was consumed."""
        buffer = self._buffer
        buffer.at += 1
        unknown, before = 0, self._seen
        while True:
            known = self._known_objects
            found = _SHALLOW.next.match(buffer.data, buffer.at) if level < MAX_DEPTH else None
            if found is not None and found.end() - found.start(1) <= SMALL_BYTES:
                buffer.at = found.end()
                yield from self._whole(found[1], key, None)
                unknown += self._is_without_record(known)
                continue
            byte = buffer.next_byte(_GAP)
            if byte is None:
                raise TruncatedJson
            if byte in (OBJECT, ARRAY):
                yield from self._value(key, level + 1, None)
                unknown += self._is_without_record(known)
            elif byte in CLOSING:
                buffer.at += 1
                break
            else:
                unknown += buffer.take_scalar() != b"null"
                self._is_without_record(known)
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)

    def _inside(self, text: bytes, records: Iterator[FoundRecord]) -> Iterator[FoundRecord]:
        """Yield records of a text that is in memory, and then continue with the surrounding text."""
        around, self._buffer = self._buffer, _Buffer(None, text)
        self._buffer.has_long_number = around.has_long_number
        try:
            yield from records
        finally:
            self._buffer = around

    def _is_without_record(self, known: int) -> bool:
        """Return whether no known object was found since `known`. Raises OtherData if that happens too often."""
        if self._known_objects > known:
            return False
        self._give_up_after(1)
        return True

    def _give_up_after(self, number: int) -> None:
        self._values_without_record += number
        if (
            self._values_without_record
            > MAX_VALUES_WITHOUT_RECORD + VALUES_WITHOUT_RECORD_PER_RECORD * self._left_out.read
        ):
            raise OtherData

    def _note(self, number: int = 1) -> None:
        self._seen += number
        self._known_objects += number

    def _leave_out(self, reason: Reason, number: int = 1) -> None:
        self._note(number)
        self._left_out.leave_out(reason, number=number)
        self._give_up_after(number)


def _damage(line: bytes) -> Reason:
    """Determine why a line is not a document."""
    if line[:1] not in (b"{", b"[") or _whole_value(line) or _is_begun(_deep(), line, 0):
        return DAMAGED
    return TOO_DEEP


def _parsed(text: bytes) -> tuple[Any, bytes]:
    """Parse an object or array, and return it with its text in one line. Raises _Unreadable."""
    try:
        value = _loads(text)
    except ValueError:
        text = _repaired(text)
        try:
            value = _loads(text)
        except ValueError:
            raise _Unreadable(DAMAGED) from None
    if b"\n" in text or b"\r" in text:
        text = _LINE_BREAKS.sub(b"", text)  # Strings contain no line breaks, otherwise parsing would have failed.
    return value, text


def _loads(text: bytes) -> Any:
    """Parse JSON. Raises ValueError, or MemoryError in cases in which orjson raises a JSONDecodeError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "memory" in str(error):
            raise MemoryError from error
        raise


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _member_texts(text: bytes, patterns: _Patterns = _SHALLOW) -> list[tuple[str, bytes]]:
    """Return the names and texts of the members of an object that are objects or arrays."""
    found, at = [], 1
    while (member := patterns.member.match(text, at)) is not None:
        at = member.end()
        if member[2] is not None:
            found.append((_text_of(member[1]), member[2]))
    is_whole = patterns is not _SHALLOW or text[at:].strip() == b"}"
    return found if is_whole else _member_texts(text, _deep())


def _element_texts(text: bytes, patterns: _Patterns = _SHALLOW) -> list[bytes]:
    """Return the texts of the elements of an array that are objects or arrays."""
    found, at = [], 1
    while (element := patterns.element.match(text, at)) is not None:
        at = element.end()
        found.append(element[1])
    is_whole = patterns is not _SHALLOW or _match(_FLAT, text, at).end() == len(text) - 1
    return found if is_whole else _element_texts(text, _deep())


def _has_long_number(text: bytes) -> bool:
    """Return whether a number has more than MAX_NUMBER_CHARACTERS."""
    return _LONG_NUMBER in _ANY_STRING.sub(b'""', text).translate(_DIGITS)


def _repaired(text: bytes) -> bytes:
    """Escape control characters and replace lone surrogates in strings, which JSON forbids but some programs write."""
    try:
        text.decode()
    except UnicodeDecodeError:
        try:
            halves = text.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
        except UnicodeDecodeError:
            raise _Unreadable(NOT_UTF_8) from None
        text = halves.decode("utf-16-le", "replace").encode()
    return _ANY_STRING.sub(lambda string: _ESCAPES.sub(_repaired_part, string.group()), text)


def _repaired_part(found: "re.Match[bytes]") -> bytes:
    part = found.group()
    if len(part) == 1:
        return b"\\u%04x" % part[0]
    if len(part) == LONE_SURROGATE_LENGTH and part[1:3] in (b"ud", b"uD"):
        return REPLACEMENT
    return part


def _outline(text: bytes, at: int = 0) -> JsonObject:
    """Parse the members of the object at a position, as far as the text goes. Large values become empty."""
    found: JsonObject = {}
    buffer = _Buffer(None, text)
    buffer.at = at + 1
    try:
        for _ in range(MAX_OUTLINE_MEMBERS):
            key = buffer.take_key() if buffer.next_byte(_GAP) == QUOTE else None
            if key is None:
                break
            first = buffer.next_byte()
            value = buffer.take_value(len(text)) if first in (OBJECT, ARRAY) else buffer.take_scalar()
            if value is not None:
                found[key] = _small_value(value)
    except (TruncatedJson, _TooDeep):
        pass
    return found


def _small_value(text: bytes) -> Any:
    try:
        if len(text) <= MAX_SCALAR_BYTES and not _has_long_number(text):
            return orjson.loads(text)
    except ValueError:
        pass
    return {OBJECT: {}, ARRAY: []}.get(text[0])


def _count_values(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _text_of(string: bytes) -> str:
    if b"\\" not in string:
        return string[1:-1].decode("utf-8", "replace")
    try:
        return str(orjson.loads(string))
    except ValueError:
        return string[1:-1].decode("utf-8", "replace")
