"""Finding records in JSON text of any size, each with the bytes it was written in.

A source says which objects are its records (`Shape`). They may be anywhere: in arrays, in objects, one on each line,
in several documents in a row. At most one record is in memory at a time. Every record, number and nesting is bounded
before it is parsed. A record that cannot be read is counted, and the next one is read.
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
SMALL_BYTES = READ_BYTES  # up to here an object is parsed before it is known whether it is a record
LONG_BYTES = 256 * 1024  # a name or a value that is larger, and is no object, is not held
MAX_RECORD_BYTES = 64 * MEGABYTE  # of one record with all its texts and attachments
MAX_VALUES = 1_000_000  # in one record: each takes a hundred bytes of memory and more, however short it is
MAX_DEPTH = 64  # of nested objects and arrays
MAX_DIGITS = 400  # of a number with its sign, point and exponent: no float has more before its point
MAX_FRUITLESS = 200_000  # values in which there is no record that can be read, before a text is given up
FRUITLESS_PER_RECORD = 10  # and so many more for each record that was read
MAX_SKIPPED = 2_000_000  # brackets and texts of a value that is skipped
MAX_OUTLINE = 100_000  # members of an object that are looked at to tell what it is
SAMPLE_LINES = 50  # by which it is told whether each line is a document
BOM = b"\xef\xbb\xbf"
REPLACEMENT = "\ufffd".encode()
LONE_SURROGATE_LENGTH = len(rb"\ud800")

OBJECT, ARRAY, QUOTE = ord("{"), ord("["), ord('"')
CLOSING = b"]}"

_PLAIN = rb'[^\[\]{}"]*+'
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_CUT_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'


def _nested(string: bytes, closing: bytes, depth: int) -> bytes:
    """The pattern of one object or array with all that is in it, down to this depth.

    Every part is possessive: what was matched is not tried again in another way, so matching takes linear time.
    """
    flat = _PLAIN + rb"(?:" + string + _PLAIN + rb")*+"
    inside = flat
    for _ in range(depth - 1):
        inside = flat + rb"(?:[\[{]" + inside + closing + flat + rb")*+"
    return rb"[\[{]" + inside + closing


class _Patterns:
    """Patterns of what is nested to a depth.

    Attributes:
        whole: An object or array.
        begun: The same, or as much of it as there is.
        next: An object or array after spaces and commas.
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
    """The patterns for what is nested more deeply than almost everything, which take long to make."""
    return _Patterns(MAX_DEPTH)


_SHALLOW = _Patterns(16)


def _whole_value(text: bytes, at: int = 0) -> "re.Match[bytes] | None":
    """The object or array at this place. None if it does not end, or if it is nested too deeply."""
    found = _SHALLOW.whole.match(text, at)
    if found is None and not _is_begun(_SHALLOW, text, at):
        found = _deep().whole.match(text, at)
    return found


def _is_begun(patterns: _Patterns, text: bytes, at: int) -> bool:
    """Whether the text ends before the object or array at this place does."""
    found = patterns.begun.match(text, at)
    return found is not None and found.end() == len(text)


def _is_document(line: bytes) -> bool:
    found = _whole_value(line)
    return found is not None and found.end() == len(line)


# Beside JSON's own: the marks of RFC 7464 and of files that were joined, and what some systems fill files up with.
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
_LONG_NUMBER = b"0" * (MAX_DIGITS + 1)


class Shape(Enum):
    """What an object is to a source."""

    RECORD = auto()
    WRAPPER = auto()  # it only holds records
    UNKNOWN = auto()  # it may hold records; among records, it is one that cannot be read


Recognise = Callable[[JsonObject, str], Shape]
"""Tells what an object is; given with the name of the member, or of the array, that it is in."""


