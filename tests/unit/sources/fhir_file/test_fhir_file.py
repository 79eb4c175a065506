"""Health records as FHIR files."""

import gzip
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.archives import bundle, synthea, zipped

from privateshare.protocol.object_time import object_time
from privateshare.sources.contract import Broken, Connection, Identity, Page
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.fhir_file.record import NOT_FHIR, OTHER_VERSION, UNKNOWN_TYPE
from privateshare.sources.fhir_file.sample import sample_resources
from privateshare.sources.fhir_file.source import FhirFile

CASES = Path(__file__).parents[3] / "data" / "cases"
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


@pytest.mark.parametrize(("number", "count"), [(1, 2361), pytest.param(2, 1929, marks=pytest.mark.slow)])
@pytest.mark.parametrize("form", ["bundle", "gzip", "zip", "ndjson"])
def test_a_record_is_delivered_unchanged(number: int, count: int, form: str) -> None:
    """Every resource of a record of an independent generator, in any kind of file."""
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


def test_an_account_has_the_name_of_the_patient() -> None:
    """It is identified by id and name."""
    told = identity(bundle([OBSERVATION, PATIENT]))
    assert (told.provider_account_id, told.display_name, told.type) == ("p1", "Ada Maria Björk", "IMPORTED")


def test_a_person_with_records_of_two_hospitals_is_accepted() -> None:
    """Each hospital has a Patient for them, with the same name and date of birth."""
    data = (CASES / "fhir-apple-two-hospitals.zip").read_bytes()
    assert identity(data).display_name == "Ana Moss"
    assert sorted(thing["id"] for thing in delivered(data)) == ["77", "a", "b", "e1a"]


def test_records_of_two_people_without_ids_are_rejected() -> None:
    """Nobody's record is shared in the name of another."""
    with pytest.raises(Broken, match="records of several people"):
        identity((CASES / "fhir-two-people-without-ids.json").read_bytes())


@pytest.mark.parametrize("name", [None, [], "Ada", [{}], [{"given": "Ada"}], [7], [{"family": 3, "given": [4]}]])
def test_a_patient_with_an_unusual_name_is_accepted(name: Any) -> None:
    """However the name is written."""
    assert identity(bundle([PATIENT | {"name": name}])).display_name


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n"])
def test_ndjson_in_a_zip_with_many_files(newline: str) -> None:
    """A bulk export with a file for each type is read completely. Files that systems add to zips are ignored."""
    resources: list[dict[str, Any]] = [PATIENT, OBSERVATION, OBSERVATION | {"id": "o2"}]
    entries = {
        "Patient.ndjson": ndjson(resources[:1], newline),
        "deep/er/Observation.NDJSON": ndjson(resources[1:], newline).rstrip(),
        "__MACOSX/._Patient.ndjson": b"\x00\x05\x16\x07",
        "README.txt": b"hello",
    }
    assert sorted_texts(delivered(zipped(entries))) == sorted_texts(resources)


@pytest.mark.parametrize("data", [bundle([PATIENT, OBSERVATION]), ndjson([PATIENT, OBSERVATION])])
def test_a_byte_order_mark_is_ignored(data: bytes) -> None:
    """In a plain and in a compressed file."""
    marked = b"\xef\xbb\xbf" + data
    assert delivered(marked) == delivered(gzip.compress(marked)) == [PATIENT, OBSERVATION]


def test_single_resources_in_a_zip() -> None:
    """Phones export each resource as a file with indented lines, among other files."""
    entries = {
        "export/clinical-records/Patient-1.json": json.dumps(PATIENT, indent=2).encode(),
        "export/clinical-records/Observation-2.json": json.dumps(OBSERVATION, indent=2, sort_keys=True).encode(),
        "export/manifest.json": b'{"created": "2026-02-03", "entries": [1, 2]}',
        "export/Device.ndjson": b"",
        "export/export.xml": b"<HealthData/>",
    }
    assert sorted_texts(delivered(zipped(entries))) == sorted_texts([PATIENT, OBSERVATION])


