"""Telling FHIR R4 from older and newer versions, which no file names: by what only those have."""

from collections.abc import Mapping

from privateshare.sources.contract import JsonObject

# Resource types of DSTU2 and STU3, then of R5, that R4 does not have.
OTHER_TYPES = frozenset(
    {"BodySite", "DeviceComponent", "DiagnosticOrder", "EligibilityRequest", "EligibilityResponse"}
    | {"ImagingManifest", "ImagingObjectSelection", "MedicationOrder", "Order", "OrderResponse", "ProcedureRequest"}
    | {"ProcessRequest", "ProcessResponse", "ReferralRequest", "Sequence"}
    | {"BiologicallyDerivedProductDispense", "DeviceAssociation", "DeviceDispense", "DeviceUsage", "EncounterHistory"}
    | {"FormularyItem", "GenomicStudy", "ImagingSelection", "InventoryItem", "NutritionIntake"}
    | {"Permission", "RequestOrchestration", "Transport"}
)
# Members that these types have in other versions only, older ones first.
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
# What R4 requires of these types, or has in the place of what the other versions call otherwise; any of several names.
R4_MEMBERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "AllergyIntolerance": (("patient",), ("code",)),
    "Condition": (("subject",),),
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
}
# A word or a list in other versions, an object in R4.
R4_OBJECTS: Mapping[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("clinicalStatus", "verificationStatus"),
    "Condition": ("clinicalStatus", "verificationStatus"),
    "Encounter": ("class",),
}
# What says in other versions that something was not done; R4 says it in `status`.
NEGATIONS: Mapping[str, object] = {
    "notGiven": True,
    "wasNotGiven": True,
    "wasNotTaken": True,
    "notDone": True,
    "notPerformed": True,
    "taken": "n",
}


def is_r4(resource: JsonObject) -> bool:
    """Whether a resource is R4, or reads like it.

    Some systems leave members of older versions in resources that they otherwise changed to R4. Such a resource is R4
    if it has all that R4 requires, and nothing in it says the contrary of what R4 would read.
    """
    kind = resource["resourceType"]
    if kind in OTHER_TYPES:
        return False
    if any(not isinstance(resource.get(name), dict | None) for name in R4_OBJECTS.get(kind, ())):
        return False
    others = {name for name in OTHER_MEMBERS.get(kind, ()) if resource.get(name) is not None}
    if any(NEGATIONS.get(name) == resource[name] for name in others):
        return False
    return not others or all(not resource.keys().isdisjoint(names) for names in R4_MEMBERS[kind])
