"""Conversion of resources of DSTU2, STU3 and R5 to R4, the version that apps get.

Only what has another name or form in R4 is changed, as the transforms between versions that HL7 publishes do it. An
element that R4 does not have, and that says nothing of the person, is left out. What is converted is checked like any
other resource, so a resource of which required elements are missing stays unreadable.
"""

from collections.abc import Callable, Mapping
from typing import Any

from privateshare.sources.contract import JsonObject

_HL7 = "http://terminology.hl7.org/CodeSystem/"
NOT_DONE = "not-done"
RENAMED_TYPES: Mapping[str, str] = {
    "DeviceUsage": "DeviceUseStatement",
    "DiagnosticOrder": "ServiceRequest",
    "MedicationOrder": "MedicationRequest",
    "MedicationUsage": "MedicationStatement",
    "ProcedureRequest": "ServiceRequest",
    "ReferralRequest": "ServiceRequest",
}
ENCOUNTER_CLASSES: Mapping[str, str] = {
    "inpatient": "IMP",
    "outpatient": "AMB",
    "ambulatory": "AMB",
    "emergency": "EMER",
    "home": "HH",
    "field": "FLD",
    "daytime": "SS",
    "virtual": "VR",
}
ENCOUNTER_STATUSES: Mapping[str, str] = {
    "completed": "finished",
    "discharged": "finished",
    "discontinued": "cancelled",
    "on-hold": "onleave",
}


def converted(resource: JsonObject) -> JsonObject:
    """Return a resource of another version as R4 has it, as far as that is known. The resource is not changed."""
    found = dict(resource)
    kind = found["resourceType"] = RENAMED_TYPES.get(str(found["resourceType"]), str(found["resourceType"]))
    _rename(found, {"patient": "subject"} if kind in _SUBJECT_TYPES else {})
    if kind in _ENCOUNTER_TYPES:
        _rename(found, {"context": "encounter"})
    if kind in _CONVERTERS:
        _CONVERTERS[kind](found)
    return {name: value for name, value in found.items() if value is not None}


def _allergy(found: JsonObject) -> None:
    status = found.pop("status", None)  # DSTU2 has one status for both.
    if isinstance(status, str):
        is_clinical = status in ("active", "inactive", "resolved")
        found.setdefault("clinicalStatus" if is_clinical else "verificationStatus", status)
    _rename(found, {"assertedDate": "recordedDate", "substance": "code", "reporter": "asserter"})
    _statuses(found, "allergyintolerance-clinical", "allergyintolerance-verification")
    _participants(found)
    if isinstance(found.get("category"), str):
        found["category"] = [found["category"]]
    kind = found.get("type")
    if isinstance(kind, dict):
        found["type"] = _first_code(kind)
    onset = found.get("onset")
    if isinstance(onset, str):
        _rename(found, {"onset": "onsetDateTime"})
    for reaction in _objects(found.get("reaction")):
        reaction.pop("certainty", None)


def _condition(found: JsonObject) -> None:
    _rename(found, {"assertedDate": "recordedDate", "dateRecorded": "recordedDate"})
    _statuses(found, "condition-clinical", "condition-ver-status")
    _participants(found)
    _make_lists(found, "category", "stage", "bodySite")
    for evidence in _objects(found.get("evidence")):
        _make_lists(evidence, "code")


def _diagnostic_report(found: JsonObject) -> None:
    _rename(found, {"codedDiagnosis": "conclusionCode", "image": "media"})
    _make_lists(found, "category", "performer")
    performers = found.get("performer")
    if isinstance(performers, list):
        found["performer"] = [one.get("actor", one) if isinstance(one, dict) else one for one in performers]


