"""Reading what a WebDAV server says of its resources (RFC 4918, "multistatus"), while it arrives.

Whoever runs the server may be hostile, so the content is read in pieces, no tree is built, and all that the server
decides is limited: how many resources, how many elements, how deep, how long each name and text.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

DAV = "DAV:"
MAX_RESOURCES = 100_000
MAX_ELEMENTS = 2_000_000
MAX_DEPTH = 20
MAX_NAME_CHARACTERS = 300
MAX_PROPERTIES_OF_RESOURCE = 100
MAX_GROUPS_OF_RESOURCE = 20  # Its properties are in groups: those that exist, those that do not, and so on.
MAX_ADDRESS_CHARACTERS = 20_000
MAX_TEXT_CHARACTERS = 8_000_000  # An event or contact may have pictures in it.
MAX_TOKEN_BYTES = 256 * 1024  # The parser looks at a tag from its start again whenever a piece of it arrives.
PIECE_BYTES = 64 * 1024  # A server may send very small pieces, so they are put together before they are parsed.
BUFFER_CHARACTERS = 64 * 1024

_RESPONSE, _HREF, _PROPSTAT, _STATUS, _PROP = (f"{DAV} {n}" for n in ("response", "href", "propstat", "status", "prop"))
_MULTISTATUS = f"{DAV} multistatus"
_PATH_OF_RESPONSE, _PATH_OF_PROPSTAT = [_RESPONSE], [_RESPONSE, _PROPSTAT]
_PATH_OF_PROPERTIES = [*_PATH_OF_PROPSTAT, _PROP]
_IN_RESPONSE, _IN_PROPSTAT, _IN_PROP = 2, 3, 4  # The depth of what lies in these elements.


class NotDav(Exception):
    """The server does not answer as a WebDAV server does."""


@dataclass(frozen=True, slots=True)
class DavResource:
    """What a server says of one address: the properties that it has. `server` is the host that said it.

    `found` are the texts of its properties and of what is in them, by namespace and name; None if a text is too long.
    `addresses` are the addresses that properties hold.
    """

    address: str
    server: str
    found: Mapping[str, str | None] = field(repr=False)
    addresses: Mapping[str, str] = field(default_factory=dict, repr=False)

    def text(self, space: str, name: str) -> str:
        """Return the text of a property; empty if there is none."""
        return (self.found.get(f"{space} {name}") or "").strip()

    def whole_text(self, space: str, name: str) -> str | None:
        """Return the text of a property as it is; None if there is none, or if it is too long."""
        return self.found.get(f"{space} {name}") or None

    def address_in(self, space: str, name: str) -> str | None:
        """Return the address that a property holds; None if there is none. Raises NotDav if it is not an address."""
        found = self.addresses.get(f"{space} {name}")
        return joined(self.address, found) if found else None

    def has(self, space: str, name: str) -> bool:
        """Return whether there is such a property or type."""
        return f"{space} {name}" in self.found


def read_resources(pieces: Iterable[bytes], base: str, most: int = MAX_RESOURCES) -> Iterator[DavResource]:
    """Yield the first resources of a response, with each group of properties that exist.

    Args:
        pieces: The content, as it arrives.
        base: The address of the response.
        most: How many are read at most.

    Raises:
        NotDav: It is no such response, or exceeds a limit.
    """
    reader, server, number, received = _Reader(), urlsplit(base).netloc, 0, 0
    parser = reader.parser
    try:
        for piece in pieces:
            received += len(piece)
            parser.Parse(piece, False)
            if received - parser.CurrentByteIndex > MAX_TOKEN_BYTES + len(piece):
                raise NotDav
            for address, (found, addresses) in reader.take():
                yield DavResource(joined(base, address), server, found, addresses)
                number += 1
                if number == most:
                    return
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # The last two for encodings that Python cannot use.
        raise NotDav from error


def joined(base: str, address: str) -> str:
    """Return the address that a server names, which may be relative. Raises NotDav if it is none."""
    try:
        found = urljoin(base, address.strip())
        urlsplit(found)
    except ValueError as error:
        raise NotDav from error
    return found


_Properties = tuple[dict[str, str | None], dict[str, str]]


class _Reader:
    """Collects the resources that the parser comes across."""

    def __init__(self) -> None:
        self.parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text, parser.buffer_size = True, BUFFER_CHARACTERS
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.StartDoctypeDeclHandler = self._doctype
        self._path, self._elements = list[str](), 0
        self._text, self._length = list[str](), 0
        self._address, self._status, self._is_prop = "", "", False
        self._found, self._addresses = dict[str, str | None](), dict[str, str]()
        self._groups, self._complete = list[_Properties](), list[tuple[str, _Properties]]()

    def take(self) -> list[tuple[str, _Properties]]:
        """Return the addresses and properties that are complete, each once."""
        complete, self._complete = self._complete, []
        return complete

    def _doctype(self, *_: object) -> None:
        raise NotDav

    def _start(self, name: str, _: object) -> None:
        path, depth = self._path, len(self._path)
        self._elements += 1
        if depth == MAX_DEPTH or self._elements > MAX_ELEMENTS or len(name) > MAX_NAME_CHARACTERS:
            raise NotDav
        if depth == 0 and name != _MULTISTATUS:
            raise NotDav
        path.append(name)
        if depth == _IN_PROPSTAT:
            self._is_prop = path[1:] == _PATH_OF_PROPERTIES
        elif depth >= _IN_PROP and self._is_prop:
            self._found.setdefault(name, "")
            if len(self._found) > MAX_PROPERTIES_OF_RESOURCE:
                raise NotDav
        self._text, self._length = [], 0
        self.parser.CharacterDataHandler = self._characters if depth >= _IN_RESPONSE else None

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._length <= MAX_TEXT_CHARACTERS:
            self._text.append(text)

    def _end(self, name: str) -> None:
        path = self._path
        path.pop()
        if self.parser.CharacterDataHandler is not None:  # Nothing but text lies in the element.
            self._leaf(name, "".join(self._text) if self._length <= MAX_TEXT_CHARACTERS else None)
            self.parser.CharacterDataHandler = None
        if name == _PROPSTAT and path[1:] == _PATH_OF_RESPONSE:
            if " 200" in (self._status or " 200"):
                self._groups.append((self._found, self._addresses))
            if len(self._groups) > MAX_GROUPS_OF_RESOURCE:
                raise NotDav
            self._status, self._found, self._addresses = "", {}, {}
        elif name == _RESPONSE and len(path) == 1:
            self._complete += [(self._address, properties) for properties in self._groups]
            self._address, self._groups = "", []

    def _leaf(self, name: str, text: str | None) -> None:
        """Take note of an element that has no others in it."""
        path, depth = self._path, len(self._path)
        if depth >= _IN_PROP:
            if self._is_prop and (text is None or not self._found.get(name)):
                self._found[name] = text
            if self._is_prop and name == _HREF and text and len(text) <= MAX_ADDRESS_CHARACTERS:
                self._addresses.setdefault(path[-1], text)
        elif text is None:
            raise NotDav
        elif name == _HREF and depth == _IN_RESPONSE:
            self._address = text[:MAX_ADDRESS_CHARACTERS]  # Nothing is fetched from there, since no path is that long.
        elif name == _STATUS and path[1:] == _PATH_OF_PROPSTAT:
            self._status = text