@dataclass(slots=True)
class Found:
    """A record.

    Attributes:
        thing: The record, parsed.
        text: Its JSON in one line, with every number as it was written.
        wrapper: The object that it is a member of, such as an entry of a FHIR Bundle; None if it is in none.
        file: The path of the file that it is in; empty if the upload is that file.
    """

    thing: JsonObject
    text: bytes = field(repr=False)
    wrapper: JsonObject | None = field(default=None, repr=False)
    file: str = field(default="", repr=False)


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size`; none at the end."""


class NotJson(Exception):
    """The text is no JSON from the start."""


class Cut(Exception):
    """The text ends too early, or is damaged so that nothing after this place can be told apart."""


class OtherData(Cut):
    """The text holds so much else that it is not worth looking for more records."""


class _TooDeep(Exception):
    pass


class _Unreadable(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.code)


class _Window:
    """The part of a text that is in memory, from the place that is read next."""

    def __init__(self, stream: Readable | None, data: bytes = b"") -> None:
        self.data, self.at, self.dropped = data, 0, 0
        self.has_long_number = False
        self._stream = stream

    @property
    def position(self) -> int:
        """How many bytes were read."""
        return self.dropped + self.at

    def more(self) -> bool:
        """Has more of the text in memory, as much again as is there; whether there was any."""
        waiting = len(self.data) - self.at
        if self._stream is None or not (piece := self._stream.read(max(READ_BYTES, waiting))):
            return False
        self.dropped += self.at
        self.data, self.at = (self.data[self.at :] + piece if waiting else piece), 0
        self.has_long_number = self.has_long_number or _LONG_NUMBER in self.data.translate(_DIGITS)
        return True

    def next_byte(self, gap: "re.Pattern[bytes]" = _SPACE) -> int | None:
        """The next byte that is no space, which stays the next; None at the end."""
        while True:
            self.at = _match(gap, self.data, self.at).end()
            if len(self.data) - self.at >= len(BOM) or not self.more():
                return self.data[self.at] if self.at < len(self.data) else None

    def take_value(self, limit: int) -> bytes | None:
        """The object or array that comes next; None, and nothing is taken, if it has more than `limit` bytes.

        Raises Cut if the text ends before it does, _TooDeep if it is nested too deeply.
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
                raise Cut

    def take_scalar(self) -> bytes:
        """The string, number or word that comes next; of a very long one, only its first byte. Raises Cut."""
        while True:
            found = _SCALAR.match(self.data, self.at)
            if found is not None and found.end() < len(self.data):
                self.at = found.end()
                return found.group()
            if found is None and self.data[self.at : self.at + 1] != b'"':
                raise Cut
            if len(self.data) - self.at > LONG_BYTES:
                return self._skip_long_scalar()
            if not self.more():
                if found is None:
                    raise Cut
                self.at = found.end()
                return found.group()

    def take_key(self) -> str | None:
        """The name of the member that comes next and its colon; None if no name comes."""
        while True:
            found = _KEY.match(self.data, self.at)
            if found is not None:
                self.at = found.end()
                return _text_of(found[1])
            if len(self.data) - self.at > LONG_BYTES or not self.more():
                return None

    def skip_value(self) -> None:
        """Goes to the end of the object or array that comes next, however large or deep it is. Raises Cut."""
        depth = skipped = 0
        while True:
            if len(self.data) - self.at < READ_BYTES and not self.more() and self.at >= len(self.data):
                raise Cut
            if skipped > MAX_SKIPPED:
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
                if len(self.data) - quote > LONG_BYTES or not self.more():
                    self._skip_long_scalar()

    def take_line(self) -> bytes | None:
        """The next line without its end; None if it is longer than a record may be, and then it is skipped."""
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
        """Whether nothing is left."""
        return self.at >= len(self.data) and not self.more()

    def _skip_to(self, end: bytes) -> None:
        while (found := self.data.find(end, self.at)) < 0:
            self.at = len(self.data)
            if not self.more():
                return
        self.at = found + len(end)

    def _skip_long_scalar(self) -> bytes:
        """Goes behind a string or number of any length; its first byte."""
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
                raise Cut


_LONG_WORD = re.compile(rb'[^\s,:\[\]{}"]*+')


def _match(pattern: "re.Pattern[bytes]", data: bytes, at: int) -> "re.Match[bytes]":
    """The match of a pattern that fits anything, if only nothing."""
    found = pattern.match(data, at)
    assert found is not None
    return found


class RecordReader:
    """Reads the records of one text. `left_out` counts those that cannot be read."""

    def __init__(self, stream: Readable, recognise: Recognise, left_out: LeftOut, file: str = "") -> None:
        self._window = _Window(stream)
        self._recognise, self._left_out, self._file = recognise, left_out, file
        self._seen = 0  # records, and what was counted in the place of some
        self._known_objects = 0  # these, and what wraps records
        self._fruitless = 0  # values in which there was no record

    @property
    def position(self) -> int:
        """How many bytes of the text were read."""
        return self._window.position

    @property
    def seen(self) -> int:
        """How many records were found, those that cannot be read included."""
        return self._seen

    def records(self) -> Iterator[Found]:
        """Every record of the text.

        Raises NotJson if it is no JSON from the start, Cut where the rest of it cannot be read, OtherData if it is not
        worth it.
        """
        if self._has_documents_on_lines():
            yield from self._lines()
            return
        first = True
        while (byte := self._window.next_byte()) is not None:
            if byte in (OBJECT, ARRAY):
                yield from self._value("", 0, None)
            elif byte == ord(",") and not first:
                self._window.at += 1
            else:
                raise NotJson if first else Cut
            first = False

    def _has_documents_on_lines(self) -> bool:
        """Whether the text is a document on each line: then one that is damaged ends with its line."""
        window = self._window
        while len(window.data) < SMALL_BYTES and window.data.count(b"\n") < SAMPLE_LINES and window.more():
            pass
        window.next_byte()
        lines = window.data[window.at :].split(b"\n", SAMPLE_LINES)[:SAMPLE_LINES]
        lines = [stripped for line in lines if (stripped := line.strip(_MARKS))]
        whole = sum(1 for line in lines if _is_document(line))
        begun = all(line.startswith((b"{", b"[")) and not line.endswith(b",") for line in lines)
        return len(lines) > 1 and whole > 0 and (begun or 2 * whole >= len(lines))

    def _lines(self) -> Iterator[Found]:
        unknown, before = 0, self._seen
        while not self._window.ended:
            line = self._window.take_line()
            if line is None:
                self._leave_out(TOO_LARGE)
            elif (text := line.strip(_MARKS)) and _is_document(text):
                known = self._known_objects
                yield from self._inside(text, self._document())
                unknown += self._is_fruitless(known)
            elif text:
                self._leave_out(_damage(text))
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)

    def _document(self) -> Iterator[Found]:
        yield from self._value("", 1, None)

    def _value(self, key: str, level: int, wrapper: JsonObject | None) -> Iterable[Found]:
        """The records of the object or array that comes next. Raises Cut."""
        window = self._window
        if level > MAX_DEPTH:
            self._leave_out(TOO_DEEP)
            window.skip_value()
            return ()
        try:
            text = window.take_value(SMALL_BYTES)
            if text is not None:
                return self._whole(text, key, wrapper)
            if window.data[window.at] == ARRAY:
                return self._elements(key, level)
            return self._large_object(key, level, wrapper)
        except (Cut, _TooDeep) as error:
            return self._unbounded(key, level, error)

    def _unbounded(self, key: str, level: int, error: Exception) -> Iterable[Found]:
        """The records of an object or array whose end cannot be told: damage or depth ends only one of them."""
        window = self._window
        if window.data[window.at] == ARRAY:
            return self._elements(key, level)
        shape = self._recognise(_outline(window.data, window.at), key)
        if shape is not Shape.RECORD:
            self._known_objects += shape is Shape.WRAPPER
            return self._members(level, None)
        if isinstance(error, Cut):
            raise error
        self._leave_out(TOO_DEEP)
        window.skip_value()
        return ()

    def _whole(self, text: bytes, key: str, wrapper: JsonObject | None) -> Iterable[Found]:
        """The records of an object or array that is in memory."""
        try:
            if self._window.has_long_number and _has_long_number(text):
                raise _Unreadable(LONG_NUMBER)
            value, text = _parsed(text)
        except _Unreadable as error:
            return self._unreadable(text, key, error.reason)
        return self._known(value, text, key, wrapper)

    def _known(self, value: Any, text: bytes, key: str, wrapper: JsonObject | None) -> Iterable[Found]:
        """The records of an object or array that is parsed, and of which this is the text."""
        if isinstance(value, list):
            return self._known_elements(value, text, key)
        shape = self._recognise(value, key)
        if shape is Shape.RECORD:
            self._note()
            return (Found(value, text, wrapper, self._file),)
        self._known_objects += shape is Shape.WRAPPER
        inner = _containers(value.values())
        return self._known_members(value, text, len(inner)) if inner else ()

    def _known_members(self, thing: JsonObject, text: bytes, inner: int) -> Iterator[Found]:
        parts = _member_texts(text)
        for key, part in parts:
            if len(parts) == inner:
                yield from self._known(thing[key], part, key, thing)
            else:  # a name is there twice, and only the last of its values was kept
                yield from self._whole(part, key, thing)

    def _known_elements(self, values: list[Any], text: bytes, key: str) -> Iterator[Found]:
        inner = _containers(values)
        unknown, before = sum(value is not None for value in values) - len(inner), self._seen
        for value, part in zip(inner, _element_texts(text), strict=True):
            known = self._known_objects
            yield from self._known(value, part, key, None)
            unknown += self._is_fruitless(known)
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)

    def _unreadable(self, text: bytes, key: str, reason: Reason) -> Iterator[Found]:
        """What does not parse: a record that is left out, or something that holds such a record."""
        seen = self._seen
        if text[0] == ARRAY:
            yield from self._inside(text, self._elements(key, 1))
        elif self._recognise(_outline(text), key) is not Shape.RECORD:
            try:
                yield from self._inside(text, self._members(1, None))
            except Cut:
                self._leave_out(reason)
        if self._seen == seen:
            self._leave_out(reason)

    def _large_object(self, key: str, level: int, wrapper: JsonObject | None) -> Iterable[Found]:
        """The records of an object that may not fit into memory."""
        window = self._window
        shape = self._recognise(_outline(window.data, window.at), key)
        self._known_objects += shape is Shape.WRAPPER
        if shape is Shape.WRAPPER and level == 0:
            return self._members(level, None)
        text = window.take_value(MAX_RECORD_BYTES)
        if text is None and shape is not Shape.RECORD:
            return self._members(level, None)
        if text is None:
            self._leave_out(TOO_LARGE)
            window.skip_value()
            return ()
        outline = _outline(text)
        if self._recognise(outline, key) is not Shape.RECORD:
            return self._inside(text, self._members(1, outline))
        if _count_values(text) > MAX_VALUES:
            self._leave_out(TOO_LARGE)
            return ()
        return self._whole(text, key, wrapper)

    def _members(self, level: int, wrapper: JsonObject | None) -> Iterator[Found]:
        """The records in the members of the object that comes next, whose bracket is not yet read."""
        window = self._window
        window.at += 1
        while (byte := window.next_byte(_GAP)) is not None:
            if byte in CLOSING:
                window.at += 1
                return
            key = window.take_key()
            if key is None:
                raise Cut
            known = self._known_objects
            if window.next_byte() in (OBJECT, ARRAY):
                yield from self._value(key, level + 1, wrapper)
            else:
                window.take_scalar()
            self._is_fruitless(known)
        raise Cut

    def _elements(self, key: str, level: int) -> Iterator[Found]:
        """The records in the array that comes next, whose bracket is not yet read."""
        window = self._window
        window.at += 1
        unknown, before = 0, self._seen
        while True:
            known = self._known_objects
            found = _SHALLOW.next.match(window.data, window.at) if level < MAX_DEPTH else None
            if found is not None and found.end() - found.start(1) <= SMALL_BYTES:
                window.at = found.end()
                yield from self._whole(found[1], key, None)
                unknown += self._is_fruitless(known)
                continue
            byte = window.next_byte(_GAP)
            if byte is None:
                raise Cut
            if byte in (OBJECT, ARRAY):
                yield from self._value(key, level + 1, None)
                unknown += self._is_fruitless(known)
            elif byte in CLOSING:
                window.at += 1
                break
            else:
                unknown += window.take_scalar() != b"null"
                self._is_fruitless(known)
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)

    def _inside(self, text: bytes, records: Iterator[Found]) -> Iterator[Found]:
        """Reads records of a text that is in memory, and then goes on."""
        around, self._window = self._window, _Window(None, text)
        self._window.has_long_number = around.has_long_number
        try:
            yield from records
        finally:
            self._window = around

    def _is_fruitless(self, known: int) -> bool:
        """Whether nothing was found since so many objects were known. Raises OtherData if that is so too often."""
        if self._known_objects > known:
            return False
        self._give_up_after(1)
        return True

    def _give_up_after(self, number: int) -> None:
        self._fruitless += number
        if self._fruitless > MAX_FRUITLESS + FRUITLESS_PER_RECORD * self._left_out.read:
            raise OtherData

    def _note(self, number: int = 1) -> None:
        self._seen += number
        self._known_objects += number

    def _leave_out(self, reason: Reason, number: int = 1) -> None:
        self._note(number)
        self._left_out.leave_out(reason, number=number)
        self._give_up_after(number)


def _damage(line: bytes) -> Reason:
    """Why a line is no document."""
    if line[:1] not in (b"{", b"[") or _whole_value(line) or _is_begun(_deep(), line, 0):
        return DAMAGED
    return TOO_DEEP


def _parsed(text: bytes) -> tuple[Any, bytes]:
    """An object or array, and its text as JSON in one line. Raises _Unreadable."""
    try:
        value = _loads(text)
    except ValueError:
        text = _mended(text)
        try:
            value = _loads(text)
        except ValueError:
            raise _Unreadable(DAMAGED) from None
    if b"\n" in text or b"\r" in text:
        text = _LINE_BREAKS.sub(b"", text)  # there are none in strings, or it would not have been parsed
    return value, text


def _loads(text: bytes) -> Any:
    """The value of a text. Raises ValueError, or MemoryError, which orjson calls a JSONDecodeError."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "memory" in str(error):
            raise MemoryError from error
        raise


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _member_texts(text: bytes, patterns: _Patterns = _SHALLOW) -> list[tuple[str, bytes]]:
    """The names and texts of the objects and arrays that are members of an object."""
    found, at = [], 1
    while (member := patterns.member.match(text, at)) is not None:
        at = member.end()
        if member[2] is not None:
            found.append((_text_of(member[1]), member[2]))
    is_whole = patterns is not _SHALLOW or text[at:].strip() == b"}"
    return found if is_whole else _member_texts(text, _deep())


def _element_texts(text: bytes, patterns: _Patterns = _SHALLOW) -> list[bytes]:
    """The texts of the objects and arrays that are elements of an array."""
    found, at = [], 1
    while (element := patterns.element.match(text, at)) is not None:
        at = element.end()
        found.append(element[1])
    is_whole = patterns is not _SHALLOW or _match(_FLAT, text, at).end() == len(text) - 1
    return found if is_whole else _element_texts(text, _deep())


def _has_long_number(text: bytes) -> bool:
    """Whether a number has more than MAX_DIGITS."""
    return _LONG_NUMBER in _ANY_STRING.sub(b'""', text).translate(_DIGITS)


def _mended(text: bytes) -> bytes:
    """The text with what JSON forbids in strings and other programs write: control characters, halves of characters."""
    try:
        text.decode()
    except UnicodeDecodeError:
        try:
            halves = text.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
        except UnicodeDecodeError:
            raise _Unreadable(NOT_UTF_8) from None
        text = halves.decode("utf-16-le", "replace").encode()
    return _ANY_STRING.sub(lambda string: _ESCAPES.sub(_mended_part, string.group()), text)


def _mended_part(found: "re.Match[bytes]") -> bytes:
    part = found.group()
    if len(part) == 1:
        return b"\\u%04x" % part[0]
    if len(part) == LONE_SURROGATE_LENGTH and part[1:3] in (b"ud", b"uD"):
        return REPLACEMENT
    return part


def _outline(text: bytes, at: int = 0) -> JsonObject:
    """The members of the object at this place as far as the text goes; of large ones only what they are."""
    found: JsonObject = {}
    window = _Window(None, text)
    window.at = at + 1
    try:
        for _ in range(MAX_OUTLINE):
            key = window.take_key() if window.next_byte(_GAP) == QUOTE else None
            if key is None:
                break
            first = window.next_byte()
            value = window.take_value(len(text)) if first in (OBJECT, ARRAY) else window.take_scalar()
            if value is not None:
                found[key] = _small_value(value)
    except (Cut, _TooDeep):
        pass
    return found


def _small_value(text: bytes) -> Any:
    try:
        if len(text) <= LONG_BYTES and not _has_long_number(text):
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
