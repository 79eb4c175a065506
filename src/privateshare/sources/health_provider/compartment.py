"""The resource types that are about a patient, and by which parameter they are searched.

FHIR R4, compartment of the patient; the parameters of other versions are there where they differ. What has no such
parameter, such as Practitioner, is not about the patient.
"""

from collections.abc import Mapping, Sequence

from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.fhir_server.search import OTHER_PARAMETERS, USUAL_PARAMETERS
from privateshare.sources.health_provider.discovery import SmartServer, TypeAbility

PATIENT = "Patient"

SEARCHED = (
    *("Account", "AllergyIntolerance", "Appointment", "AppointmentResponse", "AuditEvent", "Basic", "BodyStructure"),
    *("CarePlan", "CareTeam", "ChargeItem", "Claim", "ClaimResponse", "ClinicalImpression", "Communication"),
    *("CommunicationRequest", "Composition", "Condition", "Consent", "Coverage", "CoverageEligibilityRequest"),
    *("CoverageEligibilityResponse", "DetectedIssue", "Device", "DeviceRequest", "DeviceUseStatement"),
    *("DiagnosticReport", "DocumentManifest", "DocumentReference", "Encounter", "EnrollmentRequest", "EpisodeOfCare"),
    *("ExplanationOfBenefit", "FamilyMemberHistory", "Flag", "Goal", "Group", "ImagingStudy", "Immunization"),
    *("ImmunizationEvaluation", "ImmunizationRecommendation", "Invoice", "List", "MeasureReport", "Media"),
    *("MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement"),
    *("MolecularSequence", "NutritionOrder", "Observation", "Person", "Procedure", "Provenance"),
    *("QuestionnaireResponse", "RelatedPerson", "RequestGroup", "ResearchSubject", "RiskAssessment", "Schedule"),
    *("ServiceRequest", "Specimen", "SupplyDelivery", "SupplyRequest", "Task", "VisionPrescription", "AdverseEvent"),
)
"""The types of the patient's compartment, without the patient."""

# Types with other names, as R4 calls them, that servers of other versions have.
NAMES_OF_OTHER_VERSIONS: Mapping[str, Sequence[str]] = {
    "DeviceUseStatement": ("DeviceUsage",),
    "ServiceRequest": ("ProcedureRequest", "ReferralRequest"),
}

COMPARTMENT: Mapping[str, int] = {name: OBJECT_TYPES[name] for name in (PATIENT, *SEARCHED)}
"""The object types of the compartment's resource types."""


def searches_of(server: SmartServer, resource_type: str) -> Sequence[tuple[str, str]]:
    """Return how a server is searched for a type: pairs of the type's name there, and of the parameter.

    There is none if the server says that it does not have the type, or finds it by none of these parameters.
    """
    found = []
    for name in (resource_type, *NAMES_OF_OTHER_VERSIONS.get(resource_type, ())):
        if not server.types and name != resource_type:
            continue
        ability = server.types.get(name) if server.types else TypeAbility()
        if ability is not None and ability.searches:
            known = OTHER_PARAMETERS.get(resource_type, USUAL_PARAMETERS)
            usable = [one for one in known if one in ability.parameters or not ability.parameters]
            found += [(name, one) for one in usable[:1]]
    return found