def test_the_first_resource_may_have_any_size() -> None:
    """The content of a file is detected from its first bytes, however long the first line is."""
    large = OBSERVATION | {"note": [{"text": "x" * 1_000_000}]}
    for data in (ndjson([large, PATIENT]), bundle([large, PATIENT]), ndjson([large]) + ndjson([PATIENT])):
        assert delivered(data) == [large, PATIENT]


def test_bundles_may_have_any_order_of_fields_and_follow_each_other() -> None:
    """A bundle may name its type last, and search results consist of many bundles."""
    last = json.dumps({"entry": [{"resource": PATIENT}], "resourceType": "Bundle"}).encode()
    assert delivered(last) == [PATIENT]
    assert delivered(last + b"\n" + bundle([OBSERVATION])) == [PATIENT, OBSERVATION]


CODE = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
SUBJECT = {"reference": "Patient/p1"}
MEDICATION = {"medicationCodeableConcept": {"text": "Aspirin"}, "subject": SUBJECT, "status": "active"}
INCOMPLETE_OF_ANOTHER_VERSION: list[dict[str, Any]] = [
    {"resourceType": "MedicationOrder"},
    {"resourceType": "DeviceUsage"},
    {"resourceType": "Condition", "clinicalStatus": "active"},
    {"resourceType": "AllergyIntolerance", "assertedDate": "2016"},
    {"resourceType": "Immunization", "notGiven": False},
    {"resourceType": "Observation", "context": {"reference": "Encounter/1"}},
    {"resourceType": "Encounter", "actualPeriod": {"start": "2024"}},
    {"resourceType": "MedicationRequest", "medication": {"concept": {"text": "Aspirin"}}},
    {"resourceType": "ImagingManifest", "id": "i1"},
]
R4_WITH_SOMETHING_OLDER: list[dict[str, Any]] = [
    {"resourceType": "Observation", "status": "final", "code": CODE, "comment": "a word"},
    {"resourceType": "Observation", "status": "final", "code": CODE, "context": SUBJECT, "related": []},
    {"resourceType": "Condition", "subject": SUBJECT, "clinicalStatus": CODE, "assertedDate": "2016"},
    {"resourceType": "Patient", "id": "p1", "animal": {}},
    {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "reason": [CODE]},
    {"resourceType": "MedicationStatement", "taken": "y"} | MEDICATION,
    {"resourceType": "DiagnosticReport", "status": "final", "code": CODE, "context": SUBJECT},
    {"resourceType": "Condition", "clinicalStatus": None, "verificationStatus": None, "assertedDate": None},
    {"resourceType": "Encounter", "class": None, "reason": None},
]


@pytest.mark.parametrize("resource", INCOMPLETE_OF_ANOTHER_VERSION)
def test_what_cannot_be_converted_to_r4_is_skipped_and_counted(resource: dict[str, Any]) -> None:
    """It would be delivered as R4 although what R4 requires is missing."""
    connection = Connection(archive=io.BytesIO(bundle([PATIENT, resource])))
    FhirFile().identify(connection)
    object_type = OBJECT_TYPES.get(resource["resourceType"])
    assert dict(connection.left_out.entries) == {(OTHER_VERSION, object_type): 1}
    assert delivered(bundle([PATIENT, resource])) == [PATIENT]
    with pytest.raises(Broken, match="in a version of the format that cannot be read here"):
        identity(bundle([resource]))


@pytest.mark.parametrize("resource", R4_WITH_SOMETHING_OLDER)
def test_a_leftover_member_of_an_older_version_is_ignored(resource: dict[str, Any]) -> None:
    """A resource that has all that R4 requires is R4."""
    assert delivered(bundle([resource])) == [resource]


