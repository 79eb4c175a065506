"""Clinical documents in C-CDA become the resources that apps ask for, of one person."""

import io
import json
from collections import defaultdict
from typing import Any

import pytest
from tests.archives import bundle, zipped

from privateshare.sources.contract import Broken, Connection, Page
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.source import FhirFile

PERSON = (
    '<recordTarget><patientRole><id extension="{id}" root="2.16.840.1.113883.19"/><patient><name><given>{given}</given>'
    '<family>Jones</family></name><administrativeGenderCode code="F"/><birthTime value="19750501"/></patient></patientRole></recordTarget>'
)


def document(
    *sections: tuple[str, str], person: str = PERSON.format(id="998991", given="Isabella"), text: str = ""
) -> str:
    listed = "".join(
        f'<component><section><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><title>Section {code}</title>'
        f"<text>{text}</text>{entries}</section></component>"
        for code, entries in sections
    )
    return (
        '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="CDA.xsl"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3" '
        'xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><code code="34133-9"/>'
        f"{person}<component><structuredBody>{listed}</structuredBody></component></ClinicalDocument>"
    )


def read(data: bytes, left_out: LeftOut | None = None) -> dict[str, list[dict[str, Any]]]:
    """The resources of a file, by their type. Their texts are those of the objects."""
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    FhirFile().identify(connection)
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for page in FhirFile().fetch(Connection(archive=io.BytesIO(data)), dict.fromkeys(FhirFile.info.object_types)):
        assert isinstance(page, Page)
        assert [json.loads(text) for text in page.texts or ()] == list(page.objects)
        for resource in page.objects:
            found[resource["resourceType"]].append(resource)
    return found


def entry(inner: str) -> str:
    return f"<entry>{inner}</entry>"


ALLERGY = entry(
    '<act classCode="ACT" moodCode="EVN"><statusCode code="active"/><entryRelationship typeCode="SUBJ">'
    '<observation classCode="OBS" moodCode="EVN"{negated}><id root="4adc1020-7b14-11db-9fe1-0800200c9a66"/>'
    '<effectiveTime><low value="20080501"/></effectiveTime>'
    '<value xsi:type="CD" code="419511003" codeSystem="2.16.840.1.113883.6.96"/>'
    "{substance}"
    '<entryRelationship typeCode="MFST" inversionInd="true"><observation><value xsi:type="CD" code="422587007" '
    'codeSystem="2.16.840.1.113883.6.96" displayName="Nausea"/><entryRelationship typeCode="SUBJ"><observation>'
    '<code code="SEV"/><value xsi:type="CD" code="255604002"/></observation></entryRelationship></observation></entryRelationship>'
    "</observation></entryRelationship></act>"
)
PENICILLIN = (
    '<participant typeCode="CSM"><participantRole><playingEntity><code code="7982" codeSystem="2.16.840.1.113883.6.88" '
    'displayName="Penicillin G"><originalText><reference value="#a1"/></originalText></code></playingEntity></participantRole></participant>'
)


def test_an_allergy_has_its_substance_reaction_and_severity() -> None:
    """Texts of entries are in the narrative of the section."""
    data = document(
        ("48765-2", ALLERGY.format(negated="", substance=PENICILLIN)),
        text='<content ID="a1">Penicillin <b>G</b></content>',
    )
    found = read(data.encode())
    (allergy,), (patient,) = found["AllergyIntolerance"], found["Patient"]
    assert allergy["code"]["text"] == "Penicillin G"
    assert allergy["code"]["coding"][0]["system"] == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert allergy["patient"] == {"reference": f"Patient/{patient['id']}"}
    assert allergy["clinicalStatus"]["coding"][0]["code"] == "active"
    assert allergy["onsetDateTime"] == "2008-05-01"
    assert allergy["reaction"][0]["severity"] == "mild"
    assert (patient["birthDate"], patient["gender"], patient["name"][0]["family"]) == ("1975-05-01", "female", "Jones")


def test_a_denied_allergy_is_not_one() -> None:
    """No known allergy is a statement of its own, and a substance that was denied is refuted."""
    none = read(document(("48765-2", ALLERGY.format(negated=' negationInd="true"', substance=""))).encode())
    assert none["AllergyIntolerance"][0]["code"]["coding"][0]["code"] == "716186003"
    refuted = read(document(("48765-2", ALLERGY.format(negated=' negationInd="true"', substance=PENICILLIN))).encode())
    assert refuted["AllergyIntolerance"][0]["verificationStatus"]["coding"][0]["code"] == "refuted"
    assert "clinicalStatus" not in refuted["AllergyIntolerance"][0]


