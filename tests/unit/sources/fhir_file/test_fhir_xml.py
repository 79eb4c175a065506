"""FHIR in XML gives the same resources as in JSON."""

import io
import json
import time
import tracemalloc
from functools import partial
from typing import Any

import pytest
from scripts.fhir_elements import R4, types_of
from tests.archives import zipped

from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Broken, Connection, Page
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.fhir_xml import FHIR, json_file, kind_of
from privateshare.sources.fhir_file.record import read_resources
from privateshare.sources.fhir_file.source import FhirFile
from privateshare.sources.recognition import recognise

PATIENT = """<Patient xmlns="http://hl7.org/fhir"><id value="p1"/>
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><b>Ann</b> &amp; co</div></text>
  <extension url="http://example.org/eye"><valueInteger value="2"/></extension>
  <name><family value="Smith"/><given value="Ann"/><given><extension url="http://example.org/unknown">
  <valueCode value="x"/></extension></given></name><birthDate id="born" value="1970-01-01"><extension url="http://example.org/at">
  <valueDateTime value="1970-01-01T10:00:00Z"/></extension></birthDate><deceasedBoolean value="false"/></Patient>"""
OBSERVATION = """<Observation xmlns="http://hl7.org/fhir"><id value="o1"/><contained><Device><id value="d1"/></Device></contained>
  <status value="final"/><category><coding><code value="laboratory"/></coding></category>
  <code><coding><system value="http://loinc.org"/><code value="2345-7"/></coding></code><subject><reference value="Patient/p1"/></subject>
  <effectiveDateTime value="2026-03-04"/><valueQuantity><value value="5.50"/><unit value="mmol/L"/></valueQuantity></Observation>"""
BUNDLE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/>'
    f"<entry><fullUrl value='urn:uuid:1'/><resource>{PATIENT}</resource></entry><entry><resource>{OBSERVATION}</resource></entry></Bundle>"
)
AS_JSON: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p1",
        "text": {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml"><b>Ann</b> &amp; co</div>',
        },
        "extension": [{"url": "http://example.org/eye", "valueInteger": 2}],
        "name": [
            {
                "family": "Smith",
                "given": ["Ann", None],
                "_given": [None, {"extension": [{"url": "http://example.org/unknown", "valueCode": "x"}]}],
            }
        ],
        "birthDate": "1970-01-01",
        "_birthDate": {
            "id": "born",
            "extension": [{"url": "http://example.org/at", "valueDateTime": "1970-01-01T10:00:00Z"}],
        },
        "deceasedBoolean": False,
    },
    {
        "resourceType": "Observation",
        "id": "o1",
        "contained": [{"resourceType": "Device", "id": "d1"}],
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-04",
        "valueQuantity": {"value": 5.50, "unit": "mmol/L"},
    },
]


