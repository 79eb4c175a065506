"""Resources of DSTU2, STU3 and R5 become R4, which apps get."""

import io
import json
from typing import Any

import pytest
from tests.archives import bundle

from privateshare.sources.contract import Broken, Connection, Page
from privateshare.sources.fhir_file.digits import parse_exactly, write_exactly
from privateshare.sources.fhir_file.source import FhirFile

CODE = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
PERSON = {"reference": "Patient/p1"}
VISIT = {"reference": "Encounter/e1"}
DOCTOR = {"reference": "Practitioner/d1"}
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Björk", "given": ["Ada"]}]}
TERMS = "http://terminology.hl7.org/CodeSystem/"


def status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": TERMS + system, "code": code}]}


# The type, an older or newer resource, and what R4 has instead.
CONVERSIONS: list[Any] = [
    pytest.param(
        {
            "resourceType": "Condition",
            "patient": PERSON,
            "code": CODE,
            "dateRecorded": "2016",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "category": CODE,
        },
        {
            "resourceType": "Condition",
            "subject": PERSON,
            "code": CODE,
            "recordedDate": "2016",
            "clinicalStatus": status("condition-clinical", "active"),
            "verificationStatus": status("condition-ver-status", "confirmed"),
            "category": [CODE],
        },
        id="condition-dstu2",
    ),
    pytest.param(
        {
            "resourceType": "Condition",
            "subject": PERSON,
            "assertedDate": "2018",
            "context": VISIT,
            "verificationStatus": "entered-in-error",
        },
        {
            "resourceType": "Condition",
            "subject": PERSON,
            "recordedDate": "2018",
            "encounter": VISIT,
            "verificationStatus": status("condition-ver-status", "entered-in-error"),
        },
        id="condition-stu3",
    ),
    pytest.param(
        {
            "resourceType": "Condition",
            "subject": PERSON,
            "clinicalStatus": status("condition-clinical", "active"),
            "participant": [{"function": {"coding": [{"code": "author"}]}, "actor": DOCTOR}],
        },
        {
            "resourceType": "Condition",
            "subject": PERSON,
            "clinicalStatus": status("condition-clinical", "active"),
            "recorder": DOCTOR,
        },
        id="condition-r5",
    ),
    pytest.param(
        {
            "resourceType": "AllergyIntolerance",
            "patient": PERSON,
            "substance": CODE,
            "status": "confirmed",
            "onset": "2010",
            "category": "food",
            "reaction": [{"certainty": "likely", "manifestation": [CODE]}],
        },
        {
            "resourceType": "AllergyIntolerance",
            "patient": PERSON,
            "code": CODE,
            "verificationStatus": status("allergyintolerance-verification", "confirmed"),
            "onsetDateTime": "2010",
            "category": ["food"],
            "reaction": [{"manifestation": [CODE]}],
        },
        id="allergy-dstu2",
    ),
    pytest.param(
        {
            "resourceType": "Immunization",
            "status": "completed",
            "notGiven": True,
            "vaccineCode": CODE,
            "patient": PERSON,
            "date": "2016",
            "explanation": {"reasonNotGiven": [CODE]},
            "practitioner": [{"role": CODE, "actor": DOCTOR}],
        },
        {
            "resourceType": "Immunization",
            "status": "not-done",
            "vaccineCode": CODE,
            "patient": PERSON,
            "occurrenceDateTime": "2016",
            "statusReason": CODE,
            "performer": [{"function": CODE, "actor": DOCTOR}],
        },
        id="immunization-refused-stu3",
    ),
    pytest.param(
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "finished",
            "class": "inpatient",
            "patient": PERSON,
            "reason": [CODE],
            "indication": [VISIT],
        },
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "finished",
            "class": {"system": TERMS + "v3-ActCode", "code": "IMP", "display": "inpatient"},
            "subject": PERSON,
            "reasonCode": [CODE],
            "diagnosis": [{"condition": VISIT}],
        },
        id="encounter-dstu2",
    ),
    pytest.param(
        {
            "resourceType": "Encounter",
            "status": "completed",
            "class": [{"coding": [{"code": "AMB"}]}],
            "subject": PERSON,
            "actualPeriod": {"start": "2025"},
            "reason": [{"value": [{"concept": CODE}, {"reference": VISIT}]}],
            "participant": [{"actor": DOCTOR}],
        },
        {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": PERSON,
            "period": {"start": "2025"},
            "reasonCode": [CODE],
            "reasonReference": [VISIT],
            "participant": [{"individual": DOCTOR}],
        },
        id="encounter-r5",
    ),
    pytest.param(
        {
            "resourceType": "MedicationOrder",
            "status": "active",
            "patient": PERSON,
            "prescriber": DOCTOR,
            "dateWritten": "2015",
            "medicationCodeableConcept": CODE,
            "reasonCodeableConcept": CODE,
            "dosageInstruction": [{"text": "1", "quantityQuantity": {"value": 1.50}}],
        },
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "requester": DOCTOR,
            "authoredOn": "2015",
            "medicationCodeableConcept": CODE,
            "reasonCode": [CODE],
            "dosageInstruction": [{"text": "1", "doseAndRate": [{"doseQuantity": {"value": 1.5}}]}],
        },
        id="prescription-dstu2",
    ),
    pytest.param(
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "context": VISIT,
            "requester": {"agent": DOCTOR},
            "medicationCodeableConcept": CODE,
            "substitution": {"allowed": True},
        },
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "encounter": VISIT,
            "requester": DOCTOR,
            "medicationCodeableConcept": CODE,
            "substitution": {"allowedBoolean": True},
        },
        id="prescription-stu3",
    ),
    pytest.param(
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "medication": {"reference": VISIT},
            "reason": [{"concept": CODE}],
            "dosageInstruction": [{"asNeeded": True, "asNeededFor": [CODE]}],
        },
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "medicationReference": VISIT,
            "reasonCode": [CODE],
            "dosageInstruction": [{"asNeededCodeableConcept": CODE}],
        },
        id="prescription-r5",
    ),
    pytest.param(
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "taken": "n",
            "subject": PERSON,
            "medicationCodeableConcept": CODE,
        },
        {
            "resourceType": "MedicationStatement",
            "status": "not-taken",
            "subject": PERSON,
            "medicationCodeableConcept": CODE,
        },
        id="not-taken-stu3",
    ),
    pytest.param(
        {
            "resourceType": "MedicationDispense",
            "status": "completed",
            "notDone": True,
            "subject": PERSON,
            "medicationCodeableConcept": CODE,
            "notDoneReasonCodeableConcept": CODE,
        },
        {
            "resourceType": "MedicationDispense",
            "status": "declined",
            "subject": PERSON,
            "medicationCodeableConcept": CODE,
            "statusReasonCodeableConcept": CODE,
        },
        id="not-dispensed-stu3",
    ),
    pytest.param(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": CODE,
            "subject": PERSON,
            "comments": "high",
            "related": [{"type": "has-member", "target": VISIT}, {"type": "derived-from", "target": DOCTOR}],
            "interpretation": CODE,
            "category": CODE,
            "encounter": VISIT,
            "valueQuantity": {"value": 7.10},
            "context": VISIT,
        },
        {
            "resourceType": "Observation",
            "status": "final",
            "code": CODE,
            "subject": PERSON,
            "comments": "high",
            "related": [{"type": "has-member", "target": VISIT}, {"type": "derived-from", "target": DOCTOR}],
            "interpretation": CODE,
            "category": CODE,
            "encounter": VISIT,
            "valueQuantity": {"value": 7.1},
            "context": VISIT,
        },
        id="observation-that-counts-as-r4",
    ),
    pytest.param(
        {
            "resourceType": "Procedure",
            "status": "completed",
            "subject": PERSON,
            "code": CODE,
            "notDone": True,
            "notDoneReason": CODE,
            "performer": [{"role": CODE, "actor": DOCTOR}],
        },
        {
            "resourceType": "Procedure",
            "status": "not-done",
            "subject": PERSON,
            "code": CODE,
            "statusReason": CODE,
            "performer": [{"function": CODE, "actor": DOCTOR}],
        },
        id="not-performed-stu3",
    ),
    pytest.param(
        {
            "resourceType": "Procedure",
            "status": "completed",
            "subject": PERSON,
            "occurrencePeriod": {"start": "2025"},
            "reason": [{"concept": CODE}],
        },
        {
            "resourceType": "Procedure",
            "status": "completed",
            "subject": PERSON,
            "performedPeriod": {"start": "2025"},
            "reasonCode": [CODE],
        },
        id="procedure-r5",
    ),
    pytest.param(
        {
            "resourceType": "ProcedureRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "code": CODE,
            "requester": {"agent": DOCTOR},
            "context": VISIT,
        },
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "code": CODE,
            "requester": DOCTOR,
            "encounter": VISIT,
        },
        id="request-stu3",
    ),
    pytest.param(
        {"resourceType": "DeviceUsage", "status": "active", "patient": PERSON, "device": {"reference": VISIT}},
        {"resourceType": "DeviceUseStatement", "status": "active", "subject": PERSON, "device": VISIT},
        id="device-r5",
    ),
]


