"""The time window of a FHIR resource: which of its dates say when it happened, and what time they cover. ADR 0020.

The rule uses the names of elements, as in any version of FHIR from DSTU2 to R5, rather than a list for each resource
type, so that it also covers types and elements that this project does not know. If you change it so that more elements
count, add a migration that clears `sealed_dates` of all files of schema `fhir`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.protocol.window import ALL_TIME, Window, hull

Json = Mapping[str, Any]

# Elements that say when something happened. A choice such as onset[x] counts in every variant: "onsetAge" is included,
# although an age cannot be compared with a date.
_DATE_NAME = re.compile(
    r"(?:abatement|collected|created|effective|identified|occurr?ence|occurred|onset|performed|scheduled|serviced|start"
    r"|time|timing|when)(?:[A-Z]\w*)?"
    r"|\w+(?:Date|DateTime|Instant|Period|Timing|Time)|date(?:[A-Z]\w*)?|period|end|issued|indexed|detected|during|sent"
    r"|received|recorded|recordedOn|authored|authoredOn|started|statusChanged|calculatedAt|creation|applies"
    r"|planningHorizon|lastModified|lastOccurr?ence|lastPerformed|nextScheduled"
)
# Elements with such names that do not say when: dates of a birth, a product or a form's text, opening hours, flags.
_OTHER_NAME = re.compile(
    r"birthDate|born[A-Z]\w*|expirationDate|manufactureDate|expiry|approvalDate|lastReviewDate|publicationDate"
    r"|timeOfDay|available(?:Start|End)?Time|(?:opening|closing)Time|valueTime|\w+Boolean|occurrenceChanged"
    r"|proposedNewTime"
)
# Results rather than times. Dates in these elements count only if the resource has no other date.
_VALUE_NAME = re.compile(r"(?:value|deceased)[A-Z]\w*")
# Variants of a choice that hold no date, such as an age.
_RELATIVE_NAME = re.compile(r"\w+(?:Age|Range|String|Duration|Quantity|CodeableConcept|CodeableReference|Reference)")

# Paths of nested elements, by resource type, whose dates count too.
_INNER_DATES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "AllergyIntolerance": (("reaction",),),
    "BiologicallyDerivedProduct": (("collection",), ("processing",), ("manipulation",)),
    "Claim": (("item",), ("procedure",)),
    "Composition": (("event",),),
    "DiagnosticReport": (("presentedForm",),),
    "DocumentReference": (("context",), ("content", "attachment")),
    "ExplanationOfBenefit": (("item",), ("addItem",), ("procedure",)),
    "ImagingStudy": (("series",),),
    "Media": (("content",),),
    "Specimen": (("collection",), ("processing",)),
}
ENDURING_TYPES = frozenset(
    (
        *("Binary", "BodySite", "BodyStructure", "Device", "DeviceComponent", "DeviceDefinition", "DeviceMetric"),
        *("Endpoint", "Group", "HealthcareService", "InsurancePlan", "Linkage", "Location", "Medication"),
        *("MedicationKnowledge", "MolecularSequence", "Organization", "OrganizationAffiliation", "Patient", "Person"),
        *("Practitioner", "PractitionerRole", "Questionnaire", "RelatedPerson", "Sequence", "Substance"),
    )
)
"""Resource types for people, places, products and forms, which do not describe an event. Only dates at their top level
count, such as the period of a role."""

_UNSEARCHED = frozenset(("meta", "text", "resourceType", "id"))
_DAY = re.compile(r"\s*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?:[Tt ][\d:.,+\-Zz ]*)?")
_PERIOD_MEMBERS = frozenset(("start", "end", "_start", "_end", "id", "extension"))
_TIMING_MEMBERS = frozenset(("event", "_event", "repeat", "code", "id", "extension", "modifierExtension"))
_ABSENT = re.compile(r"data-absent-reason|nullFlavor")
# Dates are searched down to this depth. A resource with deeper nesting counts as one with an unreadable date.
MAX_SEARCH_DEPTH = 40


def fhir_window(resource: Json) -> Window | None:
    """Return the window that contains all dates that say when a resource happened.

    Returns:
        None if the resource has no date; `ALL_TIME` if it has a date that cannot be parsed.
    """
    kind = resource.get("resourceType")
    kind = kind if isinstance(kind, str) else ""
    window = hull(_own_dates(kind, resource))
    if window is not None or kind in ENDURING_TYPES:
        return window
    return hull(_Search(is_of_relatives=kind == "FamilyMemberHistory").dates_within(resource, MAX_SEARCH_DEPTH))


def read_element(name: str, value: Any) -> Iterator[Window]:
    """Yield the windows of a date element: none if it has no date, `ALL_TIME` if its date cannot be parsed."""
    if value is None:
        return
    if isinstance(value, list):
        for item in value:
            yield from read_element(name, item)
    elif not isinstance(value, dict):
        yield read_date(value) or ALL_TIME
    elif not value.keys().isdisjoint(("start", "end", "_start", "_end")):
        yield _read_period(value)
    elif not value.keys().isdisjoint(("event", "repeat")) or (value and name.lower().endswith("timing")):
        yield from _read_timing(value)
    else:  # The value is an age, a range or a code.
        yield ALL_TIME


def first_moment(value: Any) -> int | None:
    """Return the first moment of a date, a Timing or a Period. A Period without a start begins with its end."""
    if isinstance(value, dict):
        for name in ("start", "end"):
            if (given := read_date(value.get(name))) is not None:
                return given.start
    window = hull(read_element("", value))
    return window.start if window is not None else None


def _own_dates(kind: str, resource: Json) -> Iterator[Window]:
    yield from _members(resource)
    for path in _INNER_DATES.get(kind, ()):
        for part in _parts(resource, path):
            yield from _members(part)


def _members(part: Json) -> Iterator[Window]:
    """Yield the windows of the date elements of a resource, or of a part of one."""
    for name, value in part.items():
        if name.startswith("_"):
            # FHIR stores extensions of a primitive element, or a reason for its absence, under "_" and its name.
            if _says_when(name[1:]) and part.get(name[1:]) is None and not _is_said_to_be_absent(value):
                yield ALL_TIME
        elif _says_when(name) or (_has_shape_of_time(value) and not (_VALUE_NAME.fullmatch(name) or _is_other(name))):
            yield from read_element(name, value)


@lru_cache(maxsize=4096)
def _says_when(name: str) -> bool:
    return _is_date_name(name) and not _VALUE_NAME.fullmatch(name)


@lru_cache(maxsize=4096)
def _is_date_name(name: str) -> bool:
    return bool(_DATE_NAME.fullmatch(name[:1].lower() + name[1:])) and not _is_other(name)


@lru_cache(maxsize=4096)
def _is_other(name: str) -> bool:
    return bool(_OTHER_NAME.fullmatch(name[:1].lower() + name[1:]))


def _has_shape_of_time(value: Any) -> bool:
    """Return whether a value is a Period, a Timing, or a list of them, regardless of the element's name."""
    if isinstance(value, list):
        return any(_has_shape_of_time(item) for item in value)
    if not isinstance(value, dict):
        return False
    if "start" in value or "end" in value:
        return value.keys() <= _PERIOD_MEMBERS
    return ("event" in value or "repeat" in value) and value.keys() <= _TIMING_MEMBERS


