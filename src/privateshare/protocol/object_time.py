"""The time of an object, which decides its month's file and whether a time range includes it. Protocol 5.2, 6.6."""

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from privateshare.protocol.dates import MIN_EPOCH_MILLISECONDS, YEARS_1_TO_9999_MILLISECONDS, read_milliseconds
from privateshare.protocol.fhir_dates import fhir_window, first_moment, read_element
from privateshare.protocol.window import ALL_TIME, Window, hull

DAY_MILLISECONDS = 86_400_000
FIRST_DAY = date(1970, 1, 1)
END_OF_YEAR_9999_MILLISECONDS = YEARS_1_TO_9999_MILLISECONDS.stop
DIGIME = "digime"
FHIR = "fhir"

# The elements that hold the time of each FHIR R4 resource type, best first. They decide the month's file only; whether
# a time limit allows a resource depends on all its dates, see `fhir_dates`.
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
# Dates that do not say when the object happened, such as a birth date or a record's release date.
_OTHER_DIGIME_DATES = frozenset(
    (
        *("updateddate", "birthdate", "deceaseddate", "deceaseddatetime", "expirationdate", "expirydate"),
        *("manufacturedate", "releasedate"),
    )
)


def object_times(standard: str, thing: Mapping[str, Any]) -> tuple[int | None, Window | None]:
    """Return `object_time` and `object_window` of an object, which is faster than computing each."""
    if standard == DIGIME:
        moment = thing.get("createddate")
        # Most objects have only this date, in milliseconds.
        if (
            type(moment) is int
            and is_exact_moment(moment)
            and not any(name != "createddate" and _is_date_name(name) for name in thing)
        ):
            return moment, Window(moment, moment)
    return object_time(standard, thing), object_window(standard, thing)


def is_exact_moment(milliseconds: int) -> bool:
    """Return whether a number in a date's place is certainly a time in milliseconds since the epoch."""
    return MIN_EPOCH_MILLISECONDS <= milliseconds < END_OF_YEAR_9999_MILLISECONDS


def object_time(standard: str, thing: Mapping[str, Any]) -> int | None:
    """Return the time of an object in milliseconds since the epoch; None if it has no date that can be parsed.

    Objects of schema `digime` have it in `createddate`; FHIR resources in an element that depends on their type. A date
    that is only a year, a month or a day counts as its first moment; a date without a time zone is UTC.
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
    """Return the window that contains all dates that say when an object happened.

    A time limit allows an object only if the limit contains this whole window.

    Returns:
        None if the object has no date; `ALL_TIME` if it has a date that cannot be parsed.
    """
    return fhir_window(thing) if standard == FHIR else _digime_window(thing)


def _digime_window(thing: Mapping[str, Any]) -> Window | None:
    dates = {name: value for name, value in thing.items() if _is_date_name(name)}
    window = hull(
        found for name, value in dates.items() if name not in _OTHER_DIGIME_DATES for found in _read_digime_date(value)
    )
    return window if window is not None else hull(_read_digime_date(dates.get("updateddate")))


@lru_cache(maxsize=4096)  # Objects of one type have the same names, and each object has many.
def _is_date_name(name: str) -> bool:
    return _DIGIME_DATE.fullmatch(name) is not None


def _read_digime_date(value: Any) -> Iterator[Window]:
    """Yield the window of a date of schema `digime`: none if it is absent, `ALL_TIME` if it cannot be parsed."""
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


def moment_of(milliseconds: int | None) -> datetime | None:
    """Return the moment of a time since the epoch; None if it is None or outside the years 1 to 9999.

    A date at the edge of these years, in another time zone, is outside of them in UTC.
    """
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def month_of(moment: int | None) -> int | None:
    """Return the month of a moment as the number yyyymm in UTC; None if it is None or outside the years 1 to 9999."""
    return None if moment is None else _month_of_day(moment // DAY_MILLISECONDS)


@lru_cache(maxsize=4096)
def _month_of_day(day: int) -> int | None:
    try:
        when = FIRST_DAY + timedelta(days=day)
    except OverflowError:
        return None
    return when.year * 100 + when.month


def month_window(month: int | None) -> Window | None:
    """Return the window of a month, given as the number yyyymm in UTC; None if it is None."""
    if month is None:
        return None
    year, number = divmod(month, 100)
    start = datetime(year, number, 1, tzinfo=UTC)
    days = monthrange(year, number)[1]
    return Window(_milliseconds(start), _milliseconds(start + timedelta(days=days - 1)) + DAY_MILLISECONDS - 1)


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
