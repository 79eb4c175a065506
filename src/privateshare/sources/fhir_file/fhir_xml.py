"""FHIR in XML, as JSON. Which elements are lists and which are numbers, XML does not say; `elements.json` does."""

import codecs
import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any

import orjson
from lxml import etree

from privateshare.sources.archive import UploadedFile
from privateshare.sources.fhir_file.cda_values import Element, local

# `python scripts/fhir_elements.py` writes it anew.
ELEMENTS_FILE = Path(__file__).with_name("elements.json")
TEXT, RESOURCE = "string", "Resource"
FHIR, XHTML = "http://hl7.org/fhir", "{http://www.w3.org/1999/xhtml}div"
READ_BYTES = 64 * 1024
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,400})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?")
_BOOLEANS = {"true": True, "false": False}
_SUFFIXES = {"Boolean": "boolean", "Decimal": "decimal", "Integer": "integer", "PositiveInt": "integer"}


def is_fhir_xml(start: bytes) -> bool:
    """Return whether a file is FHIR in XML, by its first bytes."""
    plain = start.replace(b"\0", b"").removeprefix(codecs.BOM_UTF8).removeprefix(codecs.BOM_UTF16_LE)
    plain = plain.removeprefix(codecs.BOM_UTF16_BE).lstrip()
    return (
        plain.startswith(b"<") and re.search(rb"xmlns(:\w+)?\s*=\s*[\"']http://hl7\.org/fhir[\"']", plain) is not None
    )


def json_file(file: UploadedFile) -> UploadedFile:
    """Return the file as JSON. Where the XML is damaged, the JSON ends, so that its reader reports it."""
    return UploadedFile(file.path, lambda: _opened(file), file.size)


@contextmanager
def _opened(file: UploadedFile) -> Iterator[IO[bytes]]:
    with file.open() as stream:
        yield BufferedReader(_Json(stream), READ_BYTES)


class _Json(RawIOBase):
    """FHIR in XML as a stream of JSON."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._pieces = _pieces(_Trimmed(stream))
        self._rest = memoryview(b"")  # A slice of it is no copy, and a piece can be as large as the file.

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read the next bytes into a buffer."""
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


class _Trimmed:
    """A file without what is white before its first element, where XML allows nothing."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._begin = stream.read(READ_BYTES).removeprefix(codecs.BOM_UTF8).lstrip()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        begin, self._begin = self._begin[:size], self._begin[size:]
        return begin or self._stream.read(size)


def _pieces(stream: _Trimmed) -> Iterator[bytes]:
    """Yield the JSON of a file: of a Bundle entry by entry, so that only one is in memory."""
    bundle = _Bundle()
    try:
        for event, element in etree.iterparse(
            stream,
            events=("start", "end"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        ):
            if event == "start":
                bundle.depth += 1
                bundle.is_one = bundle.is_one or (bundle.depth == 1 and local(element) == "Bundle")
                continue
            bundle.depth -= 1
            if bundle.is_one and bundle.depth == 1:
                yield from bundle.member(element)
            elif bundle.depth == 0:
                yield bundle.end() if bundle.is_one else orjson.dumps(_resource(element))
    except (etree.XMLSyntaxError, ValueError, TypeError, RecursionError):
        yield b"" if bundle.entries else b"{"


class _Bundle:
    """The Bundle that a file is, if it is one, as far as it was read."""

    def __init__(self) -> None:
        self.depth = self.entries = 0
        self.is_one = False
        self._before: list[Element] = []
        self._after: list[Element] = []

    def member(self, element: Element) -> Iterator[bytes]:
        """Yield the JSON of an entry. What comes before the first or after the last is written with it."""
        if local(element) != "entry":
            (self._after if self.entries else self._before).append(element)
            return
        if not self.entries:
            yield self._head()
        yield (b"," if self.entries else b"") + orjson.dumps(_members(element, "BundleEntry"))
        self.entries += 1
        parent = element.getparent()
        element.clear()
        while parent is not None and element.getprevious() is not None:
            del parent[0]

    def end(self) -> bytes:
        """Return the end of the JSON."""
        after = orjson.dumps(_named(self._after, "Bundle"))
        return (b"" if self.entries else self._head()) + b"]" + (b"," + after[1:] if self._after else b"}")

    def _head(self) -> bytes:
        head = orjson.dumps({"resourceType": "Bundle", **_named(self._before, "Bundle")})
        return head[:-1] + b',"entry":['


@cache
def _kinds() -> Mapping[str, Mapping[str, str]]:
    kinds: Mapping[str, Mapping[str, str]] = orjson.loads(ELEMENTS_FILE.read_bytes())
    return kinds


def kind_of(type_: str, name: str) -> str:
    """Return the kind of an element of a type, or else what it is in most types."""
    kinds = _kinds()
    found = kinds.get(type_, {}).get(name) or kinds[""].get(name)
    return found or next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), TEXT)


def _resource(element: Element) -> dict[str, Any]:
    return {"resourceType": local(element), **_members(element, local(element))}


def _members(element: Element, type_: str) -> dict[str, Any]:
    """Return the members of an object: its attributes, and its elements by name."""
    # Listing all attributes would take a time that grows with the square of their number.
    found: dict[str, Any] = {name: text for name in ("id", "url") if (text := element.get(name)) is not None}
    return found | _named(element, type_)


def _named(elements_of_one: Iterable[Element], type_: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    named: dict[str, list[Element]] = {}
    for one in elements_of_one:
        if isinstance(one.tag, str):
            named.setdefault(local(one), []).append(one)
    for name, elements in named.items():
        kind = kind_of(type_, name)
        is_list, kind = kind.endswith("*") or len(elements) > 1, kind.removesuffix("*")
        values = [_value(one, kind) for one in elements]
        if any(value is not None for value in values):
            found[name] = values if is_list else values[0]
        extras = [
            _extras(one) if one.get("value") is not None or value is None else None
            for one, value in zip(elements, values, strict=True)
        ]
        if any(extras):
            found[f"_{name}"] = extras if is_list else extras[0]
    return found


def _value(element: Element, kind: str) -> Any:
    """Return the value of an element; None if it has none."""
    if element.tag == XHTML:
        return _xhtml(element)
    if (text := element.get("value")) is not None:
        return _primitive(text, kind)
    if kind == RESOURCE:
        return next((_resource(one) for one in element if isinstance(one.tag, str)), None)
    is_empty = all(local(one) == "extension" for one in element)
    return None if is_empty and (kind == TEXT or kind[:1].islower()) else _members(element, kind)


def _primitive(text: str, kind: str) -> Any:
    if kind == "boolean":
        return _BOOLEANS.get(text.strip(), text)
    if kind in ("decimal", "integer") and _NUMBER.fullmatch(text.strip()):
        return orjson.Fragment(text.strip())
    return text


def _extras(element: Element) -> dict[str, Any] | None:
    """Return what a value has besides itself: an id, or extensions, such as why there is none."""
    return _members(element, "Element") or None


def _xhtml(element: Element) -> str:
    own = copy.deepcopy(element)
    own.tail = None
    etree.cleanup_namespaces(own)
    return str(etree.tostring(own, encoding="unicode"))
