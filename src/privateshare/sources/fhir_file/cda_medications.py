"""The medications and vaccinations of CDA documents, as FHIR resources."""

from collections.abc import Iterator, Mapping

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.cda_context import Context, performers, person_named, related, says_not, status_of
from privateshare.sources.fhir_file.cda_values import (
    Element,
    child,
    children,
    display_name,
    first_moment,
    is_null,
    local,
    moment,
    period,
    quantity,
)

_STATUSES: Mapping[str, str] = {
    "active": "active",
    "completed": "completed",
    "aborted": "stopped",
    "cancelled": "cancelled",
    "suspended": "on-hold",
    "held": "on-hold",
    "new": "draft",
    "nullified": "entered-in-error",
}


def medications(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map a substance administration: a request if it is intended, a statement if it happened.

    Those of an admission or a discharge are within an act.
    """
    if local(entry) == "act":
        for inner in children(entry, "entryRelationship", "substanceAdministration"):
            yield from medications(inner, context)
    if local(entry) != "substanceAdministration":
        return
    medication = _product(entry, context)
    if medication is None:
        return
    status = _STATUSES.get(status_of(entry), "unknown")
    times = [time for time in children(entry, "effectiveTime") if not is_null(time)]
    span = next((found for time in times if (found := period(time)) is not None), None)
    dosage = _dosage(entry, times, context)
    common: JsonObject = {"medicationCodeableConcept": medication, "subject": context.patient}
    if entry.get("moodCode") == "EVN":
        happened = common | {
            "status": "not-taken" if says_not(entry) else status if status not in ("draft", "cancelled") else "unknown",
            "effectivePeriod": span,
            "effectiveDateTime": None if span else next((when for time in times if (when := moment(time))), None),
            "dateAsserted": moment(child(entry, "author", "time")),
            "dosage": [dosage] if dosage else None,
        }
        yield context.resource("MedicationStatement", entry, happened)
        return
    authored = moment(child(entry, "author", "time"))
    fields = common | {
        "status": status,
        "intent": "order" if entry.get("moodCode") == "RQO" else "plan",
        "doNotPerform": True if says_not(entry) else None,
        "authoredOn": authored or (span or {}).get("start"),
        "requester": person_named(child(entry, "author", "assignedAuthor", "assignedPerson", "name")),
        "dosageInstruction": [dosage] if dosage else None,
    }
    yield context.resource("MedicationRequest", entry, fields)


def immunizations(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map a substance administration of a vaccine."""
    if local(entry) != "substanceAdministration":
        return
    vaccine = _product(entry, context)
    when = next((found for time in children(entry, "effectiveTime") if (found := first_moment(time))), None)
    if vaccine is None:
        return
    reason = next((context.concept(child(one, "code")) for one in related(entry, "RSON")), None)
    product = child(entry, "consumable", "manufacturedProduct")
    maker = display_name(child(product, "manufacturerOrganization", "name"))
    is_refused = says_not(entry)
    done = "completed" if status_of(entry) in ("completed", "active", "") else "not-done"
    yield context.resource(
        "Immunization",
        entry,
        {
            "status": "not-done" if is_refused else done,
            "statusReason": reason if is_refused else None,
            "vaccineCode": vaccine,
            "patient": context.patient,
            "occurrenceDateTime": when,
            "occurrenceString": None if when else "unknown",
            "lotNumber": context.narrative.of(child(product, "manufacturedMaterial", "lotNumberText")),
            "manufacturer": {"display": maker} if maker else None,
            "route": context.concept(child(entry, "routeCode")),
            "doseQuantity": quantity(child(entry, "doseQuantity")),
            "performer": performers(entry),
        },
    )


def _product(entry: Element, context: Context) -> JsonObject | None:
    material = child(entry, "consumable", "manufacturedProduct", "manufacturedMaterial")
    return context.concept(child(material, "code")) or _named(material, context)


def _named(element: Element | None, context: Context) -> JsonObject | None:
    text = context.narrative.of(child(element, "name"))
    return {"text": text} if text else None


def _dosage(entry: Element, times: list[Element], context: Context) -> JsonObject | None:
    every = next((quantity(child(time, "period")) for time in times if child(time, "period") is not None), None)
    units = {"s", "min", "h", "d", "wk", "mo", "a"}
    repeat = (
        {"frequency": 1, "period": every["value"], "periodUnit": every["code"]}
        if every and every.get("code") in units
        else None
    )
    dose = quantity(child(entry, "doseQuantity"))
    found = {
        "text": context.narrative.of(child(entry, "text")),
        "timing": {"repeat": repeat} if repeat else None,
        "route": context.concept(child(entry, "routeCode")),
        "doseAndRate": [{"doseQuantity": dose}] if dose else None,
    }
    return {name: value for name, value in found.items() if value} or None
