"""The entries of CDA documents, as FHIR resources."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.cda_values import (
    TYPE,
    Element,
    Narrative,
    child,
    children,
    concept,
    decimal,
    display_name,
    first_moment,
    identifiers,
    is_null,
    local,
    moment,
    name_of,
    period,
    quantity,
    range_of,
)
from privateshare.sources.object_building import stable_id

_HL7 = "http://terminology.hl7.org/CodeSystem/"
STATUS_OBSERVATION = "33999-4"
NO_KNOWN_ALLERGY = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}], "text": "No known allergy"}
ANY_ALLERGEN = frozenset({"419199007", "420134006", "416098002", "414285001", "426232007"})
SEVERITIES = {"255604002": "mild", "6736007": "moderate", "24484000": "severe", "399166001": "severe"}
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
_CLINICAL: Mapping[str, str] = {"55561003": "active", "73425007": "inactive", "413322009": "resolved"}


@dataclass(frozen=True, slots=True)
class Context:
    """What entries of a section need to know: the patient, the texts of the section, and the category of its values."""

    patient: JsonObject
    narrative: Narrative
    category: str = ""

    def resource(self, kind: str, entry: Element, fields: Mapping[str, Any]) -> JsonObject:
        """Build a resource without its missing elements. The same entry has the same id in each document."""
        known = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
        ids = identifiers(entry)
        if ids:
            known["identifier"] = ids
        own = [f"{one['system']} {one['value']}" for one in ids[:1]]
        code = str(known.get("code") or known.get("vaccineCode") or known.get("type") or "")
        # Some systems give one id to all entries of a panel.
        own_id = stable_id(kind, *own, code, *(() if own else (sorted(known.items(), key=str),)))
        return {"resourceType": kind, "id": own_id, **known}

    def concept(self, element: Element | None) -> JsonObject | None:
        """Return a code of this section."""
        return concept(element, self.narrative)


Mapper = Callable[[Element, Context], Iterator[JsonObject]]


def allergies(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map an act of the section of allergies."""
    for observation in _observations(entry):
        substance = next(
            (
                code
                for role in children(observation, "participant", "participantRole", "playingEntity")
                if (code := context.concept(child(role, "code")) or _named(role, context)) is not None
            ),
            None,
        )
        value = child(observation, "value")
        is_negated = _is_negated(observation)
        kind = value.get("code") if value is not None else None
        code = substance or (context.concept(value) if kind not in ANY_ALLERGEN else None)
        if is_negated and substance is None:
            code = NO_KNOWN_ALLERGY
        if code is None:
            continue
        state = "refuted" if is_negated and substance is not None else "confirmed"
        reactions = [
            {"manifestation": [found], "severity": _severity(one)}
            for one in _related(observation, "MFST")
            if (found := context.concept(child(one, "value"))) is not None
        ]
        fields = {
            "clinicalStatus": _coded("allergyintolerance-clinical", _clinical_status(observation, entry)),
            "verificationStatus": _coded("allergyintolerance-verification", state),
            "criticality": None,
            "code": code,
            "patient": context.patient,
            "onsetDateTime": first_moment(child(observation, "effectiveTime")),
            "recordedDate": moment(child(entry, "author", "time")),
            "reaction": [{name: value for name, value in one.items() if value} for one in reactions],
        }
        if state == "refuted":
            fields.pop("clinicalStatus")
        yield context.resource("AllergyIntolerance", observation, fields)


