"""The flat form of FHIR resources: what each is about, its value and its times. Components are rows of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privateshare.sdk.tables.contents import Record
from privateshare.sdk.tables.derived_rows import KnownKind
from privateshare.sdk.tables.fhir_times import times_of_resource
from privateshare.sdk.tables.shapes import json_text

Json = Mapping[str, Any]

FHIR_KINDS: Mapping[str, KnownKind] = {
    "resource_type": "text",
    "id": "text",
    "subject": "text",
    "encounter": "text",
    "status": "text",
    "category": "text",
    "panel_code": "text",
    "panel_display": "text",
    "component": "whole",
    "system": "text",
    "code": "text",
    "display": "text",
    "value": "number",
    "comparator": "text",
    "unit": "text",
    "value_low": "number",
    "value_high": "number",
    "value_system": "text",
    "value_code": "text",
    "value_text": "text",
    "date": "text",
    "start": "local time",
    "end": "local time",
    "precision": "text",
    "end_precision": "text",
    "offset": "whole",
}
CONCEPTS = (
    *("code", "vaccineCode", "medicationCodeableConcept", "medicationReference", "medication", "itemCodeableConcept"),
    *("productCodeableConcept", "deviceCodeableConcept", "relationship", "description", "type", "class", "serviceType"),
    *("name", "category", "reasonCode"),
)
"""The elements that say what a resource is about, best first."""
QUANTITIES = ("doseQuantity", "quantity")
"""The elements that hold the value of resources without value[x]."""
FLOAT_DIGITS = 2**53


@dataclass(frozen=True, slots=True)
class Concept:
    """What a CodeableConcept, a Coding, a code or a reference says."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


def fhir_rows(resource: Json) -> Iterator[Record]:
    """Yield the rows of a resource: its own, and one for each component.

    A resource that has a value in its components only, such as a blood pressure, has no row of its own.
    """
    about = concept_of_resource(resource)
    shared = _shared(resource)
    components = [part for part in _list(resource.get("component")) if isinstance(part, dict)]
    own_value = _value(resource)
    if own_value or not components:
        yield shared | _concept_columns(about) | own_value
    for number, part in enumerate(components):
        panel = {"panel_code": about.code, "panel_display": about.display, "component": number}
        yield shared | panel | _concept_columns(concept_of(part.get("code"), resource)) | _value(part)


def concept_of_resource(resource: Json) -> Concept:
    """Return what a resource is about."""
    for name in CONCEPTS:
        found = concept_of(resource.get(name), resource)
        if found != Concept():
            return found
    return Concept()


def concept_of(value: Any, resource: Json) -> Concept:
    """Return what an element says: a CodeableConcept, a Coding, a text, a reference, or a list of them.

    The display of a CodeableConcept is its text, or else that of its coding, or else the code.
    """
    if isinstance(value, list):
        found = (concept_of(item, resource) for item in value)
        return next((concept for concept in found if concept != Concept()), Concept())
    if isinstance(value, str):
        return Concept(display=value)
    if not isinstance(value, dict):
        return Concept()
    if "reference" in value and "coding" not in value:
        return _referenced(value, resource)
    if "concept" in value or isinstance(value.get("reference"), dict):  # A CodeableReference of R5.
        return concept_of(value.get("concept") or value.get("reference"), resource)
    codings = [coding for coding in _list(value.get("coding")) if isinstance(coding, dict)]
    if not codings and ("code" in value or "display" in value):
        codings = [value]
    coding = _best(codings)
    code = _text(coding.get("code"))
    shown = _text(value.get("text")) or _text(coding.get("display"))
    shown = shown or next((text for other in codings if (text := _text(other.get("display")))), None)
    return Concept(_text(coding.get("system")), code, shown or code)


