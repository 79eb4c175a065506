"""The allergies and problems of CDA documents, as FHIR resources."""

from collections.abc import Iterator, Mapping

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.cda_context import Context, hl7_code, related, says_not, status_of
from privateshare.sources.fhir_file.cda_medications import _named
from privateshare.sources.fhir_file.cda_values import (
    Element,
    child,
    children,
    first_moment,
    local,
    moment,
)

STATUS_OBSERVATION = "33999-4"
NO_KNOWN_ALLERGY = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}], "text": "No known allergy"}
ANY_ALLERGEN = frozenset({"419199007", "420134006", "416098002", "414285001", "426232007"})
SEVERITIES = {"255604002": "mild", "6736007": "moderate", "24484000": "severe", "399166001": "severe"}
_CLINICAL: Mapping[str, str] = {"55561003": "active", "73425007": "inactive", "413322009": "resolved"}


def allergies(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map an act of the section of allergies."""
    for observation in _observations(entry):
        substance = next(
            (
                code
                for role in children(observation, "participant", "participantRole", "playingEntity")
                if (code := context.concept(child(role, "code")) or _named(role, context)) is not None
            ),
            None,
        )
        value = child(observation, "value")
        is_negated = says_not(observation)
        kind = value.get("code") if value is not None else None
        code = substance or (context.concept(value) if kind not in ANY_ALLERGEN else None)
        if is_negated and substance is None:
            code = NO_KNOWN_ALLERGY
        if code is None:
            continue
        state = "refuted" if is_negated and substance is not None else "confirmed"
        reactions = [
            {"manifestation": [found], "severity": _severity(one)}
            for one in related(observation, "MFST")
            if (found := context.concept(child(one, "value"))) is not None
        ]
        fields = {
            "clinicalStatus": hl7_code("allergyintolerance-clinical", _clinical_status(observation, entry)),
            "verificationStatus": hl7_code("allergyintolerance-verification", state),
            "criticality": None,
            "code": code,
            "patient": context.patient,
            "onsetDateTime": first_moment(child(observation, "effectiveTime")),
            "recordedDate": moment(child(entry, "author", "time")),
            "reaction": [{name: value for name, value in one.items() if value} for one in reactions],
        }
        if state == "refuted":
            fields.pop("clinicalStatus")
        yield context.resource("AllergyIntolerance", observation, fields)


def problems(entry: Element, context: Context) -> Iterator[JsonObject]:
    """Map an act or an observation of the section of problems."""
    for observation in _observations(entry):
        value, time = child(observation, "value"), child(observation, "effectiveTime")
        code = context.concept(value)
        if code is None:
            continue
        is_negated = says_not(observation)
        ended = moment(child(time, "high"))
        status = "resolved" if ended else _clinical_status(observation, entry)
        yield context.resource(
            "Condition",
            observation,
            {
                "clinicalStatus": None if is_negated else hl7_code("condition-clinical", status),
                "verificationStatus": hl7_code("condition-ver-status", "refuted" if is_negated else "confirmed"),
                "category": [hl7_code("condition-category", "problem-list-item")],
                "code": code,
                "subject": context.patient,
                "onsetDateTime": moment(child(time, "low")) or moment(time),
                "abatementDateTime": ended,
                "recordedDate": moment(child(entry, "author", "time")),
            },
        )


def _observations(entry: Element) -> Iterator[Element]:
    if local(entry) == "observation":
        yield entry
    else:
        yield from children(entry, "entryRelationship", "observation")


def _clinical_status(observation: Element, entry: Element) -> str:
    for one in children(observation, "entryRelationship", "observation"):
        code, value = child(one, "code"), child(one, "value")
        is_status = code is not None and code.get("code") == STATUS_OBSERVATION
        if is_status and value is not None and value.get("code") in _CLINICAL:
            return _CLINICAL[value.get("code", "")]
    return "resolved" if status_of(entry) == "completed" and local(entry) == "act" else "active"


def _severity(reaction: Element) -> str | None:
    for one in children(reaction, "entryRelationship", "observation"):
        value = child(one, "value")
        if value is not None and value.get("code") in SEVERITIES:
            return SEVERITIES[value.get("code", "")]
    return None