def test_unknown_types_are_skipped_and_counted() -> None:
    """Definitions are not data of the person, and are not counted."""
    others = [{"resourceType": name} for name in ("OperationOutcome", "ValueSet", "Novelty")]
    connection = Connection(archive=io.BytesIO(bundle([PATIENT, *others, OBSERVATION])))
    FhirFile().identify(connection)
    assert connection.left_out.by_reason() == {UNKNOWN_TYPE: 1}
    assert delivered(bundle([PATIENT, *others, OBSERVATION])) == [PATIENT, OBSERVATION]


def parameters(resources: Sequence[dict[str, Any]]) -> bytes:
    inner = [{"name": "return", "resource": one} for one in resources]
    return json.dumps({"parameter": [{"name": "all", "part": inner}], "resourceType": "Parameters"}).encode()


def nested(resources: Sequence[dict[str, Any]]) -> bytes:
    inner = [{"resource": json.loads(bundle([one])), "response": {"status": "200"}} for one in resources]
    return json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": inner}).encode()


CONTAINED = {"resourceType": "Observation", "id": "o3", "contained": [{"resourceType": "Practitioner", "id": "d9"}]}
LIST = {"entry": [{"item": {"reference": "Observation/o1"}}], "id": "l1", "resourceType": "List"}
WRAPPED: dict[str, Callable[[Sequence[dict[str, Any]]], bytes]] = {
    "bundle": bundle,
    "array": lambda resources: json.dumps(resources).encode(),
    "lines": lambda resources: ndjson(resources),
    "bundles in a bundle": nested,
    "bundles on lines": lambda resources: b"\n".join(bundle([one]) for one in resources),
    "bundles in an array": lambda resources: b"[" + b",".join(bundle([one]) for one in resources) + b"]",
    "parameters": parameters,
    "by type": lambda resources: json.dumps({"data": {"all": list(resources)}}).encode(),
    "by id": lambda resources: json.dumps({str(number): one for number, one in enumerate(resources)}).encode(),
    "pretty": lambda resources: json.dumps(resources, indent=2).encode(),
}


@pytest.mark.parametrize("form", WRAPPED)
def test_resources_are_found_in_any_wrapper(form: str) -> None:
    """They are complete, with the resources that they contain, which do not count separately."""
    resources = [PATIENT, OBSERVATION, CONTAINED, LIST]
    connection = Connection(archive=io.BytesIO(WRAPPED[form](resources)))
    FhirFile().identify(connection)
    assert not connection.left_out.is_partial
    assert sorted_texts(delivered(WRAPPED[form](resources))) == sorted_texts(resources)


def test_numbers_keep_their_digits() -> None:
    """Every digit is delivered: beyond 64 bits, zeros at the end, exponents."""
    for digits in ("100000000000000000000", "1.50", "0.10", "1e2", "2.0E-07", "-0.0", "123456789.123456789123456789"):
        data = bundle([PATIENT, OBSERVATION]).replace(b'"valueInteger": 7', b'"valueInteger": ' + digits.encode())
        FhirFile().identify(Connection(archive=io.BytesIO(data)))
        found = FhirFile().fetch(Connection(archive=io.BytesIO(data)), dict.fromkeys(FhirFile.info.object_types))
        texts = b"".join(text for page in found if isinstance(page, Page) for text in page.texts or ())
        assert b'"valueInteger": ' + digits.encode() + b"}" in texts


@pytest.mark.parametrize("entry", [{"resource": None}, {"response": {"status": "204"}}, {"fullUrl": "x"}])
def test_an_entry_without_a_resource_is_ignored(entry: dict[str, Any]) -> None:
    """It contains nothing that could be lost."""
    data = json.dumps({"resourceType": "Bundle", "entry": [entry, {"resource": OBSERVATION}]}).encode()
    connection = Connection(archive=io.BytesIO(data))
    FhirFile().identify(connection)
    assert not connection.left_out.is_partial
    assert delivered(data) == [OBSERVATION]