def problems(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map an act or an observation of the section of problems."""
    for observation in _observations(entry):
        value, time = child(observation, "value"), child(observation, "effectiveTime")
        code = context.concept(value)
        if code is None:
            continue
        is_negated = _is_negated(observation)
        ended = moment(child(time, "high"))
        status = "resolved" if ended else _clinical_status(observation, entry)
        yield context.resource(
            "Condition",
            observation,
            {
                "clinicalStatus": None if is_negated else _coded("condition-clinical", status),
                "verificationStatus": _coded("condition-ver-status", "refuted" if is_negated else "confirmed"),
                "category": [_coded("condition-category", "problem-list-item")],
                "code": code,
                "subject": context.patient,
                "onsetDateTime": moment(child(time, "low")) or moment(time),
                "abatementDateTime": ended,
                "recordedDate": moment(child(entry, "author", "time")),
            },
        )


def medications(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map a substance administration: a request if it is intended, a statement if it happened."""
    if local(entry) != "substanceAdministration":
        return
    medication = _product(entry, context)
    if medication is None:
        return
    status = _STATUSES.get(_status(entry), "unknown")
    times = [time for time in children(entry, "effectiveTime") if not is_null(time)]
    span = next((found for time in times if (found := period(time)) is not None), None)
    dosage = _dosage(entry, times, context)
    common: JsonObject = {"medicationCodeableConcept": medication, "subject": context.patient}
    if entry.get("moodCode") == "EVN":
        happened = common | {
            "status": "not-taken"
            if _is_negated(entry)
            else status
            if status not in ("draft", "cancelled")
            else "unknown",
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
        "doNotPerform": True if _is_negated(entry) else None,
        "authoredOn": authored or (span or {}).get("start"),
        "requester": _person(child(entry, "author", "assignedAuthor", "assignedPerson", "name")),
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
    reason = next((context.concept(child(one, "code")) for one in _related(entry, "RSON")), None)
    product = child(entry, "consumable", "manufacturedProduct")
    maker = display_name(child(product, "manufacturerOrganization", "name"))
    is_refused = _is_negated(entry)
    done = "completed" if _status(entry) in ("completed", "active", "") else "not-done"
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
            "performer": _performers(entry),
        },
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
            "status": "final" if _status(entry) in ("completed", "") else "partial",
            "code": code,
            "subject": context.patient,
            "effectiveDateTime": first_moment(child(entry, "effectiveTime"))
            or observations[0].get("effectiveDateTime"),
            "result": [{"reference": f"Observation/{one['id']}"} for one in observations],
        },
    )


