"""A hospital to test with: a FHIR server and the authorization server before it, as a process of its own."""

TYPES = (
    *("Patient", "AllergyIntolerance", "Condition", "Immunization", "MedicationRequest", "Observation"),
    *("Procedure", "DiagnosticReport", "Encounter", "CarePlan", "CareTeam", "Goal", "Device"),
)
"""The resource types that it has."""
