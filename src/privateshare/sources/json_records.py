"""A streaming reader that finds records in JSON of any size, and preserves the original text of each.

A source decides which objects are its records (`ObjectRole`). Records may be anywhere: in arrays, in objects, one per
line, or in several documents in a row. At most one record is in memory at a time. The size, the numbers and the nesting
of a record are checked before it is parsed. A record that cannot be read is counted, and the next one is read.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from privateshare.sources.failures import DAMAGED, LONG_NUMBER, TOO_DEEP, TOO_LARGE, UNKNOWN, LeftOut, Reason
from privateshare.sources.json_patterns import (
    ARRAY,
    CLOSING,
    MAX_DEPTH,
    OBJECT,
    SHALLOW_PATTERNS,
    SPACE_AND_COMMAS,
    SPACE_BYTES,
    deep_patterns,
    has_long_number,
    is_begun,
    is_document,
    match_value,
)
from privateshare.sources.json_scanner import ByteStream, JsonScanner, OtherData, TooDeep, TruncatedJson
from privateshare.sources.json_values import (
    JsonObject,
    UnreadableValue,
    containers,
    count_values,
    element_texts,
    member_texts,
    parse_value,
    read_outline,
)

MEGABYTE = 1024 * 1024
MIN_BATCH_BYTES = 16 * 1024
BATCH_TRIES = 3  # The last bracket may be in a string.
SMALL_BYTES = 256 * 1024  # Objects up to this size are parsed before it is known whether they are records.
MAX_RECORD_BYTES = 64 * MEGABYTE
MAX_VALUES_PER_RECORD = 1_000_000  # Each parsed value takes at least a hundred bytes of memory, even if it is short.
# A text is given up after this many values without a readable record, plus some for each record that was read.
MAX_VALUES_WITHOUT_RECORD = 200_000
VALUES_WITHOUT_RECORD_PER_RECORD = 10
SAMPLE_LINES = 50  # The format with one document per line is detected by the first lines.


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

PlainRecords = Callable[[bytes], Sequence[Any] | None]
"""Decodes an array of records of which the source does not need the original JSON, in any form that the source likes.

