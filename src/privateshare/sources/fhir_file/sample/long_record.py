"""A generated health record of an invented person with diabetes. It begins in 2004 and grows every day."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from privateshare.sources.contract import JsonObject

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
RXNORM, CVX = "http://www.nlm.nih.gov/research/umls/rxnorm", "http://hl7.org/fhir/sid/cvx"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
PATIENT = {"reference": "Patient/sample-long"}
FIRST_VISIT, DAYS_BETWEEN_VISITS = date(2004, 3, 15), 91
FIRST_OWN_READING = date(2015, 1, 1)  # From this day on the person measures blood glucose at home every day.

CONDITIONS = (
    (date(2004, 3, 15), "44054006", "Type 2 diabetes mellitus"),
    (date(2006, 6, 12), "59621000", "Essential hypertension"),
    (date(2008, 9, 8), "55822004", "Hyperlipidemia"),
    (date(2017, 2, 20), "239873007", "Osteoarthritis of knee"),
    (date(2021, 5, 3), "193570009", "Cataract"),
)
PROCEDURES = (
    (date(2018, 11, 6), "609588000", "Total knee replacement"),
    (date(2021, 8, 17), "54885007", "Extraction of cataract"),
)
MEDICINES = (
    (date(2004, 3, 15), "860975", "Metformin hydrochloride 500 mg"),
    (date(2006, 6, 12), "314076", "Lisinopril 10 mg"),
    (date(2008, 9, 8), "617310", "Atorvastatin 20 mg"),
)
# LOINC code, name, unit, usual value, and standard deviation.
VALUES = (
    ("29463-7", "Body weight", "kg", 81.0, 3.0),
    ("4548-4", "Hemoglobin A1c", "%", 7.1, 0.6),
    ("2160-0", "Creatinine", "mg/dL", 0.9, 0.15),
    ("13457-7", "LDL cholesterol", "mg/dL", 104.0, 18.0),
)
GLUCOSE = ("2339-0", "Glucose", "mg/dL", 128.0, 24.0)


def long_record(today: date) -> Iterator[JsonObject]:
    """Yield all resources before a day."""
    yield _patient()
    yield _allergy()
    yield _family()
    for onset, code, name in CONDITIONS:
        yield _condition(onset, code, name)
    for day, code, name in PROCEDURES:
        yield _about("Procedure", f"procedure-{code}", status="completed", code=_code(SNOMED, code, name)) | {
            "performedDateTime": day.isoformat()
        }
    for day in _days(FIRST_VISIT, DAYS_BETWEEN_VISITS, today):
        yield from _visit(day)
    for day in _days(date(2004, 10, 11), 364, today):
        yield _vaccination(day)
    for day in _days(FIRST_OWN_READING, 1, today):
        yield _value(day, GLUCOSE, category="vital-signs")


def _days(first: date, every: int, end: date) -> Iterator[date]:
    for number in range(0, (end - first).days, every):
        yield first + timedelta(days=number)


def _visit(day: date) -> Iterator[JsonObject]:
    visit_id = f"visit-{day:%Y%m%d}"
    yield _about("Encounter", visit_id, status="finished") | {
        "class": {"system": f"{TERMINOLOGY}/v3-ActCode", "code": "AMB", "display": "ambulatory"},
        "type": [_code(SNOMED, "185349003", "Encounter for check up")],
        "period": {"start": f"{day}T09:00:00+01:00", "end": f"{day}T09:25:00+01:00"},
    }
    encounter = {"encounter": {"reference": f"Encounter/{visit_id}"}}
    values = [_value(day, value) for value in VALUES]
    yield from (value | encounter for value in (*values, _blood_pressure(day)))
    yield (
        _about("DiagnosticReport", f"report-{day:%Y%m%d}", status="final")
        | encounter
        | {
            "code": _code(LOINC, "24323-8", "Comprehensive metabolic panel"),
            "effectiveDateTime": f"{day}T09:10:00+01:00",
            "result": [{"reference": f"Observation/{value['id']}"} for value in values],
        }
    )
    for since, code, name in MEDICINES:
        if since <= day:
            yield _about("MedicationRequest", f"medicine-{code}-{day:%Y%m%d}", status="active", intent="order") | {
                "medicationCodeableConcept": _code(RXNORM, code, name),
                "authoredOn": day.isoformat(),
                "dosageInstruction": [{"text": "One a day"}],
            }


def _value(day: date, value: tuple[str, str, str, float, float], category: str = "laboratory") -> JsonObject:
    code, name, unit, usual, strays = value
    chance = Random(f"{code}{day}")  # noqa: S311 - Sample data must be reproducible.
    return _observation(day, code, name, category) | {"valueQuantity": _quantity(chance.gauss(usual, strays), unit)}


def _blood_pressure(day: date) -> JsonObject:
    chance = Random(f"pressure{day}")  # noqa: S311 - Sample data must be reproducible.
    parts = (("8480-6", "Systolic blood pressure", 136, 9), ("8462-4", "Diastolic blood pressure", 84, 6))
    components = [
        {"code": _code(LOINC, code, name), "valueQuantity": _quantity(round(chance.gauss(usual, strays)), "mm[Hg]")}
        for code, name, usual, strays in parts
    ]
    return _observation(day, "85354-9", "Blood pressure", "vital-signs") | {"component": components}


def _observation(day: date, code: str, name: str, category: str) -> JsonObject:
    return _about("Observation", f"value-{code}-{day:%Y%m%d}", status="final") | {
        "category": [_code(f"{TERMINOLOGY}/observation-category", category, category)],
        "code": _code(LOINC, code, name),
        "effectiveDateTime": f"{day}T09:10:00+01:00",
    }


def _condition(onset: date, code: str, name: str) -> JsonObject:
    return _about("Condition", f"condition-{code}") | {
        "clinicalStatus": _code(f"{TERMINOLOGY}/condition-clinical", "active", "Active"),
        "verificationStatus": _code(f"{TERMINOLOGY}/condition-ver-status", "confirmed", "Confirmed"),
        "code": _code(SNOMED, code, name),
        "onsetDateTime": onset.isoformat(),
        "recordedDate": onset.isoformat(),
    }


def _vaccination(day: date) -> JsonObject:
    return {
        "resourceType": "Immunization",
        "id": f"influenza-{day:%Y%m%d}",
        "status": "completed",
        "vaccineCode": _code(CVX, "140", "Influenza vaccine"),
        "patient": PATIENT,
        "occurrenceDateTime": day.isoformat(),
    }


def _patient() -> JsonObject:
    return {
        "resourceType": "Patient",
        "id": "sample-long",
        "name": [{"use": "official", "family": "Okonkwo", "given": ["Ines", "Marit"]}],
        "gender": "female",
        "birthDate": "1951-07-19",
    }


def _allergy() -> JsonObject:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "allergy-penicillin",
        "clinicalStatus": _code(f"{TERMINOLOGY}/allergyintolerance-clinical", "active", "Active"),
        "code": _code(SNOMED, "91936005", "Allergy to penicillin"),
        "patient": PATIENT,
        "recordedDate": FIRST_VISIT.isoformat(),
    }


def _family() -> JsonObject:
    return {
        "resourceType": "FamilyMemberHistory",
        "id": "family-mother",
        "status": "completed",
        "patient": PATIENT,
        "date": FIRST_VISIT.isoformat(),
        "relationship": _code(f"{TERMINOLOGY}/v3-RoleCode", "MTH", "mother"),
        "condition": [{"code": _code(SNOMED, "44054006", "Type 2 diabetes mellitus")}],
    }


def _about(kind: str, own_id: str, **more: object) -> JsonObject:
    return {"resourceType": kind, "id": own_id, "subject": PATIENT, **more}


def _code(system: str, code: str, name: str) -> JsonObject:
    return {"coding": [{"system": system, "code": code, "display": name}], "text": name}


def _quantity(value: float, unit: str) -> JsonObject:
    return {"value": round(value, 1), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
