"""The headers of a message, read as tolerantly as mail needs: raw bytes, wrong character sets, invalid addresses."""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from privateshare.sources.charsets import decoded, storable
from privateshare.sources.object_building import EARLIEST, LATEST, in_a_zone

MAX_HEADER_CHARACTERS = 32 * 1024
MAX_PEOPLE = 500
MAX_REFERENCES = 200
MAX_PARAMETERS = 200  # The standard library reads them in a time that grows with the square of their number.
EXPUNGED = 0x0008

DESCRIBING = ("content-type", "content-disposition")
_PARSER = BytesHeaderParser()
_HEADER = re.compile(rb"([!-9;-~]{1,76})[ \t]*:")
_FOLDED = re.compile(r"\r?\n(?=[ \t])|\r|\n")
_ADDRESS = re.compile(r"[^\s<>(),;:\"\[\]]{1,200}@[^\s<>(),;:\"\[\]]{1,200}")
_MESSAGE_ID = re.compile(r"<\s*([^<>\s]{1,500})\s*>")
_AFTER_FROM = re.compile(rb"From\s+(?:\S+\s+)?(.*)")

# The errors that the standard library raises for headers that are invalid.
INVALID = (ValueError, TypeError, LookupError, AttributeError, RecursionError, HeaderParseError, OverflowError)


class Headers:
    """The headers of a message or of one of its parts."""

    def __init__(self, lines: bytes) -> None:
        self.message: Message = _PARSER.parsebytes(_without_other_lines(lines))
        self._values: dict[str, list[str]] = {}
        for name, value in self.message.raw_items():
            self._values.setdefault(name.lower(), []).append(str(value)[:MAX_HEADER_CHARACTERS])
        described = (str(value) for name, value in self.message.raw_items() if name.lower() in DESCRIBING)
        self._parameters = sum(value.count(";") for value in described)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def all_of(self, name: str) -> Iterator[str]:
        """Yield all values of a header, unfolded, as they were written."""
        for value in self._values.get(name, ()):
            text = decoded(value.encode("ascii", "surrogateescape")) if not value.isascii() else value
            yield _FOLDED.sub("", text).strip()

    def written(self, name: str) -> str:
        """Return the first value of a header as it was written."""
        return next(self.all_of(name), "")

    def text(self, name: str) -> str:
        """Return the first value of a header, decoded."""
        return decoded_words(self.written(name))

    def people(self, name: str) -> list[dict[str, str]]:
        """Return the people of a header with addresses."""
        written = ", ".join(self.all_of(name))[:MAX_HEADER_CHARACTERS]
        people = []
        for display_name, address in _addresses(written)[:MAX_PEOPLE]:
            person = {"name": decoded_words(display_name).strip(" \"'"), "address": decoded_words(address).strip()}
            if filled := {key: value for key, value in person.items() if value}:
                people.append(filled)
        return people

    def message_ids(self, name: str) -> list[str]:
        """Return the message ids of a header."""
        written = " ".join(self.all_of(name))
        return [storable(found) for found in _MESSAGE_ID.findall(written)[:MAX_REFERENCES]] or written.split()[:1]

    def parameter(self, read: str) -> str:
        """Return a part of the headers that describe the content, such as `content_charset`; empty if it is invalid."""
        if self._parameters > MAX_PARAMETERS:
            return ""
        try:
            value: Any = getattr(self.message, f"get_{read}")()
        except INVALID:
            return ""
        return storable(value) if isinstance(value, str) else ""


def _without_other_lines(lines: bytes) -> bytes:
    """Return only the lines of headers. At any other line, the standard library would take the rest for the text."""
    parts = ((_HEADER.match(line), line) for line in lines.splitlines(keepends=True))
    return b"".join(
        line if found is None else found[1] + b":" + line[found.end() :]
        for found, line in parts
        if found is not None or line[:1] in (b" ", b"\t")
    )


def decoded_words(text: str) -> str:
    """Decode the encoded words of a header (RFC 2047). Invalid ones stay as they are."""
    if "=?" not in text:
        return storable(text)
    try:
        parts = decode_header(text)
    except INVALID:
        return storable(text)
    return "".join(part if isinstance(part, str) else decoded(part, charset) for part, charset in parts).strip()


def _addresses(written: str) -> Sequence[tuple[str, str]]:
    try:
        found = [(name, address) for name, address in getaddresses([written]) if name or address]
    except INVALID:
        found = []
    return found or [("", address) for address in _ADDRESS.findall(written)]


def sent_at(headers: Headers, separator: bytes = b"") -> int | None:
    """Return when a message was sent, in milliseconds since the epoch.

    If its date is missing or impossible, it is when it was received, or what the line before it in an mbox file says.
    """
    received = (value.rpartition(";")[2] for name in ("received", "x-received") for value in headers.all_of(name))
    in_mbox = found[1].decode("ascii", "replace") if (found := _AFTER_FROM.match(separator)) else ""
    for written in (headers.written("date"), *received, headers.written("delivery-date"), in_mbox):
        if written and (moment := _moment(written)) is not None:
            return moment
    return None


def _moment(written: str) -> int | None:
    try:
        found = parsedate_to_datetime(decoded_words(written))
        found = in_a_zone(found)
        return int(found.timestamp()) * 1000 if EARLIEST <= found < min(LATEST, _tomorrow()) else None
    except INVALID:
        return None


def _tomorrow() -> datetime:
    now = datetime.now(UTC).timestamp()
    return datetime.fromtimestamp(now + 86_400, UTC)


def labels(headers: Headers) -> list[str]:
    """Return the labels that Gmail exports."""
    written = headers.text("x-gmail-labels").replace("\r", " ").replace("\n", " ")
    try:
        row = next(csv.reader([written], skipinitialspace=True), [])
    except csv.Error:
        row = written.split(",")
    return list(dict.fromkeys(label.strip() for label in row if label.strip()))


def is_deleted(headers: Headers) -> bool:
    """Return whether Thunderbird only keeps the message until it tidies up the file."""
    try:
        return bool(int(headers.written("x-mozilla-status") or "0", 16) & EXPUNGED)
    except ValueError:
        return False