It returns None if the array is not strict JSON, or has anything that is not such a record, or is nested deeply.
"""


@dataclass(slots=True)
class FoundRecord:
    """A record that was found in an upload.

    Attributes:
        thing: The parsed record.
        text: Its JSON in one line, with the original notation of all numbers; empty if the source does not need it.
        wrapper: The object that contains it, such as an entry of a FHIR Bundle; None if there is none.
        file: The path of its file in the archive; empty if the upload is a single file.
        key: The name of the member or array that contains it; empty if there is none.
        plain: Many records that the source decoded at once. Then there is no parsed record and no text.
    """

    thing: JsonObject
    text: bytes = field(repr=False)
    wrapper: JsonObject | None = field(default=None, repr=False)
    file: str = field(default="", repr=False)
    key: str = ""
    plain: Sequence[Any] = field(default=(), repr=False)


class _Lists:
    """The lists that are next to each other in an object. If one has records, the others belong to these."""

    def __init__(self, reader: "RecordReader") -> None:
        self._reader = reader
        self._seen = self._others = self._without_records = 0
        self._has_records = False

    def begin(self) -> None:
        """Note that a member begins."""
        self._seen, self._others = self._reader.seen, self._reader.others

    def end(self, *, is_list: bool) -> None:
        """Note that the member ends."""
        if is_list and self._reader.seen > self._seen:
            self._has_records = True
        elif is_list:
            self._without_records += self._reader.others - self._others

    def close(self) -> None:
        """Stop counting the objects that belong to records, at the end of the object."""
        if self._has_records:
            self._reader.forget_others(self._without_records)


class NotJson(Exception):
    """The text does not begin with JSON."""


class RecordReader:
    """A reader of the records in one text. Records that cannot be read are counted in `left_out`."""

    def __init__(
        self,
        stream: ByteStream,
        role_of: RoleOf,
        left_out: LeftOut,
        file: str = "",
        plain_records: PlainRecords | None = None,
    ) -> None:
        self._scanner = JsonScanner(stream)
        self._plain_records, self._no_batch_before = plain_records, 0
        self._role_of, self._left_out, self._file = role_of, left_out, file
        self._seen = 0  # Counts records, including those that cannot be read.
        self._known_objects = 0  # Counts records and wrappers.
        self._values_without_record = 0
        self._others = 0

    @property
    def others(self) -> int:
        """The number of objects that are listed where no record is, and nothing but a record is next to the list.

        These are the entries of kinds that the source does not take. Objects that are listed beside records, such as
        the people of a conversation, say something about the records.
        """
        return self._others

    def forget_others(self, number: int) -> None:
        """Count fewer other objects."""
        self._others -= number

    @property
    def position(self) -> int:
        """The number of bytes of the text that were read."""
        return self._scanner.position

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
            yield from self._records_on_lines()
            return
        first = True
        while (byte := self._scanner.next_byte()) is not None:
            if byte in (OBJECT, ARRAY):
                yield from self._records_in_next_value("", 0, None)
            elif byte == ord(",") and not first:
                self._scanner.at += 1
            else:
                raise NotJson if first else TruncatedJson
            first = False

    def _has_documents_on_lines(self) -> bool:
        """Return whether each line is a document of its own, so that damage does not extend past the end of a line."""
        scanner = self._scanner
        while len(scanner.data) < SMALL_BYTES and scanner.data.count(b"\n") < SAMPLE_LINES and scanner.more():
            pass
        scanner.next_byte()
        lines = scanner.data[scanner.at :].split(b"\n", SAMPLE_LINES)[:SAMPLE_LINES]
        lines = [stripped for line in lines if (stripped := line.strip(SPACE_BYTES))]
        if len(lines) < 2:
            return False
        whole = sum(1 for line in lines if is_document(line))
        begun = all(line.startswith((b"{", b"[")) and not line.endswith(b",") for line in lines)
        return whole > 0 and (begun or 2 * whole >= len(lines))

    def _records_on_lines(self) -> Iterator[FoundRecord]:
        unknown, before = 0, self._seen
        while not self._scanner.ended:
            line = self._scanner.take_line(MAX_RECORD_BYTES)
            if line is None:
                self._leave_out(TOO_LARGE)
            elif (text := line.strip(SPACE_BYTES)) and is_document(text):
                known_before = self._known_objects
                yield from self._with_text_as_input(text, self._records_in_document())
                unknown += self._is_without_record(known_before)
            elif text:
                self._leave_out(_why_not_document(text))
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)

    def _records_in_document(self) -> Iterator[FoundRecord]:
        yield from self._records_in_next_value("", 1, None)

    def _records_in_next_value(self, key: str, level: int, wrapper: JsonObject | None) -> Iterable[FoundRecord]:
        """Return the records of the next object or array."""
        scanner = self._scanner
        if level > MAX_DEPTH:
            self._leave_out(TOO_DEEP)
            scanner.skip_value()
            return ()
        try:
            if self._plain_records is not None and self._is_large_array():
                return self._records_in_next_array(key, level)
            text = scanner.take_value(SMALL_BYTES)
            if text is not None:
                return self._records_in_text(text, key, wrapper)
            if scanner.data[scanner.at] == ARRAY:
                return self._records_in_next_array(key, level)
            return self._records_in_large_object(key, level, wrapper)
        except (TruncatedJson, TooDeep) as error:
            return self._records_in_truncated_or_deep_value(key, level, error)

    def _is_large_array(self) -> bool:
        """Return whether the next value is an array, and there is so much text that it may be a large one."""
        scanner = self._scanner
        while len(scanner.data) - scanner.at <= SMALL_BYTES and scanner.more():
            pass
        return scanner.data[scanner.at] == ARRAY and len(scanner.data) - scanner.at > SMALL_BYTES

    def _records_in_truncated_or_deep_value(self, key: str, level: int, error: Exception) -> Iterable[FoundRecord]:
        """Return the records of an object or array that is truncated or nested too deeply."""
        scanner = self._scanner
        if scanner.data[scanner.at] == ARRAY:
            return self._records_in_next_array(key, level)
        role = self._role_of(read_outline(scanner.data, scanner.at), key)
        if role is not ObjectRole.RECORD:
            self._known_objects += role is ObjectRole.WRAPPER
            return self._records_in_next_object(level, None)
        if isinstance(error, TruncatedJson):
            raise error
        self._leave_out(TOO_DEEP)
        scanner.skip_value()
        return ()

    def _records_in_text(self, text: bytes, key: str, wrapper: JsonObject | None) -> Iterable[FoundRecord]:
        """Return the records of an object or array that is in memory."""
        if text[0] == ARRAY and not self._scanner.may_have_long_number and (records := self._decode_plain(text)):
            return (self._found_plain(records, key),)
        try:
            if self._scanner.may_have_long_number and has_long_number(text):
                raise UnreadableValue(LONG_NUMBER)
            value, text = parse_value(text)
        except UnreadableValue as error:
            return self._records_in_unparsable_text(text, key, error.reason)
        return self._records_in_parsed(value, text, key, wrapper)

    def _records_in_parsed(
        self, value: Any, text: bytes, key: str, wrapper: JsonObject | None
    ) -> Iterable[FoundRecord]:
        """Return the records of a parsed object or array, given its text."""
        if isinstance(value, list):
            return self._records_in_parsed_elements(value, text, key)
        role = self._role_of(value, key)
        if role is ObjectRole.RECORD:
            self._count_records()
            return (FoundRecord(value, text, wrapper, self._file, key),)
        self._known_objects += role is ObjectRole.WRAPPER
        inner = containers(value.values())
        return self._records_in_parsed_members(value, text, len(inner)) if inner else ()

    def _records_in_parsed_members(self, thing: JsonObject, text: bytes, inner: int) -> Iterator[FoundRecord]:
        parts, beside = member_texts(text), _Lists(self)
        for key, part in parts:
            beside.begin()
            if len(parts) == inner:
                yield from self._records_in_parsed(thing[key], part, key, thing)
            else:  # A name occurs twice, and the parsed object has only the last value.
                yield from self._records_in_text(part, key, thing)
            beside.end(is_list=part[:1] == b"[")
        beside.close()

    def _records_in_parsed_elements(self, values: list[Any], text: bytes, key: str) -> Iterator[FoundRecord]:
        inner, others = containers(values), self._others
        unknown, before = sum(value is not None for value in values) - len(inner), self._seen
        for value, part in zip(inner, element_texts(text), strict=True):
            known_before = self._known_objects
            yield from self._records_in_parsed(value, part, key, None)
            unknown += self._is_without_record(known_before)
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)
        else:
            self._others = others + sum(isinstance(value, dict) for value in inner)

    def _records_in_unparsable_text(self, text: bytes, key: str, reason: Reason) -> Iterator[FoundRecord]:
        """Yield the readable records of a text that cannot be parsed as a whole, and count it if there are none."""
        seen = self._seen
        if text[0] == ARRAY:
            yield from self._with_text_as_input(text, self._records_in_next_array(key, 1))
        elif self._role_of(read_outline(text), key) is not ObjectRole.RECORD:
            try:
                yield from self._with_text_as_input(text, self._records_in_next_object(1, None))
            except TruncatedJson:
                self._leave_out(reason)
        if self._seen == seen:
            self._leave_out(reason)

    def _records_in_large_object(self, key: str, level: int, wrapper: JsonObject | None) -> Iterable[FoundRecord]:
        """Return the records of an object that may not fit into memory."""
        scanner = self._scanner
        role = self._role_of(read_outline(scanner.data, scanner.at), key)
        self._known_objects += role is ObjectRole.WRAPPER
        if role is ObjectRole.WRAPPER and level == 0:
            return self._records_in_next_object(level, None)
        text = scanner.take_value(MAX_RECORD_BYTES)
        if text is None and role is not ObjectRole.RECORD:
            return self._records_in_next_object(level, None)
        if text is None:
            self._leave_out(TOO_LARGE)
            scanner.skip_value()
            return ()
        outline = read_outline(text)
        if self._role_of(outline, key) is not ObjectRole.RECORD:
            return self._with_text_as_input(text, self._records_in_next_object(1, outline))
        if count_values(text) > MAX_VALUES_PER_RECORD:
            self._leave_out(TOO_LARGE)
            return ()
        return self._records_in_text(text, key, wrapper)

    def _records_in_next_object(self, level: int, wrapper: JsonObject | None) -> Iterator[FoundRecord]:
        """Yield the records in the members of the next object. Its opening bracket is the next byte."""
        scanner, beside = self._scanner, _Lists(self)
        scanner.at += 1
        while (byte := scanner.next_byte(SPACE_AND_COMMAS)) is not None:
            if byte in CLOSING:
                scanner.at += 1
                beside.close()
                return
            key = scanner.take_key()
            if key is None:
                raise TruncatedJson
            known_before, begins = self._known_objects, scanner.next_byte()
            beside.begin()
            if begins in (OBJECT, ARRAY):
                yield from self._records_in_next_value(key, level + 1, wrapper)
            else:
                scanner.take_scalar()
            beside.end(is_list=begins == ARRAY)
            self._is_without_record(known_before)
        raise TruncatedJson

    def _records_in_next_array(self, key: str, level: int) -> Iterator[FoundRecord]:
        """Yield the records in the next array. Its opening bracket is the next byte."""
        scanner = self._scanner
        scanner.at += 1
        unknown, before = 0, self._seen
        found_objects = self._others
        while True:
            while (batch := self._next_batch()) is not None:
                yield self._found_plain(batch, key)
            known_before = self._known_objects
            found = SHALLOW_PATTERNS.next.match(scanner.data, scanner.at) if level < MAX_DEPTH else None
            if found is not None and found.end() - found.start(1) <= SMALL_BYTES:
                scanner.at = found.end()
                found_objects += found[1][:1] == b"{"
                yield from self._records_in_text(found[1], key, None)
                unknown += self._is_without_record(known_before)
                continue
            byte = scanner.next_byte(SPACE_AND_COMMAS)
            if byte is None:
                raise TruncatedJson
            if byte in (OBJECT, ARRAY):
                found_objects += byte == OBJECT
                yield from self._records_in_next_value(key, level + 1, None)
                unknown += self._is_without_record(known_before)
            elif byte in CLOSING:
                scanner.at += 1
                break
            else:
                unknown += scanner.take_scalar() != b"null"
                self._is_without_record(known_before)
        if self._seen > before:
            self._leave_out(UNKNOWN, unknown)
        else:
            self._others = found_objects

    def _next_batch(self) -> Sequence[Any] | None:
        """Consume the next elements of an array at once, if all of them are plain records; None if they may not be.

        Parsing many records together takes half the time of finding the end of each. Text that parses as an array after
        brackets were put around it is certainly a number of whole elements, since no string or bracket in it is open.
        """
        scanner = self._scanner
        if self._plain_records is None or scanner.may_have_long_number or scanner.position < self._no_batch_before:
            return None
        if len(scanner.data) - scanner.at < MIN_BATCH_BYTES and not scanner.more():
            return None
        end = len(scanner.data)
        for _ in range(BATCH_TRIES if scanner.next_byte(SPACE_AND_COMMAS) == OBJECT else 0):
            end = scanner.data.rfind(b",", scanner.at, max(scanner.at, scanner.data.rfind(b"{", scanner.at, end)))
            text = scanner.data[scanner.at : max(scanner.at, end)]
            if not text:
                break
            if records := self._decode_plain(b"[%b]" % text):
                scanner.at = end + 1
                return records
        self._no_batch_before = scanner.position + len(scanner.data) - scanner.at  # Do not parse the same text often.
        return None

    def _decode_plain(self, text: bytes) -> Sequence[Any] | None:
        """Decode an array of plain records; None if it is anything else."""
        return self._plain_records(text) if self._plain_records is not None else None

    def _found_plain(self, records: Sequence[Any], key: str) -> FoundRecord:
        self._count_records(len(records))
        return FoundRecord({}, b"", None, self._file, key, records)

    def _with_text_as_input(self, text: bytes, records: Iterator[FoundRecord]) -> Iterator[FoundRecord]:
        """Yield records while the reader's input is a text in memory. Then its input is the surrounding text again.

        `records` is one of the generators that read the next value of the input.
        """
        around, self._scanner = self._scanner, JsonScanner(None, text)
        self._scanner.may_have_long_number = around.may_have_long_number
        try:
            yield from records
        finally:
            self._scanner = around

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

    def _count_records(self, number: int = 1) -> None:
        self._seen += number
        self._known_objects += number

    def _leave_out(self, reason: Reason, number: int = 1) -> None:
        self._count_records(number)
        self._left_out.leave_out(reason, number=number)
        self._give_up_after(number)


def _why_not_document(line: bytes) -> Reason:
    """Determine why a line is not a document."""
    if line[:1] not in (b"{", b"[") or match_value(line) or is_begun(deep_patterns(), line, 0):
        return DAMAGED
    return TOO_DEEP