def procedures(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map a procedure, or an observation or act in its place."""
    code, time = context.concept(child(entry, "code")), child(entry, "effectiveTime")
    if code is None or entry.get("moodCode") not in ("EVN", None):
        return
    done = {"completed": "completed", "aborted": "stopped", "cancelled": "not-done", "active": "in-progress"}
    span = period(time)
    yield context.resource(
        "Procedure",
        entry,
        {
            "status": "not-done" if _is_negated(entry) else done.get(_status(entry), "unknown"),
            "code": code,
            "subject": context.patient,
            "performedDateTime": moment(time) if span is None else None,
            "performedPeriod": span,
            "bodySite": [site for one in children(entry, "targetSiteCode") if (site := context.concept(one))],
            "performer": _performers(entry),
        },
    )


def encounters(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map an encounter."""
    if local(entry) not in ("encounter", "encompassingEncounter"):
        return
    code, time = child(entry, "code"), child(entry, "effectiveTime")
    codes = [one for one in ([code, *children(code, "translation")] if code is not None else []) if one.get("code")]
    act = next((one.get("code") for one in codes if one.get("codeSystem") == "2.16.840.1.113883.5.4"), None)
    start = moment(time)
    kind = context.concept(code)
    places = children(entry, "participant", "participantRole", "playingEntity", "name")
    doctors = children(entry, "performer", "assignedEntity", "assignedPerson", "name")
    fields = {
        "status": "finished",
        "class": {"system": f"{_HL7}v3-ActCode", "code": act}
        if act
        else {"system": f"{_HL7}v3-NullFlavor", "code": "UNK"},
        "type": [kind] if kind else None,
        "subject": context.patient,
        "period": period(time) or ({"start": start} if start else None),
        "participant": [{"individual": {"display": name}} for one in doctors if (name := display_name(one))],
        "location": [{"location": {"display": name}} for one in places if (name := display_name(one))],
    }
    if kind is None and "period" not in {name for name, value in fields.items() if value}:
        return
    yield context.resource("Encounter", entry, fields)


def family_history(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map the history of a relative."""
    relation = context.concept(child(entry, "subject", "relatedSubject", "code"))
    conditions = []
    for observation in children(entry, "component", "observation"):
        code = context.concept(child(observation, "value"))
        if code is not None and not _is_negated(observation):
            onset = next(
                (
                    context_age
                    for one in _related(observation, "SUBJ")
                    if (context_age := quantity(child(one, "value")))
                ),
                None,
            )
            conditions.append({"code": code} | ({"onsetAge": onset} if onset else {}))
    if relation is None or not conditions:
        return
    fields = {"status": "completed", "patient": context.patient, "relationship": relation, "condition": conditions}
    yield context.resource("FamilyMemberHistory", entry, fields)


def _observation(entry: Element, context: Context) -> Iterator[JsonObject]:
    code = context.concept(child(entry, "code"))
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
            "status": "cancelled" if _is_negated(entry) else status.get(_status(entry), "final"),
            "category": [_coded("observation-category", context.category)] if context.category else None,
            "code": code,
            "subject": context.patient,
            "effectiveDateTime": first_moment(child(entry, "effectiveTime")),
            **(values or {"dataAbsentReason": _coded("data-absent-reason", "unknown")}),
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


def _observations(entry: Element) -> Iterator[Element]:
    if local(entry) == "observation":
        yield entry
    else:
        yield from children(entry, "entryRelationship", "observation")


def _related(entry: Element, kind: str) -> Iterator[Element]:
    for relation in children(entry, "entryRelationship"):
        if relation.get("typeCode") == kind:
            yield from (one for one in relation if local(one) in ("observation", "act"))


def _clinical_status(observation: Element, entry: Element) -> str:
    for one in children(observation, "entryRelationship", "observation"):
        code, value = child(one, "code"), child(one, "value")
        is_status = code is not None and code.get("code") == STATUS_OBSERVATION
        if is_status and value is not None and value.get("code") in _CLINICAL:
            return _CLINICAL[value.get("code", "")]
    return "resolved" if _status(entry) == "completed" and local(entry) == "act" else "active"


def _severity(reaction: Element) -> str | None:
    for one in children(reaction, "entryRelationship", "observation"):
        value = child(one, "value")
        if value is not None and value.get("code") in SEVERITIES:
            return SEVERITIES[value.get("code", "")]
    return None


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


def _performers(entry: Element) -> list[JsonObject]:
    people = children(entry, "performer", "assignedEntity", "assignedPerson", "name")
    return [{"actor": {"display": name}} for one in people if (name := display_name(one))]


def _person(element: Element | None) -> JsonObject | None:
    name = display_name(element)
    return {"display": name} if name else None


def _coded(system: str, code: str) -> JsonObject:
    return {"coding": [{"system": _HL7 + system, "code": code}]}


def _status(entry: Element) -> str:
    status = child(entry, "statusCode")
    return (status.get("code") or "") if status is not None else ""


def _is_negated(entry: Element) -> bool:
    return bool(entry.get("negationInd") == "true")


def patient_of(role: Element | None) -> JsonObject:
    """Map the person whom a document is about."""
    person = child(role, "patient")
    gender = child(person, "administrativeGenderCode")
    names = [name for one in children(person, "name") if (name := name_of(one)) is not None]
    born = moment(child(person, "birthTime"))
    ids = identifiers(role)
    sexes = {"M": "male", "F": "female", "UN": "other"}
    found = {
        "resourceType": "Patient",
        "id": stable_id("Patient", *[f"{one['system']} {one['value']}" for one in ids[:1]], names, born),
        "identifier": ids,
        "name": names,
        "gender": sexes.get(gender.get("code", "")) if gender is not None else None,
        "birthDate": born[:10] if born else None,
    }
    return {name: value for name, value in found.items() if value}
