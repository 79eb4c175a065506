"""The data types of CDA documents, as FHIR has them: codes, times, quantities, names. Missing values are None."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import Any, TypeAlias

import orjson
from lxml import etree

from privateshare.sources.contract import JsonObject

MAX_TEXT = 10_000
CODE_SYSTEMS: Mapping[str, str] = {
    "2.16.840.1.113883.3.26.1.1": "http://ncithesaurus-stage.nci.nih.gov",
    "2.16.840.1.113883.4.9": "http://fdasis.nlm.nih.gov",
    "2.16.840.1.113883.5.4": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "2.16.840.1.113883.5.83": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    "2.16.840.1.113883.5.111": "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
    "2.16.840.1.113883.5.112": "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "2.16.840.1.113883.6.4": "http://www.cms.gov/Medicare/Coding/ICD10",
    "2.16.840.1.113883.6.12": "http://www.ama-assn.org/go/cpt",
    "2.16.840.1.113883.6.69": "http://hl7.org/fhir/sid/ndc",
    "2.16.840.1.113883.6.88": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.6.103": "http://hl7.org/fhir/sid/icd-9-cm",
    "2.16.840.1.113883.12.292": "http://hl7.org/fhir/sid/cvx",
}
SSN = "2.16.840.1.113883.4.1"
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

_TIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?(?:(\d{2})(\d{2})?(\d{2})?(?:\.\d+)?)?([+-]\d{4})?")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_OID = re.compile(r"[0-2](\.\d+)+")

Element: TypeAlias = etree._Element


@dataclass(frozen=True, slots=True)
class Narrative:
    """The texts of a section that entries refer to, by their ids."""

    texts: Mapping[str, str]

    def of(self, element: Element | None) -> str | None:
        """Return the text of an element, or what it refers to."""
        if element is None:
            return None
        text = " ".join("".join(str(part) for part in element.itertext()).split())
        reference = child(element, "reference")
        if not text and reference is not None:
            text = self.texts.get(reference.get("value", "").removeprefix("#"), "")
        return text[:MAX_TEXT] or None


def local(element: Element) -> str:
    """Return the name of an element without its namespace; empty for a comment."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element | None, *path: str) -> Iterator[Element]:
    """Yield the elements at the end of a path of names."""
    if element is None:
        return
    for inner in element:
        if local(inner) == path[0]:
            if len(path) == 1:
                yield inner
            else:
                yield from children(inner, *path[1:])


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first element at the end of a path; None if there is none."""
    return next(children(element, *path), None)


def is_null(element: Element | None) -> bool:
    """Return whether a value is missing, or says that it is unknown."""
    return element is None or element.get("nullFlavor") is not None


def concept(element: Element | None, narrative: Narrative) -> JsonObject | None:
    """Return a code with its translations and its text."""
    if element is None:
        return None
    codings = [coding for one in (element, *children(element, "translation")) if (coding := _coding(one)) is not None]
    text = narrative.of(child(element, "originalText")) or element.get("displayName")
    if text is None and not codings and element.get(TYPE, "").endswith("ST"):
        text = narrative.of(element)
    found = {"coding": codings, "text": text}
    return {name: value for name, value in found.items() if value} or None


def system_of(oid: str) -> str:
    """Return the address of a code system."""
    return CODE_SYSTEMS.get(oid) or (f"urn:oid:{oid}" if _OID.fullmatch(oid) else oid)


def moment(element: Element | None) -> str | None:
    """Return a time. A time of day without a zone is left out, because FHIR has none without."""
    if element is None:
        return None
    found = _TIME.fullmatch((element.get("value") or "").strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if not (1850 <= int(year) <= 2150):
        return None
    text = "-".join(part for part in (year, month, day) if part)
    is_time = hour and minute and zone and int(hour) < 24 and int(minute) < 60 and int(second or 0) < 60
    return f"{text}T{hour}:{minute}:{second or '00'}{zone[:3]}:{zone[3:]}" if is_time else text


def period(element: Element | None) -> JsonObject | None:
    """Return an interval of time."""
    found = {"start": moment(child(element, "low")), "end": moment(child(element, "high"))}
    return {name: value for name, value in found.items() if value} or None


def first_moment(element: Element | None) -> str | None:
    """Return a time, or the beginning of an interval, or its end."""
    return (
        moment(element)
        or moment(child(element, "low"))
        or moment(child(element, "center"))
        or moment(child(element, "high"))
    )


def quantity(element: Element | None) -> JsonObject | None:
    """Return a quantity with its unit."""
    if is_null(element) or element is None:
        return None
    number = decimal(element.get("value"))
    if number is None:
        return None
    unit = element.get("unit")
    found: JsonObject = {"value": number}
    if unit and unit != "1":
        found |= {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return found


def decimal(text: str | None) -> int | float | orjson.Fragment | None:
    """Return a number, with the digits that it is written with if JSON has this form; None if it is none."""
    written = (text or "").strip()
    try:
        value = float(written)
    except ValueError:
        return None
    if not isfinite(value) or abs(value) > 1e15:
        return None
    if _JSON_NUMBER.fullmatch(written):
        return orjson.Fragment(written)
    return int(value) if value.is_integer() else value


def range_of(element: Element | None) -> JsonObject | None:
    """Return an interval of quantities."""
    found = {"low": quantity(child(element, "low")), "high": quantity(child(element, "high"))}
    return {name: value for name, value in found.items() if value} or None


def identifiers(element: Element | None) -> list[JsonObject]:
    """Return the ids of an element."""
    found = []
    for one in children(element, "id"):
        root, extension = one.get("root"), one.get("extension")
        if root and not is_null(one):
            system = f"urn:oid:{root}" if extension else "urn:ietf:rfc:3986"
            identifier: JsonObject = {"system": system, "value": extension or f"urn:uuid:{root.lower()}"}
            if root == SSN:
                identifier |= {"system": "http://hl7.org/fhir/sid/us-ssn"}
            found.append(identifier)
    return found


def name_of(element: Element | None) -> JsonObject | None:
    """Return the name of a person."""
    if element is None or is_null(element):
        return None
    given = [text for one in children(element, "given") if (text := _text(one))]
    family = _text(child(element, "family"))
    found: dict[str, Any] = {"family": family, "given": given}
    found["suffix"] = [text for one in children(element, "suffix") if (text := _text(one))]
    if not family and not given:
        found["text"] = _text(element)
    return {key: value for key, value in found.items() if value} or None


def display_name(element: Element | None) -> str | None:
    """Return the name of a person or an organization as one text."""
    name = name_of(element)
    if name is None:
        return None
    return name.get("text") or " ".join([*name.get("given", []), name.get("family", "")]).strip()


def _coding(element: Element) -> JsonObject | None:
    code, oid = " ".join(element.get("code", "").split()), element.get("codeSystem")
    if not code:
        return None
    found = {"system": system_of(oid) if oid else None, "code": code, "display": element.get("displayName")}
    return {name: value for name, value in found.items() if value}


def _text(element: Element | None) -> str | None:
    if element is None:
        return None
    return " ".join("".join(str(part) for part in element.itertext()).split())[:MAX_TEXT] or None
