"""The export's XML file of any size, as a stream of elements.

The document type at its head is cut away before anything parses it: Apple has written broken ones, and nothing in it is
needed. Without it there are no entities to expand and nothing to fetch. Characters that XML does not allow, which
Apple writes too, are removed.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from lxml import etree

from privateshare.sources.json_scanner import ByteStream

READ_BYTES = 256 * 1024
MAX_HEAD_BYTES = 1024 * 1024  # Limits the document type at the start of the file.
WRAPPER_ELEMENTS = 100  # Extra elements around the root, so that a surplus end tag does not close the document.
MAX_ELEMENT_BYTES = 16 * 1024 * 1024

_FORBIDDEN = bytes(code for code in range(32) if code not in (9, 10, 13))
_ROOT = re.compile(rb"<(?:\w+:)?HealthData[\s>]")
_CDA_ROOT = re.compile(rb"<(?:\w+:)?ClinicalDocument[\s>]")
_DOCUMENT_TYPE = re.compile(rb"<!DOCTYPE.*?(?=<(?:\w+:)?(?:HealthData|ClinicalDocument)[\s>])", re.DOTALL)
_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([\w.-]+)[\"']")


# How an export in UTF-16 begins, which programs write that people open it with: with a mark, or with "<" at once.
_UTF_16 = {
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}


class Elements(Protocol):
    """A receiver of the start and end of each element."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Record that an element begins."""

    def end(self, tag: str) -> None:
        """Record that it ends."""


class NotHealthData(Exception):
    """The file is not an export of Apple Health."""


class TooLargeElement(Exception):
    """An element is larger than any that Apple writes."""


class _Target:
    """Passes elements on, as lxml asks for; texts and comments mean nothing in an export."""

    def __init__(self, elements: Elements) -> None:
        self.start, self.end = elements.start, elements.end

    def close(self) -> None:
        """Return nothing: what was read, the elements know."""


class Utf8Stream:
    """A file as UTF-8, if it is in UTF-16, without a byte order mark and what is white before its first element.

    XML allows nothing before its declaration. Files in other encodings are left as they are.

    Attributes:
        encoding: The encoding that the file is read in; None if its declaration names it.
    """

    def __init__(self, stream: ByteStream) -> None:
        start = stream.read(READ_BYTES)
        found = _UTF_16.get(start[:2])
        self.encoding = "utf-8" if found is not None else None
        self._stream, self._decoder = stream, codecs.getincrementaldecoder(found or "utf-8")("replace")
        self._begin = self._converted(start).removeprefix(codecs.BOM_UTF8).lstrip()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes. Those of UTF-16 may become more than were asked for."""
        found, self._begin = self._begin, b""
        while not found and (piece := self._stream.read(size)):
            found = self._converted(piece)
        return found

    def _converted(self, piece: bytes) -> bytes:
        if self.encoding is None:
            return piece
        return self._decoder.decode(piece).encode("utf-8", "replace")


def read_head(stream: ByteStream) -> bytes:
    """Read a file until the root element begins, at most MAX_HEAD_BYTES."""
    head = b""
    while len(head) < MAX_HEAD_BYTES and (piece := stream.read(READ_BYTES)):
        head += piece.translate(None, _FORBIDDEN)
        if _ROOT.search(head) or _CDA_ROOT.search(head):
            break
    return head


def is_health_data(head: bytes) -> bool:
    """Return whether a file is the main file of an export, by its start."""
    return _ROOT.search(head) is not None


def is_clinical_document(head: bytes) -> bool:
    """Return whether a file is the export's second one, in CDA, which repeats a part of the main file."""
    return not is_health_data(head) and _CDA_ROOT.search(head) is not None


def read_elements(stream: ByteStream, elements: Elements) -> Iterator[int]:
    """Read an export's main file, and tell its elements.

    Args:
        stream: The file.
        elements: Is told of each element.

    Yields:
        After every piece, how many places so far were not well-formed and have been passed over.

    Raises:
        NotHealthData: It is another file.
        TooLargeElement: It holds an element that is larger than any that Apple writes.
    """
    stream = Utf8Stream(stream)
    head = read_head(stream)
    if not is_health_data(head):
        raise NotHealthData
    parser = etree.XMLParser(
        target=_Target(elements),
        encoding=stream.encoding or _encoding(head),
        recover=True,
        resolve_entities="internal",  # Only predefined ones such as &amp; remain, as the document type was removed.
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
    )
    begin = _DOCUMENT_TYPE.sub(b"", head, count=1)
    root = _ROOT.search(begin)
    assert root is not None
    parser.feed(begin[: root.start()] + b"<around>" * WRAPPER_ELEMENTS + begin[root.start() :])
    yield _faults(parser)
    since_last = 0
    while piece := stream.read(READ_BYTES):
        since_last = 0 if b"<" in piece else since_last + len(piece)
        if since_last > MAX_ELEMENT_BYTES:
            raise TooLargeElement
        parser.feed(piece.translate(None, _FORBIDDEN))
        yield _faults(parser)
    parser.feed(b"</around>" * WRAPPER_ELEMENTS)
    parser.close()
    yield _faults(parser)


def _encoding(head: bytes) -> str:
    found = _ENCODING.search(head[:200])
    encoding = found[1].decode("ascii") if found is not None else "utf-8"
    try:
        etree.XMLParser(encoding=encoding)
    except LookupError:
        return "utf-8"  # Phones write nothing else, so the name is wrong and not the text.
    return encoding


def _faults(parser: etree.XMLParser) -> int:
    return len(parser.feed_error_log)
