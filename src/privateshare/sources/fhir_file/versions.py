"""Telling FHIR R4 from older and newer versions, which no file names: by what only those have."""

from collections.abc import Mapping

from privateshare.sources.contract import JsonObject

# resource types of DSTU2 and STU3, then of R5, that R4 does not have
OTHER_TYPES = frozenset(
    {"BodySite", "DeviceComponent", "DiagnosticOrder", "EligibilityRequest", "EligibilityResponse"}
    | {"ImagingManifest", "ImagingObjectSelection", "MedicationOrder", "Order", "OrderResponse", "ProcedureRequest"}
    | {"ProcessRequest", "ProcessResponse", "ReferralRequest", "Sequence"}
    | {"BiologicallyDerivedProductDispense", "DeviceAssociation", "DeviceDispense", "DeviceUsage", "EncounterHistory"}
    | {"FormularyItem", "GenomicStudy", "ImagingSelection", "InventoryItem", "NutritionIntake"}
    | {"Permission", "RequestOrchestration", "Transport"}
)
# fields that these types have in other versions only, older ones first
OTHER_FIELDS: Mapping[str, frozenset[str]] = {
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


def is_r4(resource: JsonObject) -> bool:
    """Whether nothing about a resource shows that it is of another version than R4."""
    kind = resource["resourceType"]
    # a word in older versions, a concept since R4
    if kind in ("AllergyIntolerance", "Condition") and isinstance(resource.get("clinicalStatus"), str):
        return False
    return kind not in OTHER_TYPES and OTHER_FIELDS.get(kind, frozenset()).isdisjoint(resource)