def read(data: bytes, left_out: LeftOut | None = None) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The resources of a file, parsed and as text."""
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    FhirFile().identify(connection)
    found: list[dict[str, Any]] = []
    texts: list[bytes] = []
    for page in FhirFile().fetch(Connection(archive=io.BytesIO(data)), dict.fromkeys(FhirFile.info.object_types)):
        assert isinstance(page, Page)
        found += page.objects
        texts += page.texts or ()
    return found, texts


@pytest.mark.parametrize(
    "data",
    [
        BUNDLE.encode(),
        BUNDLE.replace("UTF-8", "UTF-16").encode("utf-16"),
        BUNDLE.replace("<Bundle", "<!-- from a hospital -->\n<Bundle").encode("utf-8-sig"),
        b"\n\n" + BUNDLE.encode(),
        zipped({"record/p.xml": PATIENT.encode(), "record/o.xml": OBSERVATION.encode()}),
        zipped({"p.json": json.dumps(AS_JSON[0]).encode(), "o.xml": OBSERVATION.encode()}),
    ],
    ids=["bundle", "UTF-16", "mark and comment", "lines before it", "single files", "with JSON"],
)
def test_xml_is_read_as_json_is(data: bytes) -> None:
    """Lists, numbers with their digits, extensions of single values, and resources in others."""
    left_out = LeftOut()
    found, texts = read(data, left_out)
    assert sorted(found, key=str) == sorted(AS_JSON, key=str)
    assert any(b'"value":5.50' in text for text in texts)
    assert (left_out.read, left_out.is_partial, left_out.unused) == (2, False, {})
    upload = FhirFile.info.upload
    assert upload is not None
    assert recognise(io.BytesIO(data), {9001: upload.marks}).files[9001] >= 1


def test_xml_of_another_version_is_converted() -> None:
    """A medication order of DSTU2 is a request in R4."""
    order = (
        '<MedicationOrder xmlns="http://hl7.org/fhir"><id value="m1"/><status value="active"/><medicationCodeableConcept>'
        '<text value="Aspirin"/></medicationCodeableConcept><patient><reference value="Patient/p1"/></patient></MedicationOrder>'
    )
    found, _ = read(zipped({"p.xml": PATIENT.encode(), "m.xml": order.encode()}))
    (request,) = [one for one in found if one["resourceType"] == "MedicationRequest"]
    assert (request["status"], request["subject"]["reference"]) == ("active", "Patient/p1")


@pytest.mark.parametrize(
    "data",
    [
        BUNDLE[:-30].encode(),
        b'<Patient xmlns="http://hl7.org/fhir">' + b"<name>" * 5000 + b"</name>" * 5000 + b"</Patient>",
        b'<Other xmlns="http://hl7.org/fhir"><id value="1"/></Other>',
    ],
    ids=["cut", "deep", "unknown"],
)
def test_damaged_and_hostile_xml_is_told(data: bytes) -> None:
    with pytest.raises(Broken):
        read(data)


def test_entities_are_not_resolved() -> None:
    """A file on the server, or a text that grows without end, could be in them."""
    entity = b'<!DOCTYPE Patient [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    hostile = PATIENT.replace("<b>Ann</b>", "<b>&a;</b>").encode()
    found, _ = read(zipped({"p.xml": entity + hostile}))
    assert "<b></b>" in found[0]["text"]["div"] or "&a;" in found[0]["text"]["div"]


def test_the_elements_are_those_of_r4() -> None:
    """`python scripts/fhir_elements.py` writes them anew."""
    types = types_of(R4)
    assert len(types) > 600
    assert not [
        (type_, name) for type_, kinds in types.items() for name, kind in kinds.items() if kind_of(type_, name) != kind
    ]


def test_what_comes_before_damage_is_read() -> None:
    """The person hears that the rest is missing."""
    left_out = LeftOut()
    entries = "".join(
        f"<entry><resource>{OBSERVATION.replace('o1', f'o{number}')}</resource></entry>" for number in range(9)
    )
    whole = BUNDLE.replace("</Bundle>", entries + "</Bundle>")
    found, _ = read(whole[: whole.index("o7")].encode(), left_out)
    assert {one["id"] for one in found} == {"p1", *(f"o{number}" for number in range(7))}
    assert list(left_out.damaged) == ["The file"]


def test_a_bundle_of_any_size_needs_little_memory() -> None:
    """Only one entry is in memory."""

    def peak(number: int) -> int:
        data = BUNDLE.replace("</Bundle>", f"<entry><resource>{OBSERVATION}</resource></entry>" * number + "</Bundle>")
        upload = io.BytesIO(data.encode())
        tracemalloc.start()
        for _ in read_resources(upload, LeftOut()):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(100)  # What is read once, such as the elements, is read now.
    assert peak(4000) < 1.5 * peak(2000)


@pytest.mark.parametrize(
    "value",
    ["a" * 50_000_000, "1' " + " ".join(f"a{number}='b'" for number in range(150_000)) + " b='"],
    ids=["a value as long as a file", "many attributes"],
)
def test_a_large_element_takes_no_longer_than_many_small_ones(value: str) -> None:
    """An archive of a few kilobytes would otherwise keep a process busy for minutes."""
    began = time.process_time()
    data = f"<Patient xmlns='{FHIR}'><id value='{value}'/></Patient>".encode()
    with json_file(UploadedFile("p.xml", lambda: io.BytesIO(data), len(data))).open() as stream:
        size = sum(len(piece) for piece in iter(partial(stream.read, 4096), b""))
    assert size > 30
    assert time.process_time() - began < 10
