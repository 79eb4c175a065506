"""The procedures, encounters and family history of CDA documents, and the patient, as FHIR resources."""

from collections.abc import Iterator

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.cda_context import HL7, Context, performers, related, says_not, status_of
from privateshare.sources.fhir_file.cda_values import (
    Element,
    child,
    children,
    display_name,
    identifiers,
    local,
    moment,
    name_of,
    period,
    quantity,
)
from privateshare.sources.object_building import stable_id


def procedures(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map a procedure, or an observation or act in its place."""
    code, time = context.code_of(entry), child(entry, "effectiveTime")
    if code is None or entry.get("moodCode") not in ("EVN", None):
        return
    done = {"completed": "completed", "aborted": "stopped", "cancelled": "not-done", "active": "in-progress"}
    span = period(time)
    yield context.resource(
        "Procedure",
        entry,
        {
            "status": "not-done" if says_not(entry) else done.get(status_of(entry), "unknown"),
            "code": code,
            "subject": context.patient,
            "performedDateTime": moment(time) if span is None else None,
            "performedPeriod": span,
            "bodySite": [site for one in children(entry, "targetSiteCode") if (site := context.concept(one))],
            "performer": performers(entry),
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
    kind = context.code_of(entry)
    places = children(entry, "participant", "participantRole", "playingEntity", "name")
    doctors = children(entry, "performer", "assignedEntity", "assignedPerson", "name")
    fields = {
        "status": "finished",
        "class": {"system": f"{HL7}v3-ActCode", "code": act}
        if act
        else {"system": f"{HL7}v3-NullFlavor", "code": "UNK"},
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
        if code is not None and not says_not(observation):
            onset = next(
                (context_age for one in related(observation, "SUBJ") if (context_age := quantity(child(one, "value")))),
                None,
            )
            conditions.append({"code": code} | ({"onsetAge": onset} if onset else {}))
    if relation is None or not conditions:
        return
    fields = {"status": "completed", "patient": context.patient, "relationship": relation, "condition": conditions}
    yield context.resource("FamilyMemberHistory", entry, fields)


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
