"""When an object happened: what decides its month's file, and whether a time range holds it. Protocol 5.2, 6.6."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

DIGIME = "digime"
FHIR = "fhir"

# What each FHIR R4 resource type calls the moment that it is about, best first. Types that are not here are about no
# moment: a patient, a practitioner, a device.
FHIR_TIMES: Mapping[str, tuple[str, ...]] = {
    "Account": ("servicePeriod",),
    "AdverseEvent": ("date", "detected", "recordedDate"),
    "AllergyIntolerance": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "Appointment": ("start", "created"),
    "AppointmentResponse": ("start",),
    "AuditEvent": ("recorded",),
    "Basic": ("created",),
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
    "Contract": ("issued", "applies"),
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
    "EnrollmentRequest": ("created",),
    "EnrollmentResponse": ("created",),
    "EpisodeOfCare": ("period",),
    "ExplanationOfBenefit": ("billablePeriod", "created"),
    "FamilyMemberHistory": ("date",),
    "Flag": ("period",),
    "Goal": ("startDate", "statusDate"),
    "GuidanceResponse": ("occurrenceDateTime",),
    "ImagingStudy": ("started",),
    "Immunization": ("occurrenceDateTime", "recorded"),
    "ImmunizationEvaluation": ("date",),
    "ImmunizationRecommendation": ("date",),
    "Invoice": ("date",),
    "List": ("date",),
    "MeasureReport": ("date", "period"),
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
    "RequestGroup": ("authoredOn",),
    "ResearchStudy": ("period",),
    "ResearchSubject": ("period",),
    "RiskAssessment": ("occurrenceDateTime", "occurrencePeriod"),
    "Schedule": ("planningHorizon",),
    "ServiceRequest": ("occurrenceDateTime", "occurrencePeriod", "authoredOn"),
    "Slot": ("start",),
    "Specimen": ("collection.collectedDateTime", "receivedTime"),
    "SupplyDelivery": ("occurrenceDateTime", "occurrencePeriod"),
    "SupplyRequest": ("occurrenceDateTime", "occurrencePeriod", "authoredOn"),
    "Task": ("authoredOn", "lastModified"),
    "VerificationResult": ("statusDate", "lastPerformed"),
    "VisionPrescription": ("dateWritten", "created"),
}

_PLACES = {kind: tuple(path.split(".") for path in paths) for kind, paths in FHIR_TIMES.items()}
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(0\d|1[0-4]):([0-5]\d))?)?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)


def object_time(standard: str, thing: Mapping[str, Any]) -> int | None:
    """The moment of an object in milliseconds since the epoch, or None if it is about no moment.

    Objects of schema `digime` say it in `createddate`; FHIR resources each in their own place. A FHIR date that names
    only a year, a month or a day counts as its first moment, and one without a zone as UTC.
    """
    if standard == FHIR:
        return _fhir_time(thing)
    created = thing.get("createddate")
    if isinstance(created, float):
        return int(created) if isfinite(created) else None
    return created if isinstance(created, int) and not isinstance(created, bool) else None


def _fhir_time(resource: Mapping[str, Any]) -> int | None:
    kind = resource.get("resourceType")
    for place in _PLACES.get(kind, ()) if isinstance(kind, str) else ():
        value: Any = resource
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and (moment := _fhir_moment(value)) is not None:
            return moment
    return None


def _fhir_moment(value: Any) -> int | None:
    if isinstance(value, dict):
        start = _fhir_moment(value.get("start"))
        return start if start is not None else _fhir_moment(value.get("end"))
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    try:
        # a leap second counts as the one before it
        moment = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), min(int(second or 0), 59)
        )  # fmt: skip
    except ValueError:
        return None
    found = (moment - _EPOCH) // _MILLISECOND + int((fraction or "0").ljust(3, "0")[:3])
    if sign is None:
        return found
    offset = (int(zone_hours) * 60 + int(zone_minutes)) * 60_000
    return found + offset if sign == "-" else found - offset


def month_of(moment: int | None) -> int | None:
    """The month of a moment as yyyymm (UTC); None for no moment, or one outside of the years 1 to 9999."""
    if moment is None:
        return None
    try:
        when = datetime.fromtimestamp(moment / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return when.year * 100 + when.month
