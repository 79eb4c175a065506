"""SMART Health Cards: files, numeric texts, several parts, and cards that are damaged or hostile."""

import io
import json
import zlib
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from tests.archives import zipped

from privateshare.sources.contract import Broken, Connection, Page
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.source import FhirFile

PATIENT = {"resourceType": "Patient", "name": [{"family": "Anyperson", "given": ["Jane"]}], "birthDate": "1951-01-20"}
SHOT = {
    "resourceType": "Immunization",
    "status": "completed",
    "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "207"}]},
    "patient": {"reference": "resource:0"},
    "occurrenceDateTime": "2021-01-01",
}


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def card(*resources: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """A card with these resources, and a signature of nobody."""
    entries = [{"fullUrl": f"resource:{number}", "resource": one} for number, one in enumerate(resources)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    claims = {
        "iss": "https://issuer.example",
        "nbf": 1620992383.218,
        "vc": {"type": [], "credentialSubject": {"fhirVersion": "4.0.1", "fhirBundle": bundle}},
    }
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(json.dumps(claims).encode()) + packer.flush()
    return f"{encoded(json.dumps(header or {'zip': 'DEF', 'alg': 'ES256', 'kid': 'k'}).encode())}.{encoded(packed)}.{encoded(b'signature')}"


def numeric(text: str) -> str:
    return "".join(f"{ord(letter) - 45:02}" for letter in text)


def read(data: bytes, left_out: LeftOut | None = None) -> list[dict[str, Any]]:
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    FhirFile().identify(connection)
    found: list[dict[str, Any]] = []
    for page in FhirFile().fetch(Connection(archive=io.BytesIO(data)), dict.fromkeys(FhirFile.info.object_types)):
        assert isinstance(page, Page)
        found += page.objects
    return found


GOOD = card(PATIENT, SHOT)
HALF = len(GOOD) // 2


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"verifiableCredential": [GOOD]}).encode(),
        GOOD.encode(),
        f"\ufeffshc:/{numeric(GOOD)}\n".encode(),
        f"shc:/2/2/{numeric(GOOD[HALF:])}\nshc:/1/2/{numeric(GOOD[:HALF])}".encode(),
        zipped({"vaccine.smart-health-card": json.dumps({"verifiableCredential": [GOOD]}).encode()}),
    ],
)
def test_a_card_is_read_in_all_of_its_forms(data: bytes) -> None:
    """Each resource says who issued it, and that its signature was not verified; the person hears it too."""
    left_out = LeftOut()
    patient, shot = sorted(read(data, left_out), key=lambda one: one["resourceType"], reverse=True)
    assert (patient["name"], shot["occurrenceDateTime"]) == (PATIENT["name"], "2021-01-01")
    for resource in (patient, shot):
        assert resource["meta"]["source"] == "https://issuer.example"
        assert resource["meta"]["tag"][0]["code"] == "signature-not-verified"
    (told,) = left_out.unused.values()
    assert "was not verified" in str(told)


def test_cards_of_two_people_are_refused() -> None:
    """Both call their person resource:0."""
    other = card(PATIENT | {"name": [{"family": "Other", "given": ["Bo"]}]}, SHOT)
    with pytest.raises(Broken, match="several people"):
        read(json.dumps({"verifiableCredential": [GOOD, other]}).encode())


@pytest.mark.parametrize(
    "data",
    [
        GOOD[: HALF // 2].encode(),
        f"shc:/{numeric(GOOD)[:-1]}".encode(),
        f"shc:/{numeric(GOOD[:HALF])}".encode(),
        json.dumps({"verifiableCredential": "x"}).encode(),
        json.dumps({"verifiableCredential": [None, 5]}).encode(),
        card(PATIENT, header={"alg": "none"}).encode(),
        b"shc:/" + b"9" * 100_000,
        b"eyJ" + b"." * 50,
    ],
)
def test_damaged_cards_are_refused(data: bytes) -> None:
    with pytest.raises(Broken):
        read(data)


def test_a_card_that_inflates_without_end_is_refused() -> None:
    """Its size is limited before it is parsed."""
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(b" " * 50_000_000) + packer.flush()
    text = f"{encoded(json.dumps({'zip': 'DEF'}).encode())}.{encoded(bomb)}.{encoded(b's')}"
    with pytest.raises(Broken, match="damaged"):
        read(text.encode())


def test_a_damaged_card_beside_others_is_told() -> None:
    """The others are read."""
    left_out = LeftOut()
    found = read(json.dumps({"verifiableCredential": ["eyJub3QiOiJhIn0.cut.off", GOOD]}).encode(), left_out)
    assert found
    assert left_out.damaged