def delivered(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources that are delivered, of which the text is that of the object."""
    connection = Connection(archive=io.BytesIO(bundle(resources)))
    FhirFile().identify(connection)
    assert not connection.left_out.is_partial
    found: list[dict[str, Any]] = []
    for page in FhirFile().fetch(connection, dict.fromkeys(FhirFile.info.object_types)):
        assert isinstance(page, Page)
        assert page.texts is not None
        assert [json.loads(text) for text in page.texts] == list(page.objects)
        found += page.objects
    return found


@pytest.mark.parametrize(("older", "as_r4"), CONVERSIONS)
def test_a_resource_becomes_what_r4_has(older: dict[str, Any], as_r4: dict[str, Any]) -> None:
    """What means that something was not done stays so, and no element is lost that R4 has."""
    assert as_r4 in delivered([PATIENT, older])


@pytest.mark.parametrize(("older", "as_r4"), CONVERSIONS)
def test_what_r4_has_is_converted_to_itself(older: dict[str, Any], as_r4: dict[str, Any]) -> None:
    """So whoever converts twice changes nothing."""
    assert as_r4 in delivered([PATIENT, as_r4])


@pytest.mark.parametrize(("older", "as_r4"), CONVERSIONS)
def test_odd_elements_are_refused_or_passed_on(older: dict[str, Any], as_r4: dict[str, Any]) -> None:
    """No form of an element raises another error, and the text is always JSON."""
    for name in older:
        for odd in (None, 1, "x", [], {}, [1, None, "x"], [[older]], {"coding": 5}, {"concept": [], "reference": 1}):
            changed = older | {name: odd}
            if name == "resourceType":
                continue
            connection = Connection(archive=io.BytesIO(bundle([PATIENT, changed])))
            try:
                FhirFile().identify(connection)
            except Broken:
                continue
            for page in FhirFile().fetch(connection, dict.fromkeys(FhirFile.info.object_types)):
                assert isinstance(page, Page)
                for text in page.texts or ():
                    json.loads(text)


def test_numbers_of_converted_resources_keep_their_digits() -> None:
    """Also those that no double has; and a text that looks like a marked number stays harmless."""
    for digits in ("1.50", "100000000000000000000", "1e2", "-0.0", "123456789.123456789123456789"):
        text = b'{"value":' + digits.encode() + b',"text":"a \\"b\\" \xc3\xa9"}'
        assert write_exactly(parse_exactly(text)) == text
    hostile = json.dumps({"text": '\ue000number:1},"x":{'}).encode()
    assert json.loads(write_exactly(parse_exactly(hostile))) == json.loads(hostile)


def test_a_record_of_two_people_in_an_older_version_is_refused() -> None:
    """The conversion does not hide whose a resource is."""
    other = {
        "resourceType": "MedicationOrder",
        "status": "active",
        "patient": {"reference": "Patient/p2"},
        "medicationCodeableConcept": CODE,
    }
    second = {"resourceType": "Patient", "id": "p2", "name": [{"family": "Other", "given": ["Bo"]}]}
    with pytest.raises(Broken, match="several people"):
        FhirFile().identify(Connection(archive=io.BytesIO(bundle([PATIENT, second, other]))))
