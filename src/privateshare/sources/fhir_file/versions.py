"""Detection of FHIR R4. Files do not state their version, so it is inferred from elements of other versions."""

from collections.abc import Mapping

from privateshare.sources.contract import JsonObject

# Resource types of DSTU2 and STU3, and then of R5, that do not exist in R4.
OTHER_TYPES = frozenset(
    {"BodySite", "DeviceComponent", "DiagnosticOrder", "EligibilityRequest", "EligibilityResponse"}
    | {"ImagingManifest", "ImagingObjectSelection", "MedicationOrder", "Order", "OrderResponse", "ProcedureRequest"}
    | {"ProcessRequest", "ProcessResponse", "ReferralRequest", "Sequence"}
    | {"BiologicallyDerivedProductDispense", "DeviceAssociation", "DeviceDispense", "DeviceUsage", "EncounterHistory"}
    | {"FormularyItem", "GenomicStudy", "ImagingSelection", "InventoryItem", "NutritionIntake"}
    | {"Permission", "RequestOrchestration", "Transport"}
)
# Elements that exist only in other versions, those of older versions first.
OTHER_MEMBERS: Mapping[str, frozenset[str]] = {
    "AllergyIntolerance": frozenset({"assertedDate", "substance", "participant"}),
    "Condition": frozenset({"assertedDate", "context", "dateRecorded", "participant"}),
    "DiagnosticReport": frozenset({"codedDiagnosis", "context", "image"}),
    "Encounter": frozenset({"incomingReferral", "indication", "reason", "actualPeriod", "admission"}),
    "Immunization": frozenset({"date", "explanation", "notGiven", "vaccinationProtocol", "wasNotGiven"}),
    "MedicationDispense": frozenset({"notDone", "medication"}),
    "MedicationRequest": frozenset({"context", "medication"}),
    "MedicationStatement": frozenset({"taken", "wasNotTaken", "medication"}),
    "Observation": frozenset({"comment", "comments", "context", "related", "triggeredBy"}),
    "Patient": frozenset({"animal", "careProvider"}),
    "Procedure": frozenset({"context", "notDone", "notPerformed", "occurrenceDateTime", "occurrencePeriod"}),
}
# Elements that R4 requires, or that have other names in other versions. One name of each group must be present.
R4_MEMBERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "AllergyIntolerance": (("patient",), ("code",)),
    "Condition": (("subject",),),
    "DeviceUseStatement": (("status",), ("subject",), ("device",)),
    "DiagnosticReport": (("status",), ("code",)),
    "Encounter": (("status",), ("class",)),
    "Immunization": (("status",), ("vaccineCode",), ("patient",), ("occurrenceDateTime", "occurrenceString")),
    "MedicationDispense": (("status",), ("medicationCodeableConcept", "medicationReference")),
    "MedicationRequest": (("status",), ("subject",), ("medicationCodeableConcept", "medicationReference")),
    "MedicationStatement": (("status",), ("subject",), ("medicationCodeableConcept", "medicationReference")),
    "Observation": (("status",), ("code",)),
    "Patient": (),
    "Procedure": (
        ("status",),
        ("subject",),
        ("performedDateTime", "performedPeriod", "performedString", "performedAge", "performedRange"),
    ),
    "ServiceRequest": (("status",), ("intent",), ("subject",)),
}
PARTICIPANTS = frozenset({"AllergyIntolerance", "Condition"})  # In R5, these have participants instead of an asserter.
OPTIONAL_MEMBER = "performedDateTime"  # R4 does not require it, but only R4 has it.
# Elements that are objects in R4, but texts or lists in other versions.
R4_OBJECTS: Mapping[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("clinicalStatus", "verificationStatus"),
    "Condition": ("clinicalStatus", "verificationStatus"),
    "Encounter": ("class",),
}
# Values that mean "not done" in other versions. R4 has this in `status`.
NEGATIONS: Mapping[str, object] = {
    "notGiven": True,
    "wasNotGiven": True,
    "wasNotTaken": True,
    "notDone": True,
    "notPerformed": True,
    "taken": "n",
}


def is_r4(resource: JsonObject) -> bool:
    """Return whether a resource is FHIR R4, or can be read as R4.

    Some systems leave elements of older versions in resources that they converted to R4. Such a resource counts as R4
    if it has all required elements of R4, and no old element contradicts them.
    """
    kind = resource["resourceType"]
    if kind in OTHER_TYPES or _says_who_in_another_way(resource):
        return False
    if any(not isinstance(resource.get(name), dict | None) for name in R4_OBJECTS.get(kind, ())):
        return False
    others = {name for name in OTHER_MEMBERS.get(kind, ()) if resource.get(name) is not None}
    if any(NEGATIONS.get(name) == resource[name] for name in others):
        return False
    return not others or all(not resource.keys().isdisjoint(names) for names in R4_MEMBERS[kind])


def _says_who_in_another_way(resource: JsonObject) -> bool:
    """Return whether it says who asserted or requested something only as STU3 and R5 do, where apps would not look."""
    requester = resource.get("requester")
    has_agent = isinstance(requester, dict) and isinstance(requester.get("agent"), dict)
    has_participants = resource["resourceType"] in PARTICIPANTS and isinstance(resource.get("participant"), list)
    return has_agent or has_participants


def is_complete_r4(resource: JsonObject) -> bool:
    """Return whether a converted resource is R4, and has all elements that R4 requires."""
    required = [names for names in R4_MEMBERS.get(resource["resourceType"], ()) if OPTIONAL_MEMBER not in names]
    return is_r4(resource) and all(not resource.keys().isdisjoint(names) for names in required)
