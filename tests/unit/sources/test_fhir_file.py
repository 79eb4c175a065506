"""Health records as FHIR files."""

import gzip
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.archives import bundle, synthea, zipped

from privateshare.protocol.object_time import object_time
from privateshare.sources.contract import Broken, Connection, Identity, Page
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.fhir_file.sample import sample_resources
from privateshare.sources.fhir_file.source import FhirFile

CASES = Path(__file__).parents[2] / "data" / "cases"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "name": [{"given": ["Ada", "Maria"], "family": "Björk"}],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "effectiveDateTime": "2026-02-03",
    "valueInteger": 7,
}


def delivered(data: bytes) -> list[dict[str, Any]]:
    """The resources of a file, let in first as the platform does, each under its type."""
    FhirFile().identify(Connection(archive=io.BytesIO(data)))
    found = FhirFile().fetch(Connection(archive=io.BytesIO(data)), dict.fromkeys(FhirFile.info.object_types))
    pages = [page for page in found if isinstance(page, Page)]
    for page in pages:
        assert all(OBJECT_TYPES[thing["resourceType"]] == page.object_type for thing in page.objects)
    return [thing for page in pages for thing in page.objects]


def identity(data: bytes) -> Identity:
    return FhirFile().identify(Connection(archive=io.BytesIO(data)))


def ndjson(resources: Sequence[dict[str, Any]], newline: str = "\n") -> bytes:
    return "".join(json.dumps(resource, ensure_ascii=False) + newline for resource in resources).encode()


def sorted_texts(resources: Sequence[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(resource, sort_keys=True) for resource in resources)


@pytest.mark.parametrize(("number", "count"), [(1, 2361), (2, 1929)])
@pytest.mark.parametrize("form", ["bundle", "gzip", "zip", "ndjson"])
def test_a_whole_record_comes_through_unchanged(number: int, count: int, form: str) -> None:
    """Every resource of a record of an independent generator is delivered as it was, in whatever file it came."""
    data = synthea(number)
    resources = [entry["resource"] for entry in json.loads(data)["entry"]]
    forms = {
        "bundle": lambda: data,
        "gzip": lambda: gzip.compress(data, 1),
        "zip": lambda: zipped({"a folder/my record.json": data}),
        "ndjson": lambda: ndjson(resources),
    }
    found = delivered(forms[form]())
    assert len(found) == count
    assert sorted_texts(found) == sorted_texts(resources)


def test_a_record_has_the_name_of_its_patient() -> None:
    """The account is the patient's, by id and name."""
    told = identity(bundle([OBSERVATION, PATIENT]))
    assert (told.provider_account_id, told.display_name, told.type) == ("p1", "Ada Maria Björk", "IMPORTED")


def test_a_person_with_a_record_at_two_hospitals_is_let_in() -> None:
    """Each hospital has a Patient for them, with the same name and day of birth."""
    data = (CASES / "fhir-apple-two-hospitals.zip").read_bytes()
    assert identity(data).display_name == "Ana Moss"
    assert sorted(thing["id"] for thing in delivered(data)) == ["77", "a", "b", "e1a"]


def test_two_people_without_ids_are_refused() -> None:
    """Nobody's record is lent in the name of another."""
    with pytest.raises(Broken, match="records of several people"):
        identity((CASES / "fhir-two-people-without-ids.json").read_bytes())


@pytest.mark.parametrize("name", [None, [], "Ada", [{}], [{"given": "Ada"}], [7], [{"family": 3, "given": [4]}]])
def test_a_patient_with_an_odd_name_is_let_in(name: Any) -> None:
    """However the name is written, the record is one."""
    assert identity(bundle([PATIENT | {"name": name}])).display_name


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n"])
def test_ndjson_in_a_zip_of_many_files(newline: str) -> None:
    """A bulk export, one file per type, is read whole; what systems add to zips is left out."""
    resources: list[dict[str, Any]] = [PATIENT, OBSERVATION, OBSERVATION | {"id": "o2"}]
    entries = {
        "Patient.ndjson": ndjson(resources[:1], newline),
        "deep/er/Observation.NDJSON": ndjson(resources[1:], newline).rstrip(),
        "__MACOSX/._Patient.ndjson": b"\x00\x05\x16\x07",
        "README.txt": b"hello",
    }
    assert sorted_texts(delivered(zipped(entries))) == sorted_texts(resources)


@pytest.mark.parametrize("data", [bundle([PATIENT, OBSERVATION]), ndjson([PATIENT, OBSERVATION])])
def test_a_byte_order_mark_is_left_out(data: bytes) -> None:
    """A file with the mark is the same record, gzipped or not."""
    marked = b"\xef\xbb\xbf" + data
    assert delivered(marked) == delivered(gzip.compress(marked)) == [PATIENT, OBSERVATION]


def test_single_resources_in_a_zip() -> None:
    """Phones export every resource as a file of its own, with its lines indented, among other files."""
    entries = {
        "export/clinical-records/Patient-1.json": json.dumps(PATIENT, indent=2).encode(),
        "export/clinical-records/Observation-2.json": json.dumps(OBSERVATION, indent=2, sort_keys=True).encode(),
        "export/manifest.json": b'{"created": "2026-02-03", "entries": [1, 2]}',
        "export/Device.ndjson": b"",
        "export/export.xml": b"<HealthData/>",
    }
    assert sorted_texts(delivered(zipped(entries))) == sorted_texts([PATIENT, OBSERVATION])


def test_a_first_resource_of_any_size() -> None:
    """What a file holds is told from its first bytes, however long the first line is."""
    large = OBSERVATION | {"note": [{"text": "x" * 1_000_000}]}
    for data in (ndjson([large, PATIENT]), bundle([large, PATIENT]), ndjson([large]) + ndjson([PATIENT])):
        assert delivered(data) == [large, PATIENT]


def test_bundles_in_any_order_of_fields_and_in_a_row() -> None:
    """A bundle may name its type last, and search results come as many bundles."""
    last = json.dumps({"entry": [{"resource": PATIENT}], "resourceType": "Bundle"}).encode()
    assert delivered(last) == [PATIENT]
    assert delivered(last + b"\n" + bundle([OBSERVATION])) == [PATIENT, OBSERVATION]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "MedicationOrder"},
        {"resourceType": "DeviceUsage"},
        {"resourceType": "Condition", "clinicalStatus": "active"},
        {"resourceType": "AllergyIntolerance", "assertedDate": "2016"},
        {"resourceType": "Immunization", "notGiven": False},
        {"resourceType": "Observation", "context": {"reference": "Encounter/1"}},
        {"resourceType": "Encounter", "actualPeriod": {"start": "2024"}},
        {"resourceType": "MedicationRequest", "medication": {"concept": {"text": "Aspirin"}}},
    ],
)
def test_other_versions_of_fhir_are_refused(resource: dict[str, Any]) -> None:
    """What is DSTU2, STU3 or R5 would be delivered as something that it is not."""
    with pytest.raises(Broken, match="another version of FHIR than R4"):
        identity(bundle([PATIENT, resource]))


