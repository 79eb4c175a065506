"""When an object happened: what decides its month's file, and whether a time range holds it. Protocol 5.2, 6.6."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

DIGIME = "digime"
FHIR = "fhir"

# What each FHIR R4 resource type calls the moment that it is about, best first. Types that are not here are about no
# moment: a patient, a practitioner, a device.
FHIR_TIMES: Mapping[str, tuple[str, ...]] = {
    "AdverseEvent": ("date", "detected", "recordedDate"),
    "AllergyIntolerance": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "Appointment": ("start", "created"),
    "AppointmentResponse": ("start",),
    "AuditEvent": ("recorded",),
    "CarePlan": ("period", "created"),
    "CareTeam": ("period",),
    "ChargeItem": ("occurrenceDateTime", "occurrencePeriod", "enteredDate"),
    "Claim": ("billablePeriod", "created"),
    "ClaimResponse": ("created",),
    "ClinicalImpression": ("effectiveDateTime", "effectivePeriod", "date"),
    "Communication": ("sent", "received"),
    "CommunicationRequest": ("occurrenceDateTime", "occurrencePeriod", "authoredOn"),
    "Composition": ("date",),
    "Condition": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "Consent": ("dateTime",),
    "Coverage": ("period",),
    "CoverageEligibilityRequest": ("created",),
    "CoverageEligibilityResponse": ("created",),
    "DetectedIssue": ("identifiedDateTime", "identifiedPeriod"),
    "DeviceRequest": ("occurrenceDateTime", "occurrencePeriod", "authoredOn"),
    "DeviceUseStatement": ("timingDateTime", "timingPeriod", "recordedOn"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod", "issued"),
    "DocumentManifest": ("created",),
    "DocumentReference": ("date", "context.period"),
    "Encounter": ("period",),
    "EpisodeOfCare": ("period",),
    "ExplanationOfBenefit": ("billablePeriod", "created"),
    "FamilyMemberHistory": ("date",),
    "Flag": ("period",),
    "Goal": ("startDate", "statusDate"),
    "ImagingStudy": ("started",),
    "Immunization": ("occurrenceDateTime", "recorded"),
    "ImmunizationEvaluation": ("date",),
    "ImmunizationRecommendation": ("date",),
    "Invoice": ("date",),
    "List": ("date",),
    "Media": ("createdDateTime", "createdPeriod", "issued"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "NutritionOrder": ("dateTime",),
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued"),
    "PaymentNotice": ("created",),
    "PaymentReconciliation": ("created",),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Provenance": ("occurredDateTime", "occurredPeriod", "recorded"),
    "QuestionnaireResponse": ("authored",),
    "RiskAssessment": ("occurrenceDateTime", "occurrencePeriod"),
    "ServiceRequest": ("occurrenceDateTime", "occurrencePeriod", "authoredOn"),
    "Slot": ("start",),
    "Specimen": ("collection.collectedDateTime", "receivedTime"),
    "SupplyDelivery": ("occurrenceDateTime", "occurrencePeriod"),
    "SupplyRequest": ("occurrenceDateTime", "occurrencePeriod", "authoredOn"),
    "Task": ("authoredOn", "lastModified"),
    "VisionPrescription": ("dateWritten", "created"),
}

_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)


def object_time(standard: str, thing: Mapping[str, Any]) -> int | None:
    """The moment of an object in milliseconds since the epoch, or None if it is about no moment.

    Objects of schema `digime` say it in `createddate`; FHIR resources each in their own place. A FHIR date that names
    only a year, a month or a day counts as its first moment, and one without a zone as UTC.
    """
    if standard == FHIR:
        return _fhir_time(thing)
    created = thing.get("createddate")
    return int(created) if isinstance(created, int | float) and not isinstance(created, bool) else None


def _fhir_time(resource: Mapping[str, Any]) -> int | None:
    for path in FHIR_TIMES.get(str(resource.get("resourceType")), ()):
        moment = _fhir_moment(_at(resource, path))
        if moment is not None:
            return moment
    return None


def _at(resource: Mapping[str, Any], path: str) -> Any:
    value: Any = resource
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _fhir_moment(value: Any) -> int | None:
    if isinstance(value, Mapping):
        start = _fhir_moment(value.get("start"))
        return start if start is not None else _fhir_moment(value.get("end"))
    if not isinstance(value, str):
        return None
    match = _MOMENT.fullmatch(value)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), min(int(second or 0), 59),
            tzinfo=_zone(zone),
        )  # fmt: skip
        return int(moment.timestamp()) * 1000 + int((fraction or "0").ljust(3, "0")[:3])
    except (ValueError, OverflowError):
        return None


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def month_of(moment: int | None) -> int | None:
    """The month of a moment as yyyymm (UTC); None for no moment, or one outside of the years 1 to 9999."""
    if moment is None:
        return None
    try:
        when = datetime.fromtimestamp(moment / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return when.year * 100 + when.month