def _is_said_to_be_absent(beside: Any) -> bool:
    """Return whether the extensions of a missing date only say that it is absent."""
    if isinstance(beside, list):
        return all(_is_said_to_be_absent(item) for item in beside)
    if beside is None or beside == {}:
        return True
    extensions = beside.get("extension") if isinstance(beside, dict) else None
    if not isinstance(extensions, list):
        return isinstance(beside, dict) and beside.keys() <= {"id"}
    return all(isinstance(one, dict) and _ABSENT.search(str(one.get("url"))) for one in extensions)


def _parts(value: Any, path: tuple[str, ...]) -> Iterator[Json]:
    """Yield the objects at a path, following lists."""
    if isinstance(value, list):
        for item in value:
            yield from _parts(item, path)
    elif isinstance(value, dict):
        if path:
            yield from _parts(value.get(path[0]), path[1:])
        else:
            yield value


def _read_period(period: Json) -> Window:
    start, end = (
        None if period.get(name) is None else read_date(period[name]) or ALL_TIME for name in ("start", "end")
    )
    if start is not None and end is not None:
        return start.hull(end)
    return Window(start.start if start is not None else None, end.end if end is not None else None)


def _read_timing(timing: Json) -> Iterator[Window]:
    """Yield the events of a Timing and the bounds of its repetition. The frequency is ignored, as it is not a date."""
    yield from read_element("event", timing.get("event"))
    repeat = timing.get("repeat")
    if isinstance(repeat, dict):
        yield from read_element("boundsPeriod", repeat.get("boundsPeriod"))


@dataclass(frozen=True, slots=True)
class _Search:
    """A search for any dates in a resource that has no date elements, at any depth.

    With `is_of_relatives`, ages in the resource are ignored, because they are the ages of other people.
    """

    is_of_relatives: bool

    def dates_within(self, value: Any, depth: int) -> Iterator[Window]:
        """Yield the windows of all dates in a value."""
        if depth == 0:
            yield ALL_TIME
        elif isinstance(value, list):
            for item in value:
                yield from self.dates_within(item, depth - 1)
        elif isinstance(value, dict):
            for name, inner in value.items():
                if name not in _UNSEARCHED and not _is_other(name):
                    yield from self._dates_of(name, inner, depth - 1)

    def _dates_of(self, name: str, value: Any, depth: int) -> Iterator[Window]:
        if name == "contained":
            for resource in value if isinstance(value, list) else [value]:
                if isinstance(resource, dict) and (window := fhir_window(resource)) is not None:
                    yield window
        elif _has_shape_of_time(value):
            yield from read_element(name, value)
        elif isinstance(value, dict | list):
            yield from self.dates_within(value, depth)
        elif isinstance(value, str) and _DAY.fullmatch(value):
            yield read_date(value) or ALL_TIME
        elif _is_date_name(name) and value is not None:
            read = read_date(value)
            if read is not None or not (self.is_of_relatives and _RELATIVE_NAME.fullmatch(name)):
                yield read or ALL_TIME