def _best(codings: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the coding that the user selected, or else the first with a code, or else the first."""
    chosen = [coding for coding in codings if coding.get("userSelected") is True]
    coded = [coding for coding in codings if coding.get("code") is not None]
    return next(iter([*chosen, *coded, *codings]), {})


def _referenced(reference: dict[str, Any], resource: Json) -> Concept:
    """Return what a reference says: the code of a contained resource, or else the reference's display."""
    target = reference.get("reference")
    if isinstance(target, str) and target.startswith("#"):
        for contained in _list(resource.get("contained")):
            if isinstance(contained, dict) and contained.get("id") == target[1:]:
                inner = {name: value for name, value in contained.items() if name != "contained"}
                found = concept_of_resource(inner)
                return found if found != Concept() else Concept(display=_text(reference.get("display")))
    return Concept(display=_text(reference.get("display")) or _text(target))


def _shared(resource: Json) -> Record:
    start, end = times_of_resource(resource)
    first = start or end
    return {
        "resource_type": _text(resource.get("resourceType")),
        "id": _text(resource.get("id")),
        "subject": _reference(resource.get("subject") or resource.get("patient")),
        "encounter": _reference(resource.get("encounter")),
        "status": _status(resource),
        "category": concept_of(resource.get("category"), resource).display,
        "date": first and first.date,
        "start": start and start.local,
        "end": end and end.local,
        "precision": start and start.precision,
        "end_precision": end and end.precision,
        "offset": first and first.offset,
    }


def _status(resource: Json) -> str | None:
    status = resource.get("status") or resource.get("clinicalStatus")
    found = concept_of(status, resource)
    return found.code or found.display


def _concept_columns(concept: Concept) -> Record:
    return {"system": concept.system, "code": concept.code, "display": concept.display}


def _value(part: Json) -> Record:
    """Return the columns of an element's value[x]; none if it has none."""
    for name, value in part.items():
        if name.startswith("value") and name[5:6].isupper() and value is not None:
            return _value_columns(name.removeprefix("value"), value)
    for name in QUANTITIES:
        if isinstance(quantity := part.get(name), dict):
            return _quantity(quantity)
    return {}


def _value_columns(kind: str, value: Any) -> Record:
    if kind in ("Quantity", "Age", "Duration", "Count", "Distance", "Money", "SimpleQuantity") and isinstance(
        value, dict
    ):
        return _quantity(value)
    if kind in ("CodeableConcept", "Coding", "Reference", "CodeableReference"):
        concept = concept_of(value, {})
        return {"value_system": concept.system, "value_code": concept.code, "value_text": concept.display}
    if kind == "Range" and isinstance(value, dict):
        return _range(value)
    if kind == "Ratio" and isinstance(value, dict):
        return {"value_text": _ratio(value)}
    if kind == "Period" and isinstance(value, dict):
        return {"value_text": "/".join(_text(value.get(name)) or "" for name in ("start", "end"))}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_columns(value)
    return {"value_text": json_text(value)}


def _quantity(quantity: Json) -> Record:
    unit = _text(quantity.get("unit")) or _text(quantity.get("code")) or _text(quantity.get("currency"))
    columns = _number_columns(quantity.get("value"))
    codes = {"value_system": _text(quantity.get("system")), "value_code": _text(quantity.get("code"))}
    return {**columns, "comparator": _text(quantity.get("comparator")), "unit": unit, **codes}


def _number_columns(value: Any) -> Record:
    """Return a number as `value`. One that a float does not hold exactly is `value_text` too."""
    number = _number(value)
    is_exact = value is None or (number is not None and (not isinstance(value, int) or abs(value) <= FLOAT_DIGITS))
    return {"value": number, "value_text": None if is_exact else json_text(value)}


def _range(value: Json) -> Record:
    low, high = _object(value.get("low")), _object(value.get("high"))
    unit = _text(low.get("unit")) or _text(high.get("unit")) or _text(low.get("code")) or _text(high.get("code"))
    return {"value_low": _number(low.get("value")), "value_high": _number(high.get("value")), "unit": unit}


def _ratio(value: Json) -> str:
    """Return a ratio as text: "1:128", or "5 mg:1 mL"."""
    return ":".join(_amount(_object(value.get(name))) for name in ("numerator", "denominator"))


def _amount(quantity: Json) -> str:
    unit = _text(quantity.get("unit")) or _text(quantity.get("code"))
    parts = [_text(quantity.get("comparator")), json_text(quantity.get("value")), unit if unit != "1" else None]
    return " ".join(part for part in parts if part)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _reference(value: Any) -> str | None:
    if isinstance(value, list):
        value = value[0] if value else None
    found = _object(value)
    return _text(found.get("reference")) or _text(found.get("display"))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    """Return an element as text. What should be text and is not is shown as JSON."""
    return json_text(value) or None
