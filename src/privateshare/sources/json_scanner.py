"""A scanner that splits JSON of any size into values, with a bounded part of the text in memory."""

import re
from typing import Protocol

from privateshare.sources.json_patterns import (
    BOM,
    KEY,
    LONG_WORD,
    SCALAR,
    SHALLOW_PATTERNS,
    SPACE,
    STRING_REST,
    TOKEN,
    decode_string,
    deep_patterns,
    is_begun,
    match_always,
    match_value,
    may_have_long_number,
)

READ_BYTES = 256 * 1024
MAX_SCALAR_BYTES = 256 * 1024  # Longer names and values are not kept in memory.
MAX_SKIPPED_TOKENS = 2_000_000


class ByteStream(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes, at most `size`; empty at the end."""


class TruncatedJson(Exception):
    """The text ends too early, or is damaged so that nothing after this position can be parsed."""


class OtherData(TruncatedJson):
    """The text contains so much other data that the search for records is given up."""


class TooDeep(Exception):
    """A value is nested too deeply."""


class JsonScanner:
    """A scanner of one text. Only a part of the text is in memory.

    Attributes:
        data: The part of the text that is in memory.
        at: The position in `data` that is read next.
        dropped: The number of bytes before `data` that were read and are no longer in memory.
        may_have_long_number: Whether the text so far may contain a number that must not be parsed.
    """

    def __init__(self, stream: ByteStream | None, data: bytes = b"") -> None:
        self.data, self.at, self.dropped = data, 0, 0
        self.may_have_long_number = False
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
        self.may_have_long_number = self.may_have_long_number or may_have_long_number(self.data)
        return True

    def next_byte(self, gap: "re.Pattern[bytes]" = SPACE) -> int | None:
        """Skip white space, and return the next byte without consuming it; None at the end."""
        while True:
            self.at = match_always(gap, self.data, self.at).end()
            if len(self.data) - self.at >= len(BOM) or not self.more():
                return self.data[self.at] if self.at < len(self.data) else None

    def take_value(self, limit: int) -> bytes | None:
        """Consume the next object or array; None, without consuming it, if it has more than `limit` bytes.

        Raises:
            TruncatedJson: The text ends inside it.
            TooDeep: It is nested too deeply.
        """
        while True:
            if (found := match_value(self.data, self.at)) is not None:
                if found.end() - self.at > limit:
                    return None
                self.at = found.end()
                return found.group()
            if not (is_begun(SHALLOW_PATTERNS, self.data, self.at) or is_begun(deep_patterns(), self.data, self.at)):
                raise TooDeep
            if len(self.data) - self.at > limit:
                return None
            if not self.more():
                raise TruncatedJson

    def take_scalar(self) -> bytes:
        """Consume the next string, number or word. Of a very long one, only the first byte is returned."""
        while True:
            found = SCALAR.match(self.data, self.at)
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
            found = KEY.match(self.data, self.at)
            if found is not None:
                self.at = found.end()
                return decode_string(found[1])
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
            for found in TOKEN.finditer(self.data, self.at):
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

    def take_line(self, limit: int) -> bytes | None:
        """Consume the next line; None if it was skipped because it has more than `limit` bytes."""
        searched = 0
        while (end := self.data.find(b"\n", self.at + searched)) < 0:
            searched = len(self.data) - self.at
            if searched > limit:
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
            while (found := match_always(LONG_WORD, self.data, self.at)).end() == len(self.data):
                self.at = len(self.data)
                if not self.more():
                    return beginning
            self.at = found.end()
            return beginning
        self.at += 1
        while True:
            self.at = match_always(STRING_REST, self.data, self.at).end()
            if self.data[self.at : self.at + 1] == b'"':
                self.at += 1
                return beginning
            if not self.more():
                raise TruncatedJson
