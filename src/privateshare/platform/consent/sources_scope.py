"""The meaning of a link's `sourcesScope`: which sources have the kinds of medical data that it names. Protocol 8.2.

Clients name data types and organization types as the Dutch health records do. The catalogue knows object types and
no organizations: so a data type stands for object types, and an organization type for any source of medical data.
"""

from collections.abc import Iterable

from privateshare.platform.consent.link_parameters import SourcesScope
from privateshare.protocol.catalogue import ObjectType as T
from privateshare.protocol.catalogue import ServiceGroup

MEDICATION = {
    T.PRESCRIPTION, T.MEDICATION, T.PRESCRIBED_ITEM, T.MEDICATION_REQUEST, T.MEDICATION_DISPENSE,
    T.MEDICATION_STATEMENT, T.MEDICATION_ADMINISTRATION, T.FHIR_MEDICATION,
}  # fmt: skip
MEASUREMENTS = {T.MEASUREMENT, T.OBSERVATION}
INTOLERANCES = {T.ALLERGY, T.ALLERGY_INTOLERANCE}
VACCINATIONS = {T.VACCINATION, T.IMMUNIZATION}
SUMMARY = MEDICATION | MEASUREMENTS | INTOLERANCES | VACCINATIONS | {
    T.PATIENT, T.DIAGNOSIS, T.CONDITION, T.PROCEDURE, T.ENCOUNTER, T.EPISODE_OF_CARE, T.CARE_PLAN, T.CARE_TEAM,
    T.FAMILY_MEMBER_HISTORY, T.DIAGNOSTIC_REPORT, T.DEVICE, T.FLAG, T.CONSENT, T.COVERAGE, T.NUTRITION_ORDER,
}  # fmt: skip

DATA_TYPES: dict[str, set[T]] = {
    "medication-information": MEDICATION,
    "laboratory-results": {*MEASUREMENTS, T.DIAGNOSTIC_REPORT, T.SPECIMEN},
    "appointments": {T.APPOINTMENT, T.APPOINTMENT_RESPONSE, T.SCHEDULE, T.SLOT},
    "patient-summary-hospital-data": SUMMARY | {T.ADMISSION, T.ARRIVAL_AMBULATORY, T.ARRIVAL_EMERGENCY},
    "gp-data": SUMMARY | {T.ARRIVAL_PRIMARY_HEALTH, T.COMPOSITION},
    "mental-health-patient-summary": SUMMARY,
    "longterm-healthcare-patient-summary": SUMMARY,
    "integral-birth-care-process": SUMMARY,
    "documents": {T.DOCUMENT_REFERENCE, T.DOCUMENT_MANIFEST, T.COMPOSITION, T.BINARY},
    "measurements-vital-signs": MEASUREMENTS,
    "allergy-intolerances": INTOLERANCES,
    "medication-related-intolerances": INTOLERANCES | {T.DETECTED_ISSUE},
    "images": {T.IMAGING_STUDY, T.FHIR_MEDIA},
    "referral-to-questionnaire": {T.QUESTIONNAIRE, T.TASK},
    "questionnaire-response": {T.QUESTIONNAIRE_RESPONSE},
    "patient-corrections-request": {T.TASK, T.COMMUNICATION_REQUEST},
    "vaccinations": VACCINATIONS,
}


def in_sources_scope(scope: SourcesScope | None, group: int, kinds: Iterable[int]) -> bool:
    """Tell whether a source of this service group, of which the contract may read these object types, is in scope.

    An unknown data type matches no source, so that a scope never offers more than it names.
    """
    if scope is None:
        return True
    if scope.organization_type is not None and group != ServiceGroup.MEDICAL:
        return False
    wanted: set[int] = set().union(*(DATA_TYPES.get(name, set()) for name in scope.data_type))
    return not scope.data_type or not wanted.isdisjoint(kinds)
