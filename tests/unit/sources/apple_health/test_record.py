"""The health record of an export: measurements, electrocardiograms and what hospitals gave."""

import io
import json
from typing import Any

import pytest
from tests.archives import zipped
from tests.unit.sources.apple_health.exports import read, record, xml

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.apple_health.source import AppleHealthRecords
from privateshare.sources.contract import Broken, Connection
from privateshare.sources.failures import LeftOut

ECG = """Name,Zaphod
Date of Birth,"May 4, 1988"
Recorded Date,2026-03-02 09:41:00 +0100
Classification,Sinus Rhythm
Symptoms,
Software Version,1.90
Device,"Watch6,2"
Sample Rate,512 hertz


Lead,Lead I
Unit,µV

-265.868
12.5
0
"""
GERMAN_ECG = """Name,Zaphod
Geburtstag,"04.05.1988"
Aufzeichnungsdatum,2026-03-02 09:41:00 +0100
Klassifizierung,Sinusrhythmus
Symptome,Ohne
Softwareversion,2.0
Gerät,"Watch6,2"
Messrate,512 Hertz


Ableitung,Ableitung I
Einheit,µV

-265,868
12,5
0
"""


def observations(*elements: str) -> list[dict[str, Any]]:
    """The observations of an export."""
    return read(xml(*elements), records=True).get(ObjectType.OBSERVATION, [])


@pytest.mark.parametrize(
    ("kind", "value", "unit", "code", "expected"),
    [
        ("HeartRate", 72, "count/min", "8867-4", (72, "/min")),
        ("OxygenSaturation", 0.97, "%", "59408-5", (97, "%")),
        ("OxygenSaturation", 97, "%", "59408-5", (97, "%")),
        ("BodyTemperature", 98.6, "degF", "8310-5", (37, "Cel")),
        ("BodyTemperature", 37, "degC", "8310-5", (37, "Cel")),
        ("BloodGlucose", 5.5, "mmol&lt;180.1558800000541&gt;/L", "2339-0", (99.086, "mg/dL")),
        ("Height", 70, "in", "8302-2", (177.8, "cm")),
        ("Height", 5.5, "ft", "8302-2", (167.64, "cm")),
        ("VO2Max", 41.2, "mL/min·kg", "60842-2", (41.2, "mL/min/kg")),
        ("RespiratoryRate", 14, "count/min", "9279-1", (14, "/min")),
    ],
)
def test_measurements_are_observations(
    kind: str, value: float, unit: str, code: str, expected: tuple[float, str]
) -> None:
    """In the units of FHIR's profiles, whatever unit the person chose."""
    (found,) = observations(record(kind, "03-02 10:00", "03-02 10:00", value, unit))
    assert found["code"]["coding"][0]["code"] == code
    assert (found["valueQuantity"]["value"], found["valueQuantity"]["code"]) == expected
    assert found["effectiveDateTime"] == "2026-03-02T10:00:00+01:00"


def test_a_blood_pressure_is_one_observation() -> None:
    """Its two values are put together by their time, and a lone one is kept."""
    pair = [
        record(f"BloodPressure{name}", "03-02 10:00", "03-02 10:00", value, "mmHg")
        for name, value in (("Systolic", 120), ("Diastolic", 80))
    ]
    (found,) = observations(*pair)
    assert [part["valueQuantity"]["value"] for part in found["component"]] == [120, 80]
    (found,) = observations(pair[0])
    assert len(found["component"]) == 1


@pytest.mark.parametrize("text", [ECG, GERMAN_ECG, "\ufeff" + ECG])
def test_electrocardiograms_in_any_language(text: str) -> None:
    """The voltages, their rate, and the watch's classification, without the person's name and birthday."""
    found = read({"export.xml": xml(), "ecg_2026-03-02.csv": text.encode()}, records=True)[ObjectType.OBSERVATION]
    (ecg,) = found
    samples = ecg["component"][0]["valueSampledData"]
    assert (samples["data"], samples["period"]) == ("-265.868 12.5 0", 1.953125)
    assert ecg["effectiveDateTime"] == "2026-03-02T09:41:00+01:00"
    assert ecg["interpretation"][0]["text"] in ("Sinus Rhythm", "Sinusrhythmus")
    assert "Zaphod" not in json.dumps(ecg)
    assert "1988" not in json.dumps(ecg)


def test_clinical_records_are_delivered_unchanged() -> None:
    """Those of R4. Older ones, and files that are not FHIR, are counted."""
    resources = {
        "a.json": {"resourceType": "Condition", "id": "1", "recordedDate": "2026-03-02"},
        "b.json": {"resourceType": "Patient", "id": "p"},
        "c.json": {"resourceType": "MedicationOrder", "id": "2"},
        "d.json": {"hello": 1},
    }
    files = {f"clinical-records/{name}": json.dumps(thing).encode() for name, thing in resources.items()}
    left_out = LeftOut()
    found = read({"export.xml": xml(), **files}, left_out, records=True)
    assert found[ObjectType.CONDITION] == [resources["a.json"]]
    assert found[ObjectType.PATIENT] == [resources["b.json"]]
    assert "OtherVersion" in {reason.code for reason in left_out.by_reason()}


def test_observations_are_valid_fhir() -> None:
    """By the definitions of R4."""
    model = pytest.importorskip("fhir.resources.R4B.observation").Observation
    pressure = record("BloodPressureSystolic", "03-02 10:00", "03-02 10:00", 120, "mmHg")
    rate = record("HeartRate", "03-02 10:00", "03-02 10:05", 72, "count/min")
    ecg = read({"export.xml": xml(), "ecg.csv": ECG.encode()}, records=True)[ObjectType.OBSERVATION]
    for thing in [*observations(pressure, rate), *ecg]:
        assert json.loads(model.model_validate(thing).model_dump_json())["id"] == thing["id"]


def test_ids_do_not_depend_on_the_time_zone() -> None:
    """A phone that travelled writes the same moment differently."""
    here = record("HeartRate", "2026-03-02 10:00:00 +0100", "2026-03-02 10:00:00 +0100", 72, "count/min")
    there = record("HeartRate", "2026-03-02 04:00:00 -0500", "2026-03-02 04:00:00 -0500", 72, "count/min")
    assert observations(here)[0]["id"] == observations(there)[0]["id"]


def test_an_export_with_records_of_two_people_is_rejected() -> None:
    """Records of hospitals name their patient, and a person may have records at two hospitals."""

    def patient(id_: str, given: str) -> dict[str, Any]:
        name = [{"family": "Moss", "given": [given]}]
        return {"resourceType": "Patient", "id": id_, "name": name, "birthDate": "1980-01-01"}

    def export(*patients: dict[str, Any]) -> Connection:
        files = {
            f"apple_health_export/clinical-records/Patient-{number}.json": json.dumps(one).encode()
            for number, one in enumerate(patients)
        }
        main = {
            "apple_health_export/export.xml": xml(record("HeartRate", "03-02 10:00", "03-02 10:00", 72, "count/min"))
        }
        return Connection(archive=io.BytesIO(zipped(main | files)))

    assert AppleHealthRecords().identify(export(patient("e1a", "Ana"), patient("77", "Ana"))).display_name
    with pytest.raises(Broken, match="several people"):
        AppleHealthRecords().identify(export(patient("e1a", "Ana"), patient("77", "Bo")))
