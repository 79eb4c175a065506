"""Regular expressions that find the ends of JSON values, strings and white space, without parsing them."""

import re
from functools import cache

import orjson

MAX_DEPTH = 64
MAX_NUMBER_CHARACTERS = 400  # No float has more digits before its point.
BOM = b"\xef\xbb\xbf"

OBJECT, ARRAY, QUOTE = ord("{"), ord("["), ord('"')
CLOSING = b"]}"

PLAIN = rb'[^\[\]{}"]*+'
STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_CUT_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'


def _nested(string: bytes, closing: bytes, depth: int) -> bytes:
    """Build the pattern of an object or array with all its content, up to a depth.

    All quantifiers are possessive, so there is no backtracking and matching takes linear time.
    """
    flat = PLAIN + rb"(?:" + string + PLAIN + rb")*+"
    inside = flat
    for _ in range(depth - 1):
        inside = flat + rb"(?:[\[{]" + inside + closing + flat + rb")*+"
    return rb"[\[{]" + inside + closing


class NestingPatterns:
    """Patterns for JSON that is nested up to a depth.

    Attributes:
        whole: A complete object or array.
        begun: An object or array that may be cut off at the end of the text.
        next: An object or array after white space and commas.
        element: The next object or array of an array, after scalars.
        member: The next member of an object: its name, and its value if that is an object or array.
    """

    def __init__(self, depth: int) -> None:
        one, flags = _nested(STRING, rb"[\]}]", depth), re.DOTALL
        scalar = STRING + rb'|[^\s,:\[\]{}"]++'
        self.whole = re.compile(one, flags)
        self.begun = re.compile(_nested(_CUT_STRING, rb"(?:[\]}]|\Z)", depth), flags)
        self.next = re.compile(rb"[ \t\r\n,]*+(" + one + rb")", flags)
        self.element = re.compile(PLAIN + rb"(?:" + STRING + PLAIN + rb")*+(" + one + rb")", flags)
        name = rb"[ \t\r\n,]*+(" + STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+"
        self.member = re.compile(name + rb"(?:(" + one + rb")|" + scalar + rb")", flags)


@cache
def deep_patterns() -> NestingPatterns:
    """Return the patterns for the maximum depth. Few texts need them, and they take long to compile."""
    return NestingPatterns(MAX_DEPTH)


SHALLOW_PATTERNS = NestingPatterns(16)


def match_value(text: bytes, at: int = 0) -> "re.Match[bytes] | None":
    """Match the object or array at a position; None if it is incomplete or nested too deeply."""
    found = SHALLOW_PATTERNS.whole.match(text, at)
    if found is None and not is_begun(SHALLOW_PATTERNS, text, at):
        found = deep_patterns().whole.match(text, at)
    return found


def is_begun(patterns: NestingPatterns, text: bytes, at: int) -> bool:
    """Return whether the text ends inside the object or array at a position."""
    found = patterns.begun.match(text, at)
    return found is not None and found.end() == len(text)


def is_document(line: bytes) -> bool:
    """Return whether a line is exactly one object or array."""
    found = match_value(line)
    return found is not None and found.end() == len(line)


# White space of JSON, and also: record separators (RFC 7464), byte order marks of concatenated files, and NUL padding.
SPACE = re.compile(rb"(?:[ \t\r\n\x1e\x00]|\xef\xbb\xbf)*+")
SPACE_AND_COMMAS = re.compile(rb"(?:[ \t\r\n\x1e\x00,]|\xef\xbb\xbf)*+")
SPACE_BYTES = b" \t\r\n\x1e\x00" + BOM
TOKEN = re.compile(STRING + rb"|[\[{\]}]", re.DOTALL)
SCALARS = re.compile(PLAIN + rb"(?:" + STRING + PLAIN + rb")*+", re.DOTALL)
SCALAR = re.compile(STRING + rb'|[^\s,:\[\]{}"]++', re.DOTALL)
KEY = re.compile(rb"(" + STRING + rb")[ \t\r\n]*+:", re.DOTALL)
STRING_REST = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
ANY_STRING = re.compile(STRING, re.DOTALL)
LONG_WORD = re.compile(rb'[^\s,:\[\]{}"]*+')
_NUMBER = b"0123456789+-.eE"
_DIGITS = bytes(ord("0") if code in _NUMBER else ord(" ") for code in range(256))
_LONG_NUMBER = b"0" * (MAX_NUMBER_CHARACTERS + 1)
_STEP = 50  # A long number has at least as many of each 50th characters of a text, one after the other.
_SAMPLED_LONG_NUMBER = b"0" * (len(_LONG_NUMBER) // _STEP)


def match_always(pattern: "re.Pattern[bytes]", data: bytes, at: int) -> "re.Match[bytes]":
    """Match a pattern that always matches, at least the empty text."""
    found = pattern.match(data, at)
    assert found is not None
    return found


def may_have_long_number(text: bytes) -> bool:
    """Return whether a number or a string has more than MAX_NUMBER_CHARACTERS of those that numbers consist of."""
    return _SAMPLED_LONG_NUMBER in text[::_STEP].translate(_DIGITS) and _LONG_NUMBER in text.translate(_DIGITS)


def has_long_number(text: bytes) -> bool:
    """Return whether a number has more than MAX_NUMBER_CHARACTERS."""
    return may_have_long_number(ANY_STRING.sub(b'""', text))


def decode_string(string: bytes) -> str:
    """Return the text of a JSON string. What cannot be decoded is replaced or kept as it is."""
    if b"\\" not in string:
        return string[1:-1].decode("utf-8", "replace")
    try:
        return str(orjson.loads(string))
    except ValueError:
        return string[1:-1].decode("utf-8", "replace")