def test_problems_have_their_status() -> None:
    """By their end, or by the observation of their status; a denied problem is refuted."""
    problem = (
        '<act><statusCode code="active"/><entryRelationship typeCode="SUBJ"><observation{negated}><id root="2.16.1" extension="{n}"/>'
        '<effectiveTime><low value="20120806"/>{high}</effectiveTime><value xsi:type="CD" code="233604007" '
        'codeSystem="2.16.840.1.113883.6.96" displayName="Pneumonia"><translation code="J18.9" codeSystem="2.16.840.1.113883.6.90"/></value>'
        "</observation></entryRelationship></act>"
    )
    entries = [
        entry(problem.format(negated="", n=1, high="")),
        entry(problem.format(negated="", n=2, high='<high value="20130806120000-0500"/>')),
        entry(problem.format(negated=' negationInd="true"', n=3, high="")),
        entry('<act nullFlavor="NI"/>'),
    ]
    active, resolved, refuted = read(document(("11450-4", "".join(entries))).encode())["Condition"]
    assert active["clinicalStatus"]["coding"][0]["code"] == "active"
    assert [one["system"] for one in active["code"]["coding"]] == [
        "http://snomed.info/sct",
        "http://hl7.org/fhir/sid/icd-10-cm",
    ]
    assert (resolved["clinicalStatus"]["coding"][0]["code"], resolved["abatementDateTime"]) == (
        "resolved",
        "2013-08-06T12:00:00-05:00",
    )
    assert refuted["verificationStatus"]["coding"][0]["code"] == "refuted"