def _encounter(found: JsonObject) -> None:
    _rename(found, {"incomingReferral": "basedOn", "actualPeriod": "period", "admission": "hospitalization"})
    what = found.get("class")
    if isinstance(what, str):
        found["class"] = {"system": f"{_HL7}v3-ActCode", "code": ENCOUNTER_CLASSES.get(what, what), "display": what}
    elif isinstance(what, list):
        codings = [coding for one in _objects(what) for coding in _objects(one.get("coding"))]
        found["class"] = codings[0] if codings else None
    if found.get("status") in ENCOUNTER_STATUSES:
        found["status"] = ENCOUNTER_STATUSES[found["status"]]
    reasons = _objects(found.pop("reason", None))
    values = [value for one in reasons for value in _objects(one.get("value"))] if _are_r5(reasons) else []
    if values:
        _split_reasons(found, values)
    elif reasons:
        found["reasonCode"] = reasons
    indications = found.pop("indication", None)
    if indications and "diagnosis" not in found:
        found["diagnosis"] = [{"condition": one} for one in _objects(indications)]
    for diagnosis in _objects(found.get("diagnosis")):
        _rename(diagnosis, {"role": "use"})
        condition = diagnosis.get("condition")
        if isinstance(condition, list):  # R5 has a list of concepts or references, and R4 one reference.
            references = [one["reference"] for one in _objects(condition) if isinstance(one.get("reference"), dict)]
            concepts = [one.get("concept") or {} for one in _objects(condition)]
            texts = [concept.get("text") or _first_code(concept) for concept in concepts]
            diagnosis["condition"] = references[0] if references else {"display": next(filter(None, texts), "unknown")}
        if isinstance(diagnosis.get("use"), list):
            diagnosis["use"] = next(iter(diagnosis["use"]), None)
    for participant in _objects(found.get("participant")):
        _rename(participant, {"actor": "individual"})
    services = found.get("serviceType")
    if isinstance(services, list):
        found["serviceType"] = next((one["concept"] for one in _objects(services) if "concept" in one), None)


def _immunization(found: JsonObject) -> None:
    negated = [found.pop(name, None) is True for name in ("notGiven", "wasNotGiven")]
    if any(negated):
        found["status"] = NOT_DONE
    _rename(found, {"date": "occurrenceDateTime"})
    explanation = found.pop("explanation", None)
    if isinstance(explanation, dict):
        if explanation.get("reason"):
            found.setdefault("reasonCode", explanation["reason"])
        refused = _objects(explanation.get("reasonNotGiven"))
        if refused:
            found.setdefault("statusReason", refused[0])
    performers = _objects(found.pop("practitioner", None))
    if performers:
        found["performer"] = [_with(one, {"role": "function"}) for one in performers]
    elif isinstance(found.get("performer"), dict):
        found["performer"] = [{"actor": found["performer"]}]
    _rename(found, {"vaccinationProtocol": "protocolApplied"})
    for protocol in _objects(found.get("protocolApplied")):
        _rename(protocol, {"doseSequence": "doseNumberPositiveInt", "doseNumber": "doseNumberString"})
        _rename(protocol, {"seriesDoses": "seriesDosesPositiveInt"})
        if isinstance(protocol.get("seriesDosesPositiveInt"), str):
            _rename(protocol, {"seriesDosesPositiveInt": "seriesDosesString"})
        for name in ("doseStatus", "doseStatusReason", "description"):
            protocol.pop(name, None)
        if "doseNumberPositiveInt" not in protocol and "doseNumberString" not in protocol:
            protocol["doseNumberString"] = "unknown"  # R4 requires one.
    maker = found.get("manufacturer")
    if isinstance(maker, dict) and ("concept" in maker or isinstance(maker.get("reference"), dict)):
        found["manufacturer"] = maker.get("reference") or {"display": _first_code(maker["concept"])}
    if isinstance(found.get("reason"), list):
        _split_reasons(found, _objects(found.pop("reason")))


def _medication_request(found: JsonObject) -> None:
    _rename(found, {"dateWritten": "authoredOn", "prescriber": "requester", "dateEnded": "ended"})
    found.pop("ended", None)
    requester = found.get("requester")
    if isinstance(requester, dict) and isinstance(requester.get("agent"), dict):
        found["requester"] = requester["agent"]
    found.setdefault("intent", "order")
    substitution = found.get("substitution")
    if isinstance(substitution, dict):
        _rename(substitution, {"allowed": "allowedBoolean"})
    _medication(found)
    _reasons(found)
    _dosages(found, "dosageInstruction")


def _medication_statement(found: JsonObject) -> None:
    taken, negated = found.pop("taken", None), found.pop("wasNotTaken", None)
    if taken == "n" or negated is True:
        found["status"] = "not-taken"
    elif found.get("status") == "recorded":
        found["status"] = "unknown"  # R5 says how it was taken in another element.
    _rename(found, {"encounter": "context", "reasonNotTaken": "statusReason"})
    uses = found.pop("reasonForUseCodeableConcept", None)
    if isinstance(uses, dict):
        found["reasonCode"] = [uses]
    _medication(found)
    _reasons(found)
    _dosages(found, "dosage")


