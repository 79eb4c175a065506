"""Parsing of JSON objects and arrays that are in memory, with repair of strings that JSON forbids."""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from privateshare.sources.failures import DAMAGED, NOT_UTF_8, Reason
from privateshare.sources.json_patterns import (
    ANY_STRING,
    ARRAY,
    OBJECT,
    QUOTE,
    SCALARS,
    SHALLOW_PATTERNS,
    SPACE_AND_COMMAS,
    NestingPatterns,
    decode_string,
    deep_patterns,
    has_long_number,
    match_always,
)
from privateshare.sources.json_scanner import MAX_SCALAR_BYTES, JsonScanner, TooDeep, TruncatedJson
from privateshare.sources.page import JsonObject as JsonObject

MAX_OUTLINE_MEMBERS = 100_000  # Only so many members of an object are used to determine its role.
REPLACEMENT = "\ufffd".encode()
LONE_SURROGATE_LENGTH = len(rb"\ud800")

_LINE_BREAKS = re.compile(rb"[\r\n][ \t\r\n]*+")
_ESCAPES = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)|[\x00-\x1f]", re.DOTALL)


class UnreadableValue(Exception):
    """An object or array that cannot be parsed, or must not be."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.code)


def parse_value(text: bytes) -> tuple[Any, bytes]:
    """Parse an object or array, and return it with its text in one line. Raises UnreadableValue."""
    try:
        value = _loads(text)
    except ValueError:
        text = _repaired(text)
        try:
            value = _loads(text)
        except ValueError:
            raise UnreadableValue(DAMAGED) from None
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


def containers(values: Iterable[Any]) -> list[Any]:
    """Return those of the parsed values that are objects or arrays."""
    return [value for value in values if isinstance(value, dict | list)]


def member_texts(text: bytes, patterns: NestingPatterns = SHALLOW_PATTERNS) -> list[tuple[str, bytes]]:
    """Return the names and texts of the members of an object that are objects or arrays."""
    found, at = [], 1
    while (member := patterns.member.match(text, at)) is not None:
        at = member.end()
        if member[2] is not None:
            found.append((decode_string(member[1]), member[2]))
    is_whole = patterns is not SHALLOW_PATTERNS or text[at:].strip() == b"}"
    return found if is_whole else member_texts(text, deep_patterns())


def element_texts(text: bytes, patterns: NestingPatterns = SHALLOW_PATTERNS) -> list[bytes]:
    """Return the texts of the elements of an array that are objects or arrays."""
    found, at = [], 1
    while (element := patterns.element.match(text, at)) is not None:
        at = element.end()
        found.append(element[1])
    is_whole = patterns is not SHALLOW_PATTERNS or match_always(SCALARS, text, at).end() == len(text) - 1
    return found if is_whole else element_texts(text, deep_patterns())


def _repaired(text: bytes) -> bytes:
    """Escape control characters and replace lone surrogates in strings, which JSON forbids but some programs write."""
    try:
        text.decode()
    except UnicodeDecodeError:
        try:
            halves = text.decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
        except UnicodeDecodeError:
            raise UnreadableValue(NOT_UTF_8) from None
        text = halves.decode("utf-16-le", "replace").encode()
    return ANY_STRING.sub(lambda string: _ESCAPES.sub(_repaired_part, string.group()), text)


def _repaired_part(found: "re.Match[bytes]") -> bytes:
    part = found.group()
    if len(part) == 1:
        return b"\\u%04x" % part[0]
    if len(part) == LONE_SURROGATE_LENGTH and part[1:3] in (b"ud", b"uD"):
        return REPLACEMENT
    return part


def read_outline(text: bytes, at: int = 0) -> JsonObject:
    """Parse the members of the object at a position, as far as the text goes. Large values become empty."""
    found: JsonObject = {}
    scanner = JsonScanner(None, text)
    scanner.at = at + 1
    try:
        for _ in range(MAX_OUTLINE_MEMBERS):
            key = scanner.take_key() if scanner.next_byte(SPACE_AND_COMMAS) == QUOTE else None
            if key is None:
                break
            first = scanner.next_byte()
            value = scanner.take_value(len(text)) if first in (OBJECT, ARRAY) else scanner.take_scalar()
            if value is not None:
                found[key] = _small_value(value)
    except (TruncatedJson, TooDeep):
        pass
    return found


def _small_value(text: bytes) -> Any:
    try:
        if len(text) <= MAX_SCALAR_BYTES and not has_long_number(text):
            return orjson.loads(text)
    except ValueError:
        pass
    return {OBJECT: {}, ARRAY: []}.get(text[0])


def count_values(text: bytes) -> int:
    """Estimate the number of values in an object or array. Brackets and commas in strings are counted too."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")