def test_medications_and_vaccines() -> None:
    """What is intended is a request, and what happened a statement; a refused vaccine was not given."""
    drug = (
        '<substanceAdministration moodCode="{mood}"{negated}><statusCode code="completed"/>'
        '<effectiveTime xsi:type="IVL_TS"><low value="20120806"/><high nullFlavor="UNK"/></effectiveTime>'
        '<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="12" unit="h"/></effectiveTime>'
        '<routeCode code="C38216" codeSystem="2.16.840.1.113883.3.26.1.1"/><doseQuantity value="1.5" unit="mg"/>'
        '<consumable><manufacturedProduct><manufacturedMaterial><code code="573621" codeSystem="2.16.840.1.113883.6.88"/>'
        "<lotNumberText>1</lotNumberText></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"
    )
    both = entry(drug.format(mood="INT", negated="")) + entry(drug.format(mood="EVN", negated=""))
    refused = entry(drug.format(mood="EVN", negated=' negationInd="true"'))
    found = read(document(("10160-0", both), ("11369-6", refused)).encode())
    (request,), (statement,), (vaccine,) = (
        found["MedicationRequest"],
        found["MedicationStatement"],
        found["Immunization"],
    )
    assert (request["intent"], request["status"], request["authoredOn"]) == ("plan", "completed", "2012-08-06")
    assert request["dosageInstruction"][0]["timing"]["repeat"] == {"frequency": 1, "period": 12, "periodUnit": "h"}
    assert statement["effectivePeriod"] == {"start": "2012-08-06"}
    assert statement["dosage"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 1.5
    assert (vaccine["status"], vaccine["occurrenceDateTime"], vaccine["lotNumber"]) == ("not-done", "2012-08-06", "1")


def test_results_vital_signs_and_social_history() -> None:
    """Values of every type; a panel of results is a report too."""
    value = '<component><observation><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/><effectiveTime value="200003231430"/>{value}<interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/><referenceRange><observationRange><text>M 13-18</text><value xsi:type="IVL_PQ"><low value="12" unit="g/dl"/></value></observationRange></referenceRange></observation></component>'
    panel = "<organizer><code code='43789009' codeSystem='2.16.840.1.113883.6.96'/><statusCode code='completed'/>{}</organizer>"
    values = {
        "30313-1": '<value xsi:type="PQ" value="13.2" unit="g/dl"/>',
        "1": '<value xsi:type="ST">negative</value>',
        "2": '<value xsi:type="CD" code="260385009" codeSystem="2.16.840.1.113883.6.96"/>',
        "3": '<value xsi:type="IVL_PQ"><high value="5" unit="mg"/></value>',
        "4": '<value xsi:type="PQ" nullFlavor="UNK"/>',
    }
    listed = "".join(value.format(code=code, value=one) for code, one in values.items())
    smoking = entry(
        '<observation><code code="72166-2" codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="CD" code="8517006" codeSystem="2.16.840.1.113883.6.96"/></observation>'
    )
    found = read(
        document(
            ("30954-2", entry(panel.format(listed))), ("8716-3", entry(panel.format(listed))), ("29762-2", smoking)
        ).encode()
    )
    laboratory = [one for one in found["Observation"] if one["category"][0]["coding"][0]["code"] == "laboratory"]
    assert laboratory[0]["valueQuantity"] == {
        "value": 13.2,
        "unit": "g/dl",
        "system": "http://unitsofmeasure.org",
        "code": "g/dl",
    }
    assert (laboratory[0]["effectiveDateTime"], laboratory[0]["referenceRange"][0]["text"]) == ("2000-03-23", "M 13-18")
    assert laboratory[1]["valueString"] == "negative"
    assert "valueCodeableConcept" in laboratory[2]
    assert "valueRange" in laboratory[3]
    assert laboratory[4]["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    (report,) = found["DiagnosticReport"]
    assert len(report["result"]) == 5
    assert len(found["Observation"]) == 10  # A vital sign without a value is none.


@pytest.mark.parametrize(
    ("written", "stored"),
    [("13.20", "13.20"), ("2", "2"), ("2.0", "2.0"), ("0.10", "0.10"), (".5", "0.5"), ("+1.50", "1.5"), ("007", "7")],
)
def test_numbers_of_documents_keep_their_digits(written: str, stored: str) -> None:
    """Zeros at the end have a meaning in FHIR. What JSON cannot have is written as JSON has it."""
    value = (
        '<observation><code code="30313-1" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>'
        f'<value xsi:type="PQ" value="{written}" unit="g/dl"/></observation>'
    )
    panel = (
        f"<organizer><code code='43789009'/><statusCode code='completed'/><component>{value}</component></organizer>"
    )
    data = document(("30954-2", entry(panel)))
    pages = FhirFile().fetch(Connection(archive=io.BytesIO(data.encode())), dict.fromkeys(FhirFile.info.object_types))
    texts = [text for page in pages if isinstance(page, Page) for text in page.texts or ()]
    assert sum(f'"value":{stored},"unit"'.encode() in text for text in texts) == 1


def test_procedures_encounters_and_relatives() -> None:
    """An encounter of an unknown class says so."""
    procedure = entry(
        '<procedure moodCode="EVN"><code code="73761001" codeSystem="2.16.840.1.113883.6.96" displayName="Colonoscopy"/><statusCode code="completed"/><effectiveTime value="20120512"/></procedure>'
    )
    encounter = entry(
        '<encounter moodCode="EVN"><code code="99213" codeSystem="2.16.840.1.113883.6.12"/><effectiveTime value="201209271300+0500"/></encounter>'
    )
    relative = entry(
        '<organizer><subject><relatedSubject><code code="FTH" codeSystem="2.16.840.1.113883.5.111"/></relatedSubject></subject><component><observation><value xsi:type="CD" code="22298006" codeSystem="2.16.840.1.113883.6.96"/></observation></component></organizer>'
    )
    found = read(document(("47519-4", procedure), ("46240-8", encounter), ("10157-6", relative)).encode())
    assert found["Procedure"][0]["performedDateTime"] == "2012-05-12"
    assert found["Encounter"][0]["class"]["code"] == "UNK"
    assert found["Encounter"][0]["period"] == {"start": "2012-09-27T13:00:00+05:00"}
    assert found["FamilyMemberHistory"][0]["condition"][0]["code"]["coding"][0]["code"] == "22298006"


def test_a_package_of_documents_of_one_person_is_one_record() -> None:
    """Also beside FHIR files; other files of an XDM package and other sections are listed."""
    left_out = LeftOut()
    good = document(
        (
            "11450-4",
            entry('<observation><value xsi:type="CD" code="1" codeSystem="2.16.840.1.113883.6.96"/></observation>'),
        ),
        ("18776-5", entry("<act/>")),
    )
    other = document(person=PERSON.format(id="H-77", given="Isabella"))
    fhir = {
        "resourceType": "Patient",
        "id": "p9",
        "birthDate": "1975-05-01",
        "name": [{"family": "Jones", "given": ["Isabella"]}],
    }
    files = {
        "IHE_XDM/SUBSET01/DOC0001.XML": good.encode(),
        "IHE_XDM/SUBSET01/DOC0002.XML": other.encode("utf-16"),
        "IHE_XDM/SUBSET01/METADATA.XML": b"<SubmitObjectsRequest/>",
        "INDEX.HTM": b"<html></html>",
        "more.json": bundle([fhir]),
    }
    found = read(zipped(files), left_out)
    assert len(found["Patient"]) == 3
    assert len(found["Condition"]) == 1
    assert "Section 18776-5" in left_out.unused


@pytest.mark.parametrize(
    "files",
    [
        {"a.xml": document(person=PERSON.format(id="1", given="Ann") + PERSON.format(id="2", given="Bob"))},
        {
            "a.xml": document(person=PERSON.format(id="1", given="Ann")),
            "b.xml": document(person=PERSON.format(id="2", given="Bob")),
        },
    ],
)
def test_documents_of_two_people_are_refused(files: dict[str, str]) -> None:
    """ADR 16 holds for documents too."""
    with pytest.raises(Broken, match="several people"):
        FhirFile().identify(Connection(archive=io.BytesIO(zipped({name: one.encode() for name, one in files.items()}))))


@pytest.mark.parametrize(
    "data",
    [
        document()[:-50].encode(),
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><ClinicalDocument>&x;',
        b"<html>ClinicalDocument</html>",
        b"<ClinicalDocument" + b"<a>" * 5000,
    ],
)
def test_damaged_and_hostile_documents_are_refused(data: bytes) -> None:
    """Nothing is expanded or fetched."""
    with pytest.raises(Broken):
        FhirFile().identify(Connection(archive=io.BytesIO(data)))


def test_a_document_that_is_read_twice_has_the_same_ids() -> None:
    """So a newer document of the same hospital makes no doubles."""
    data = document(("48765-2", ALLERGY.format(negated="", substance=PENICILLIN))).encode()
    first, second = read(data), read(zipped({"renamed.xml": data}))
    assert first == second


def vital(when: str, value: str, code: str = '<code code="39156-5" codeSystem="2.16.840.1.113883.6.1"/>') -> str:
    return entry(
        f'<organizer><component><observation><id root="c6f88321-67ad-11db-bd13-0800200c9a66"/>{code}'
        f'<effectiveTime value="{when}"/><value xsi:type="PQ" value="{value}" unit="kg/m2"/></observation></component></organizer>'
    )


def test_entries_of_systems_that_give_all_one_id_are_kept() -> None:
    """Measurements at other times, and others at the same time, are not the same; one that is written twice is."""
    entries = [vital("20090315100000", "13.9"), vital("20090417100000", "14.5"), vital("20090417110000", "14.7")]
    doubled = (*entries, vital("20090417110000", "14.8"), entries[0])
    first = read(document(("8716-3", "".join(doubled))).encode())["Observation"]
    assert sorted(one["valueQuantity"]["value"] for one in first) == [13.9, 14.5, 14.7, 14.8]
    assert len({one["id"] for one in first}) == 4
    later = read(document(("8716-3", "".join(entries[1:]))).encode())["Observation"]
    assert {one["id"] for one in later} < {one["id"] for one in first}


def test_a_report_refers_to_its_own_results() -> None:
    """The results of two panels have one id; each panel lists its own."""
    panels = [
        f'<organizer><id root="1.2.3" extension="{n}"/><code code="24323-8" codeSystem="2.16.840.1.113883.6.1"/>'
        '<statusCode code="completed"/><component><observation><id root="1.2.4"/><code code="2345-7" '
        f'codeSystem="2.16.840.1.113883.6.1"/><value xsi:type="PQ" value="{n}" unit="mg/dL"/></observation></component></organizer>'
        for n in (90, 91)
    ]
    found = read(document(("30954-2", "".join(map(entry, panels)))).encode())
    values = {f"Observation/{one['id']}": one["valueQuantity"]["value"] for one in found["Observation"]}
    assert sorted(values[one["result"][0]["reference"]] for one in found["DiagnosticReport"]) == [90, 91]


def test_medications_of_a_discharge_are_within_an_act() -> None:
    medication = (
        '<substanceAdministration moodCode="INT"><id root="1.2.5"/><statusCode code="active"/><consumable><manufacturedProduct>'
        '<manufacturedMaterial><code code="197361" codeSystem="2.16.840.1.113883.6.88"/></manufacturedMaterial>'
        "</manufacturedProduct></consumable></substanceAdministration>"
    )
    act = entry(f'<act><code code="10183-2"/><entryRelationship typeCode="SUBJ">{medication}</entryRelationship></act>')
    (request,) = read(document(("10183-2", act)).encode())["MedicationRequest"]
    assert request["medicationCodeableConcept"]["coding"][0]["code"] == "197361"


def test_entries_that_say_nothing_and_texts_without_entries_are_told() -> None:
    """What an entry refers to in the text names it; without a code and a text there is nothing to share."""
    left_out = LeftOut()
    named = entry(
        '<encounter><code nullFlavor="UNK"/><text><reference value="#e1"/></text><effectiveTime nullFlavor="NI"/></encounter>'
    )
    silent = entry('<encounter nullFlavor="NI"><code nullFlavor="NI"/></encounter>')
    text = '<content ID="e1">A visit at home</content>'
    sections = (("46240-8", named + silent), ("8648-8", ""), ("8716-3", vital("20090315", "13.9")))
    (visit,) = read(document(*sections, text=text).encode(), left_out)["Encounter"]
    assert visit["type"] == [{"text": "A visit at home"}]
    assert {kind.own_name: number for kind, number in left_out.not_taken.items()} == {"Section 46240-8": 1}
    assert list(left_out.unused) == ["Section 8648-8"]