def test_types_that_are_not_known_are_left_out() -> None:
    """A record may hold what has no object type here; the rest is delivered."""
    assert delivered(bundle([PATIENT, {"resourceType": "Parameters"}, OBSERVATION])) == [PATIENT, OBSERVATION]


def test_entity_ids_tell_resources_apart() -> None:
    """A resource is known by type and id; one without id, by what it says."""
    entity_id = FhirFile.info.schema.entity_id
    nameless = {"resourceType": "Observation", "valueInteger": 1}
    assert entity_id(PATIENT) == "Patient/p1"
    assert entity_id(OBSERVATION) == "Observation/o1"
    assert entity_id(nameless) == entity_id(dict(reversed(nameless.items()))) != entity_id(nameless | {"status": "x"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bundle([PATIENT, PATIENT | {"id": "p2"}]), "records of several people"),
        (b'<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>', "is XML"),
        (b"\xef\xbb\xbf\n <ClinicalDocument/>", "is XML"),
        (b"%PDF-1.7 a letter", "not JSON. Export the record as FHIR R4"),
        (b" \n ", "no health record"),
        (b'{"patient": {"name": "Ada"}}', "no health record"),
        (bundle([]), "no health record"),
        (bundle([{"resourceType": "Parameters"}]), "no health record"),
        (bundle([{"id": "x"}]), "not FHIR"),
        (bundle([{"resourceType": 5}]), "not FHIR"),
        (zipped({"a.json": b'{"version": 1}'}), "no health record"),
        (zipped({"a.json": b'{"version": ', "b.json": bundle([PATIENT])}), "a.json is not JSON"),
        (ndjson([PATIENT, OBSERVATION])[:-9], "Line 2 of .* cut off"),
        (bundle([PATIENT, OBSERVATION])[:-9], "was cut off"),
        (gzip.compress(bundle([PATIENT]))[:-9], "damaged or was not downloaded"),
        (gzip.compress(bytes(60_000_000)), "far more than an export|not JSON"),
        (bundle([PATIENT]).decode().encode("utf-16"), "not JSON"),
    ],
)
def test_what_is_no_record_of_one_person_is_refused(data: bytes, words: str) -> None:
    """What cannot be imported is told apart, and said in words."""
    with pytest.raises(Broken, match=words):
        identity(data)


def sample(name: str, now: datetime) -> dict[str, dict[str, Any]]:
    return {FhirFile.info.schema.entity_id(resource): resource for resource in sample_resources(name, now)}


@pytest.mark.parametrize("name", ["default", "large"])
def test_samples_do_not_age(name: str) -> None:
    """On any day of any year there is something of the last twelve months, and nothing to come."""
    for now in (
        datetime(2026, 9, 8, 9, tzinfo=UTC),
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(2041, 9, 7, tzinfo=UTC),
    ):
        moments = [object_time("fhir", resource) or 0 for resource in sample(name, now).values()]
        assert (now - timedelta(days=366)).timestamp() * 1000 < max(moments) <= now.timestamp() * 1000


def test_the_long_record_only_grows() -> None:
    """A day later, everything is there as it was, and something more."""
    today = sample("large", datetime(2026, 11, 24, tzinfo=UTC))
    tomorrow = sample("large", datetime(2026, 11, 25, tzinfo=UTC))
    assert today.items() <= tomorrow.items()
    assert len(tomorrow) > len(today) > 5000


@pytest.mark.parametrize("name", ["default", "large"])
def test_samples_are_fhir_r4(name: str) -> None:
    """Samples are valid resources of their types, by FHIR's own definitions."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for resource in sample(name, datetime(2026, 11, 24, tzinfo=UTC)).values():
        by_type.setdefault(resource["resourceType"], []).append(resource)
    for kind, resources in by_type.items():
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        for resource in resources[:15]:
            model.model_validate(resource)


def test_a_bomb_in_gzip_is_stopped() -> None:
    """A small file that unpacks to very much is not unpacked to its end."""
    head = b'{"resourceType":"Bundle","entry":['
    entry = json.dumps({"resource": OBSERVATION}).encode() + b","
    with pytest.raises(Broken, match="far more than an export"):
        identity(gzip.compress(head + entry * 700_000))
