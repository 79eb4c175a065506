"""GPX, TCX and KML files of any size as a stream of elements, with everything of XML off that can do harm."""

import codecs
from collections.abc import Iterator, Mapping
from typing import IO, Protocol

from lxml import etree

READ_BYTES = 64 * 1024
MAX_DEPTH = 100
MAX_TEXT_CHARACTERS = 4 * 1024 * 1024  # A KML line has all of its coordinates in one text.
MAX_FAULTS = 1000


class XmlFault(Exception):
    """The rest of a file cannot be read."""


class XmlElements(Protocol):
    """A receiver of elements, with local names: tags and attributes have no namespace."""

    def start(self, path: list[str], attributes: Mapping[str, str]) -> None:
        """Take the start of an element. `path` has its name and, before it, those of all that contain it."""

    def end(self, path: list[str], text: str) -> None:
        """Take the end of an element, with the text in it."""


class _Target:
    """The receiver of what lxml parses. Nothing of the file stays in memory but the path and one text."""

    def __init__(self, elements: XmlElements) -> None:
        self._elements = elements
        self._path: list[str] = []
        self._text: list[str] = []
        self._characters = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element."""
        if len(self._path) >= MAX_DEPTH:
            raise XmlFault
        self._path.append(_local(tag))
        self._text, self._characters = [], 0
        self._elements.start(self._path, {_local(name): value for name, value in attributes.items()})

    def data(self, text: str) -> None:
        """Take a part of a text."""
        self._characters += len(text)
        if self._characters > MAX_TEXT_CHARACTERS:
            raise XmlFault
        self._text.append(text)

    def end(self, _tag: str) -> None:
        """Take the end of an element."""
        self._elements.end(self._path, "".join(self._text).strip())
        self._path.pop()
        self._text, self._characters = [], 0

    def close(self) -> None:
        """Return nothing: the receiver has what was read."""


def read_elements(stream: IO[bytes], elements: XmlElements) -> Iterator[None]:
    """Pass the elements of a file on, and pause after each piece of it.

    Raises:
        XmlFault: The rest cannot be read.
    """
    parser = etree.XMLParser(
        target=_Target(elements),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        # Strava hands out files with spaces before the XML declaration, where XML allows nothing.
        piece = stream.read(READ_BYTES).removeprefix(codecs.BOM_UTF8).lstrip()
        while piece:
            parser.feed(piece)
            yield
            piece = stream.read(READ_BYTES)
        parser.close()
    except (etree.XMLSyntaxError, ValueError, AssertionError) as error:
        raise XmlFault from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2]
