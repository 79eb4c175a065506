"""Groups of kinds of data that people know, for health records: FHIR has more than ninety types of resources."""

from collections.abc import Mapping
from enum import StrEnum

from privateshare.platform.consent.translation import N_
from privateshare.protocol.catalogue import ObjectType, ServiceGroup, catalogue


class KindGroup(StrEnum):
    """A group of kinds of health data. The values are part of forms."""

    CONDITIONS = "conditions"
    MEDICINES = "medicines"
    RESULTS = "results"
    VISITS = "visits"
    DOCUMENTS = "documents"
    INSURANCE = "insurance"
    MESSAGES = "messages"
    IDENTITY = "identity"


NAMES: Mapping[KindGroup, str] = {
    KindGroup.CONDITIONS: N_("Conditions and allergies"),
    KindGroup.MEDICINES: N_("Medicines and vaccinations"),
    KindGroup.RESULTS: N_("Results and measurements"),
    KindGroup.VISITS: N_("Visits and treatment"),
    KindGroup.DOCUMENTS: N_("Documents and other records"),
    KindGroup.INSURANCE: N_("Insurance and bills"),
    KindGroup.MESSAGES: N_("Messages"),
    KindGroup.IDENTITY: N_("You, and who treats you"),
}
_MEMBERS: Mapping[KindGroup, tuple[ObjectType, ...]] = {
    KindGroup.CONDITIONS: (
        *(ObjectType.CONDITION, ObjectType.ALLERGY_INTOLERANCE, ObjectType.FAMILY_MEMBER_HISTORY),
        *(ObjectType.ADVERSE_EVENT, ObjectType.FLAG, ObjectType.CLINICAL_IMPRESSION, ObjectType.DETECTED_ISSUE),
        *(ObjectType.RISK_ASSESSMENT, ObjectType.DIAGNOSIS, ObjectType.ALLERGY),
    ),
    KindGroup.MEDICINES: (
        *(ObjectType.MEDICATION_STATEMENT, ObjectType.MEDICATION_REQUEST, ObjectType.MEDICATION_DISPENSE),
        *(ObjectType.FHIR_MEDICATION, ObjectType.MEDICATION_ADMINISTRATION, ObjectType.MEDICATION_KNOWLEDGE),
        *(ObjectType.IMMUNIZATION, ObjectType.IMMUNIZATION_RECOMMENDATION, ObjectType.IMMUNIZATION_EVALUATION),
        *(ObjectType.NUTRITION_ORDER, ObjectType.VISION_PRESCRIPTION, ObjectType.PRESCRIPTION, ObjectType.MEDICATION),
        *(ObjectType.PRESCRIBED_ITEM, ObjectType.VACCINATION),
    ),
    KindGroup.RESULTS: (
        *(ObjectType.OBSERVATION, ObjectType.DIAGNOSTIC_REPORT, ObjectType.IMAGING_STUDY, ObjectType.FHIR_MEDIA),
        *(ObjectType.SPECIMEN, ObjectType.BODY_STRUCTURE, ObjectType.MOLECULAR_SEQUENCE, ObjectType.MEASURE_REPORT),
        *(ObjectType.QUESTIONNAIRE, ObjectType.QUESTIONNAIRE_RESPONSE, ObjectType.MEASUREMENT),
        *(ObjectType.DEVICE_METRIC,),
    ),
    KindGroup.VISITS: (
        *(ObjectType.ENCOUNTER, ObjectType.PROCEDURE, ObjectType.APPOINTMENT, ObjectType.APPOINTMENT_RESPONSE),
        *(ObjectType.EPISODE_OF_CARE, ObjectType.SERVICE_REQUEST, ObjectType.CARE_PLAN, ObjectType.CARE_TEAM),
        *(ObjectType.GOAL, ObjectType.REQUEST_GROUP, ObjectType.GUIDANCE_RESPONSE, ObjectType.SCHEDULE),
        *(ObjectType.SLOT, ObjectType.TASK, ObjectType.DEVICE, ObjectType.DEVICE_REQUEST),
        *(ObjectType.DEVICE_USE_STATEMENT, ObjectType.DEVICE_DEFINITION, ObjectType.SUPPLY_REQUEST),
        *(ObjectType.SUPPLY_DELIVERY, ObjectType.ADMISSION, ObjectType.ARRIVAL_AMBULATORY),
        *(ObjectType.ARRIVAL_PRIMARY_HEALTH, ObjectType.ARRIVAL_EMERGENCY),
    ),
    KindGroup.INSURANCE: (
        *(ObjectType.COVERAGE, ObjectType.CLAIM, ObjectType.CLAIM_RESPONSE, ObjectType.EXPLANATION_OF_BENEFIT),
        *(ObjectType.ACCOUNT, ObjectType.INVOICE, ObjectType.CHARGE_ITEM, ObjectType.PAYMENT_NOTICE),
        *(ObjectType.PAYMENT_RECONCILIATION, ObjectType.COVERAGE_ELIGIBILITY_REQUEST, ObjectType.INSURANCE_PLAN),
        *(ObjectType.COVERAGE_ELIGIBILITY_RESPONSE, ObjectType.ENROLLMENT_REQUEST, ObjectType.ENROLLMENT_RESPONSE),
    ),
    KindGroup.MESSAGES: (ObjectType.COMMUNICATION, ObjectType.COMMUNICATION_REQUEST),
    KindGroup.IDENTITY: (
        *(ObjectType.PATIENT, ObjectType.PERSON, ObjectType.RELATED_PERSON, ObjectType.PRACTITIONER),
        *(ObjectType.PRACTITIONER_ROLE, ObjectType.ORGANIZATION, ObjectType.LOCATION, ObjectType.HEALTHCARE_SERVICE),
        *(ObjectType.ENDPOINT, ObjectType.GROUP, ObjectType.ORGANIZATION_AFFILIATION),
    ),
}
_BY_KIND = {int(kind): group for group, kinds in _MEMBERS.items() for kind in kinds}


def kind_group(object_type: int) -> KindGroup | None:
    """Return the group of a kind of health data; None for other kinds, which need none."""
    entry = catalogue().object_types.get(object_type)
    if entry is None or entry.group != ServiceGroup.MEDICAL:
        return None
    return _BY_KIND.get(object_type, KindGroup.DOCUMENTS)
