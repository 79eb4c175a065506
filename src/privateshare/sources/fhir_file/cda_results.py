"""The measurements and laboratory results of CDA documents, as FHIR resources."""

from collections.abc import Iterator

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.cda_context import Context, hl7_code, says_not, status_of
from privateshare.sources.fhir_file.cda_values import (
    TYPE,
    Element,
    child,
    children,
    decimal,
    first_moment,
    local,
    moment,
    quantity,
    range_of,
)


def results(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map an organizer to its observations, and to a report if it is one of results."""
    if local(entry) == "observation":
        yield from _observation(entry, context)
        return
    observations = [
        found for one in children(entry, "component", "observation") for found in _observation(one, context)
    ]
    yield from observations
    code = context.concept(child(entry, "code"))
    if context.category != "laboratory" or not observations or code is None:
        return
    yield context.resource(
        "DiagnosticReport",
        entry,
        {
            "status": "final" if status_of(entry) in ("completed", "") else "partial",
            "code": code,
            "subject": context.patient,
            "effectiveDateTime": first_moment(child(entry, "effectiveTime"))
            or observations[0].get("effectiveDateTime"),
            "result": [{"reference": f"Observation/{one['id']}"} for one in observations],
        },
    )


def _observation(entry: Element, context: Context) -> Iterator[JsonObject]:
    code = context.code_of(entry)
    values = _value(child(entry, "value"), context)
    if code is None or (values is None and context.category == "vital-signs"):
        return
    status = {"completed": "final", "active": "preliminary", "aborted": "cancelled", "held": "registered"}
    ranges = []
    for one in children(entry, "referenceRange", "observationRange"):
        found = dict(range_of(child(one, "value")) or {})
        text = context.narrative.of(child(one, "text"))
        if text:
            found["text"] = text
        if found:
            ranges.append(found)
    yield context.resource(
        "Observation",
        entry,
        {
            "status": "cancelled" if says_not(entry) else status.get(status_of(entry), "final"),
            "category": [hl7_code("observation-category", context.category)] if context.category else None,
            "code": code,
            "subject": context.patient,
            "effectiveDateTime": first_moment(child(entry, "effectiveTime")),
            **(values or {"dataAbsentReason": hl7_code("data-absent-reason", "unknown")}),
            "interpretation": [
                coded for one in children(entry, "interpretationCode") if (coded := context.concept(one))
            ],
            "referenceRange": ranges,
        },
    )


def _value(element: Element | None, context: Context) -> JsonObject | None:
    """Return the value of an observation, whose type is an attribute."""
    if element is None:
        return None
    kind = element.get(TYPE, "").rpartition(":")[2]
    found: JsonObject | str | int | bool | None
    if kind in ("PQ", "REAL", "INT", "MO"):
        found = quantity(element)
        return {"valueQuantity": found} if found else None
    if kind == "IVL_PQ":
        found = range_of(element)
        return {"valueRange": found} if found else None
    if kind == "TS":
        found = moment(element)
        return {"valueDateTime": found} if found else None
    if kind == "BL":
        return {"valueBoolean": element.get("value") == "true"} if element.get("value") in ("true", "false") else None
    if kind in ("ST", "ED", ""):
        if kind == "" and decimal(element.get("value")) is not None:
            return {"valueQuantity": quantity(element)}
        found = context.narrative.of(element)
        return {"valueString": found} if found else None
    found = context.concept(element)
    return {"valueCodeableConcept": found} if found else None
