"""When an object happened: what decides its month's file, and whether a time range holds it. Protocol 5.2, 6.6."""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from privateshare.protocol.dates import read_milliseconds
from privateshare.protocol.fhir_dates import fhir_window, first_moment, read_element
from privateshare.protocol.window import ALL_TIME, Window, hull

DAY = 86_400_000  # milliseconds
DIGIME = "digime"
FHIR = "fhir"

# What each FHIR R4 resource type calls the moment that it is about, best first.
# Whether a limit of time lets a resource through is decided by all of its dates: `fhir_dates`.
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
_DIGIME_DATE = re.compile(r"\w*date|\w+datetime|\w*period|issued|authoredon|whenprepared|whenhandedover")
# Dates of something else: of a birth, of a record's first appearance in shops, of a document's end.
_OTHER_DIGIME_DATES = frozenset(
    (
        *("updateddate", "birthdate", "deceaseddate", "deceaseddatetime", "expirationdate", "expirydate"),
        *("manufacturedate", "releasedate"),
    )
)


def object_time(standard: str, thing: Mapping[str, Any]) -> int | None:
    """Return the moment of an object in milliseconds since the epoch; None if it is about no moment, or not readably.

    Objects of schema `digime` say it in `createddate`; FHIR resources each in their own place. A date that names only a
    year, a month or a day counts as its first moment, and one without a zone as UTC.
    """
    if standard == FHIR:
        best = _fhir_moment(thing)
    else:
        created = hull(_read_digime_date(thing.get("createddate")))
        best = created.start if created is not None else None
    if best is not None:
        return best
    window = object_window(standard, thing) or ALL_TIME
    return window.start if window.start is not None else window.end


def object_window(standard: str, thing: Mapping[str, Any]) -> Window | None:
    """Return the stretch of time in which everything lies that says when an object was.

    A limit of time lets an object through only if it contains all of that.

    Returns:
        None if the object has no date at all; `ALL_TIME` if it has one that cannot be read.
    """
    return fhir_window(thing) if standard == FHIR else _digime_window(thing)


def _digime_window(thing: Mapping[str, Any]) -> Window | None:
    dates = {name: value for name, value in thing.items() if _DIGIME_DATE.fullmatch(name)}
    window = hull(
        found for name, value in dates.items() if name not in _OTHER_DIGIME_DATES for found in _read_digime_date(value)
    )
    return window if window is not None else hull(_read_digime_date(dates.get("updateddate")))


def _read_digime_date(value: Any) -> Iterator[Window]:
    """Yield what a date of schema `digime` names: nothing if there is none, `ALL_TIME` if it cannot be read."""
    if isinstance(value, list | dict):
        yield from read_element("", value)
    elif value is not None:
        yield read_milliseconds(value) or ALL_TIME


def _fhir_moment(resource: Mapping[str, Any]) -> int | None:
    kind = resource.get("resourceType")
    for place in _PLACES.get(kind, ()) if isinstance(kind, str) else ():
        value: Any = resource
        for name in place:
            value = value.get(name) if isinstance(value, dict) else None
        if value is not None and (moment := first_moment(value)) is not None:
            return moment
    return None


def month_of(moment: int | None) -> int | None:
    """Return the month of a moment as yyyymm (UTC); None for no moment, or one outside of the years 1 to 9999."""
    if moment is None:
        return None
    try:
        when = datetime.fromtimestamp(moment / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return when.year * 100 + when.month


def month_window(month: int | None) -> Window | None:
    """Return the stretch of a month given as yyyymm (UTC); None for no month."""
    if month is None:
        return None
    year, number = divmod(month, 100)
    start = datetime(year, number, 1, tzinfo=UTC)
    days = monthrange(year, number)[1]
    return Window(_milliseconds(start), _milliseconds(start + timedelta(days=days - 1)) + DAY - 1)


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