def _medication_dispense(found: JsonObject) -> None:
    if found.pop("notDone", None) is True:
        found["status"] = "declined"
    _rename(found, {"encounter": "context", "notPerformedReason": "statusReasonCodeableConcept"})
    _rename(found, {f"notDoneReason{kind}": f"statusReason{kind}" for kind in ("CodeableConcept", "Reference")})
    refused = found.get("statusReasonCodeableConcept")
    if isinstance(refused, dict) and ("concept" in refused or "reference" in refused):
        found["statusReasonCodeableConcept"] = refused.get("concept")
    for performer in _objects(found.get("performer")):
        performer.pop("onBehalfOf", None)
    _medication(found)
    _dosages(found, "dosageInstruction")


def _observation(found: JsonObject) -> None:
    comment = found.pop("comment", None) or found.pop("comments", None)
    if isinstance(comment, str):
        found["note"] = [*_objects(found.get("note")), {"text": comment}]
    _make_lists(found, "category", "interpretation")
    for component in _objects(found.get("component")):
        _make_lists(component, "interpretation")
    for related in _objects(found.pop("related", None)):
        target, kind = related.get("target"), related.get("type")
        if isinstance(target, dict):
            name = "derivedFrom" if kind == "derived-from" else "hasMember"
            found[name] = [*_objects(found.get(name)), target]
    found.pop("triggeredBy", None)


def _patient(found: JsonObject) -> None:
    found.pop("animal", None)
    _rename(found, {"careProvider": "generalPractitioner"})


def _procedure(found: JsonObject) -> None:
    negated = [found.pop(name, None) is True for name in ("notDone", "notPerformed")]
    if any(negated):
        found["status"] = NOT_DONE
    _rename(found, {"notDoneReason": "statusReason", "request": "basedOn", "reported": "reportedBoolean"})
    if isinstance(found.get("reasonNotPerformed"), list):
        found.setdefault("statusReason", next(iter(found.pop("reasonNotPerformed")), None))
    for kind in ("DateTime", "Period", "String", "Age", "Range"):
        _rename(found, {f"occurrence{kind}": f"performed{kind}"})
    _make_lists(found, "basedOn")
    for performer in _objects(found.get("performer")):
        _rename(performer, {"role": "function"})
    _reasons(found)


def _device_use(found: JsonObject) -> None:
    device = found.get("device")
    if isinstance(device, dict) and ("concept" in device or isinstance(device.get("reference"), dict)):
        found["device"] = device.get("reference") or {"display": _first_code(device.get("concept") or {}) or "unknown"}
    _rename(found, {"dateAsserted": "recordedOn", "context": "derivedFrom"})
    _reasons(found)


def _service_request(found: JsonObject) -> None:
    found.setdefault("intent", "order")
    requester = found.get("requester")
    if isinstance(requester, dict) and isinstance(requester.get("agent"), dict):
        found["requester"] = requester["agent"]
    code = found.get("code")
    if isinstance(code, dict) and ("concept" in code or "reference" in code):
        found["code"] = code.get("concept")
    items = _objects(found.pop("item", None))  # A DiagnosticOrder of DSTU2 has a list of them.
    if items and "code" not in found:
        found["code"] = next((one["code"] for one in items if isinstance(one.get("code"), dict)), None)
    _rename(found, {"orderer": "requester", "dateSent": "authoredOn", "date": "authoredOn"})
    _make_lists(found, "performer")
    _reasons(found)


def _medication(found: JsonObject) -> None:
    """Convert the medication of R5, which is a concept or a reference in one element."""
    medication = found.pop("medication", None)
    if isinstance(medication, dict):
        if isinstance(medication.get("concept"), dict):
            found["medicationCodeableConcept"] = medication["concept"]
        elif isinstance(medication.get("reference"), dict):
            found["medicationReference"] = medication["reference"]


def _reasons(found: JsonObject) -> None:
    """Convert the reasons of DSTU2 (one of two kinds) and R5 (a list of both)."""
    concept = found.pop("reasonCodeableConcept", None)
    if isinstance(concept, dict):
        found["reasonCode"] = [concept]
    if isinstance(found.get("reasonReference"), dict):
        found["reasonReference"] = [found["reasonReference"]]
    reason = found.get("reason")
    if isinstance(reason, list):
        _split_reasons(found, _objects(found.pop("reason")))