@pytest.mark.parametrize("resource", [{"id": "x"}, {"resourceType": 5}, {"resourceType": None, "id": "x"}])
def test_an_invalid_value_in_place_of_a_resource_is_counted(resource: dict[str, Any]) -> None:
    """An entry without a type cannot be read."""
    connection = Connection(archive=io.BytesIO(bundle([PATIENT, resource, OBSERVATION])))
    FhirFile().identify(connection)
    assert connection.left_out.by_reason() == {NOT_FHIR: 1}
    assert delivered(bundle([PATIENT, resource, OBSERVATION])) == [PATIENT, OBSERVATION]


def test_entity_ids_distinguish_resources() -> None:
    """A resource is identified by type and id, and without an id by its content."""
    entity_id = FhirFile.info.schema.entity_id
    nameless = {"resourceType": "Observation", "valueInteger": 1}
    assert entity_id(PATIENT) == "Patient/p1"
    assert entity_id(OBSERVATION) == "Observation/o1"
    assert entity_id(nameless) == entity_id(dict(reversed(nameless.items()))) != entity_id(nameless | {"status": "x"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bundle([PATIENT, PATIENT | {"id": "p2"}]), "records of several people"),
        (b'<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"/>', "no health record that can be read"),
        (b"\xef\xbb\xbf\n <Record/>", "is XML"),
        (b"\xef\xbb\xbf\n <ClinicalDocument/>", "no health record"),
        (b"%PDF-1.7 a letter", "not a zip archive, and not JSON"),
        (b" \n ", "no health record"),
        (b'{"patient": {"name": "Ada"}}', "no health record"),
        (bundle([]), "no health record"),
        (bundle([{"resourceType": "Parameters"}]), "no health record"),
        (bundle([{"id": "x"}]), "not part of a health record"),
        (bundle([{"resourceType": 5}]), "not part of a health record"),
        (zipped({"a.json": b'{"version": 1}'}), "no health record"),
        (bundle([PATIENT])[:-9], "was cut off"),
        (gzip.compress(bundle([PATIENT]))[:-9], "damaged or was not downloaded"),
        (gzip.compress(bytes(60_000_000)), "far more than an export|not JSON"),
    ],
)
def test_other_files_are_rejected_with_a_reason(data: bytes, words: str) -> None:
    """Each kind of file that cannot be imported has its own explanation."""
    with pytest.raises(Broken, match=words):
        identity(data)


def sample(name: str, now: datetime) -> dict[str, dict[str, Any]]:
    return {FhirFile.info.schema.entity_id(resource): resource for resource in sample_resources(name, now)}


@pytest.mark.parametrize("name", ["default", "large"])
def test_samples_are_always_recent(name: str) -> None:
    """On any day of any year, they have something of the last twelve months, and nothing of the future."""
    for now in (
        datetime(2026, 9, 8, 9, tzinfo=UTC),
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(2041, 9, 7, tzinfo=UTC),
    ):
        moments = [object_time("fhir", resource) or 0 for resource in sample(name, now).values()]
        assert (now - timedelta(days=366)).timestamp() * 1000 < max(moments) <= now.timestamp() * 1000


def test_the_long_sample_only_grows() -> None:
    """A day later, everything is unchanged, and something was added."""
    today = sample("large", datetime(2026, 11, 24, tzinfo=UTC))
    tomorrow = sample("large", datetime(2026, 11, 25, tzinfo=UTC))
    assert today.items() <= tomorrow.items()
    assert len(tomorrow) > len(today) > 5000


@pytest.mark.parametrize("name", ["default", "large"])
def test_samples_are_valid_fhir_r4(name: str) -> None:
    """By the definitions of FHIR."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for resource in sample(name, datetime(2026, 11, 24, tzinfo=UTC)).values():
        by_type.setdefault(resource["resourceType"], []).append(resource)
    for kind, resources in by_type.items():
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        for resource in resources[:15]:
            model.model_validate(resource)


def test_a_gzip_bomb_is_stopped() -> None:
    """A small file with a huge content is not decompressed to its end."""
    head = b'{"resourceType":"Bundle","entry":['
    entry = json.dumps({"resource": OBSERVATION}).encode() + b","
    with pytest.raises(Broken, match="far more than an export"):
        identity(gzip.compress(head + entry * 700_000))
