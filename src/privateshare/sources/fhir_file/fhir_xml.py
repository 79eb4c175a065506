"""FHIR in XML, as JSON. Which elements are lists and which are numbers, XML does not say; `elements.json` does."""

import codecs
import copy
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from lxml import etree

from privateshare.sources.archive import UploadedFile
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.cda_values import Element, local

# `python scripts/fhir_elements.py` writes it anew.
ELEMENTS_FILE = Path(__file__).with_name("elements.json")
TEXT, RESOURCE = "string", "Resource"
FHIR, XHTML = "http://hl7.org/fhir", "{http://www.w3.org/1999/xhtml}div"
MAX_BYTES = 64 * 1024 * 1024
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,400})(?:\.\d{1,400})?(?:[eE][+-]?\d{1,3})?")
_BOOLEANS = {"true": True, "false": False}
_SUFFIXES = {"Boolean": "boolean", "Decimal": "decimal", "Integer": "integer", "PositiveInt": "integer"}


class NotFhir(Exception):
    """The file cannot be read as FHIR."""


def is_fhir_xml(start: bytes) -> bool:
    """Return whether a file is FHIR in XML, by its first bytes."""
    plain = start.replace(b"\0", b"").removeprefix(codecs.BOM_UTF8).removeprefix(codecs.BOM_UTF16_LE)
    plain = plain.removeprefix(codecs.BOM_UTF16_BE).lstrip()
    return (
        plain.startswith(b"<") and re.search(rb"xmlns(:\w+)?\s*=\s*[\"']http://hl7\.org/fhir[\"']", plain) is not None
    )


def json_file(file: UploadedFile, left_out: LeftOut) -> Iterator[UploadedFile]:
    """Yield the file as JSON. A file that cannot be parsed is reported."""
    try:
        content = _as_json(file)
    except NotFhir:
        left_out.name_damaged_file(file.path)
        return
    yield UploadedFile(file.path, lambda: nullcontext(io.BytesIO(content)), len(content))


def _as_json(file: UploadedFile) -> bytes:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    with file.open() as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise NotFhir
    try:
        root = etree.fromstring(data.removeprefix(codecs.BOM_UTF8).lstrip(), parser)
        if root is None:
            raise NotFhir
        return orjson.dumps(_resource(root))
    except (etree.XMLSyntaxError, ValueError, TypeError, RecursionError) as error:
        raise NotFhir from error


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
    found: dict[str, Any] = {name: text for name, text in element.attrib.items() if name in ("id", "url")}
    named: dict[str, list[Element]] = {}
    for one in element:
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