def _split_reasons(found: JsonObject, values: list[JsonObject]) -> None:
    concepts = [one["concept"] for one in values if isinstance(one.get("concept"), dict)]
    references = [one["reference"] for one in values if isinstance(one.get("reference"), dict)]
    plain = [one for one in values if "concept" not in one and "reference" not in one]
    if concepts or plain:
        found["reasonCode"] = [*concepts, *plain]
    if references:
        found["reasonReference"] = references


def _dosages(found: JsonObject, name: str) -> None:
    """Convert dosages: R4 has the dose and the rate in a list, and when it is needed in one of two elements."""
    for dosage in _objects(found.get(name)):
        _rename(dosage, {"quantityQuantity": "doseQuantity", "quantityRange": "doseRange"})
        dose = {
            field: dosage.pop(field)
            for field in ("doseQuantity", "doseRange", "rateRatio", "rateRange", "rateQuantity")
            if field in dosage
        }
        if dose and "doseAndRate" not in dosage:
            dosage["doseAndRate"] = [dose]
        needed = _objects(dosage.pop("asNeededFor", None))
        if needed:
            dosage.pop("asNeeded", None)
            dosage["asNeededCodeableConcept"] = needed[0]
        _rename(dosage, {"asNeeded": "asNeededBoolean"})
        limits = dosage.get("maxDosePerPeriod")
        if isinstance(limits, list):
            dosage["maxDosePerPeriod"] = next(iter(limits), None)
        for field in ("siteReference",):
            dosage.pop(field, None)


def _statuses(found: JsonObject, clinical: str, verification: str) -> None:
    """Make concepts of statuses, which were codes until R4."""
    for name, system in (("clinicalStatus", clinical), ("verificationStatus", verification)):
        if isinstance(found.get(name), str):
            found[name] = {"coding": [{"system": _HL7 + system, "code": found[name]}]}


def _participants(found: JsonObject) -> None:
    """Convert the participants of R5, by what they did: who wrote it down, and who said it."""
    for participant in _objects(found.pop("participant", None)):
        actor, function = participant.get("actor"), _first_code(participant.get("function") or {})
        if isinstance(actor, dict):
            found.setdefault("recorder" if function in ("author", "enterer", "transcriber") else "asserter", actor)


def _are_r5(reasons: list[JsonObject]) -> bool:
    return any("value" in one for one in reasons)


def _first_code(concept: JsonObject) -> str | None:
    """Return the first code or text of a concept."""
    codings = _objects(concept.get("coding")) if isinstance(concept, dict) else []
    return next((str(one["code"]) for one in codings if one.get("code")), concept.get("text"))


def _make_lists(found: JsonObject, *names: str) -> None:
    for name in names:
        if isinstance(found.get(name), dict):
            found[name] = [found[name]]


def _rename(found: JsonObject, names: Mapping[str, str]) -> None:
    """Rename elements, unless the new name is there already."""
    for old, new in names.items():
        if old in found:
            value = found.pop(old)
            found.setdefault(new, value)
        if f"_{old}" in found:  # The extensions of a primitive element.
            found.setdefault(f"_{new}", found.pop(f"_{old}"))


def _with(one: JsonObject, names: Mapping[str, str]) -> JsonObject:
    _rename(one, names)
    return one


def _objects(value: Any) -> list[JsonObject]:
    """Return the objects of a list, or a single object as a list."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


_SUBJECT_TYPES = frozenset(
    {
        "Condition",
        "DeviceUseStatement",
        "DiagnosticReport",
        "Encounter",
        "MedicationRequest",
        "MedicationStatement",
        "MedicationDispense",
    }
    | {"Observation", "Procedure", "ServiceRequest"}
)
_ENCOUNTER_TYPES = frozenset(
    {"Condition", "DiagnosticReport", "MedicationRequest", "Observation", "Procedure", "ServiceRequest"}
)
_CONVERTERS: Mapping[str, Callable[[JsonObject], None]] = {
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "DeviceUseStatement": _device_use,
    "DiagnosticReport": _diagnostic_report,
    "Encounter": _encounter,
    "Immunization": _immunization,
    "MedicationDispense": _medication_dispense,
    "MedicationRequest": _medication_request,
    "MedicationStatement": _medication_statement,
    "Observation": _observation,
    "Patient": _patient,
    "Procedure": _procedure,
    "ServiceRequest": _service_request,
}
