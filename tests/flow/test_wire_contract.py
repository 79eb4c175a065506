"""Tests of protocol 12: the contract, the report and tracking."""

import subprocess
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cryptography import x509
from sqlalchemy import select

from privateshare.platform.db.tables import CertificateAuthorityRow
from privateshare.platform.keys.certificates import DOCUMENT_EXTENSION
from privateshare.platform.runtime import Platform
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.sessions import wait_until_over
from tests.flow.wire import Wire, check_error


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.mark.protocol("12.1")
async def test_a_contract_is_certified(wire: Wire, platform: Platform, tmp_path: Path) -> None:
    """OpenSSL verifies the certificate with the platform's own, and the document is in its extension."""
    answer = wire.get("permission-access/contract").json()
    assert (answer["type"], answer["accessType"]) == ("x509", "r")
    assert answer["certificateContractSchemaVersion"] == "5.0.0"
    assert answer["application"]["id"] == wire.application_id
    async with platform.database.transaction() as db:
        authority = (await db.scalars(select(CertificateAuthorityRow.certificate))).one()
    (tmp_path / "ca.pem").write_text(authority)
    (tmp_path / "contract.der").write_bytes(b64decode(answer["certificate"]))
    command = ["openssl", "verify", "-CAfile", str(tmp_path / "ca.pem"), str(tmp_path / "contract.der")]
    subprocess.run(command, check=True, capture_output=True)
    certificate = x509.load_der_x509_certificate(b64decode(answer["certificate"]))
    extension = certificate.extensions.get_extension_for_oid(DOCUMENT_EXTENSION).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    document = extension.value
    as_json = wire.get("permission-access/contract?type=json").json()
    assert document.endswith(as_json["certificate"].encode())
    assert document[0] == 0x0C
    ios = f"permission-access/contract/{wire.contract_id}/{wire.application_id}?schemaVersion=5.0.0"
    assert wire.http.get(wire.url(ios)).json()["id"] == wire.contract_id


@pytest.mark.protocol("12.1")
async def test_a_contract_has_its_kind_and_its_end(people: People) -> None:
    """AccessType is w for a write contract, and the end is in milliseconds and in the certificate."""
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    wire = await people.contract(kind="write", expires_at=ends)
    told = wire.get("permission-access/contract").json()
    assert (told["accessType"], told["expirationDate"]) == ("w", int(ends.timestamp() * 1000))
    certificate = x509.load_der_x509_certificate(b64decode(told["certificate"]))
    assert certificate.not_valid_after_utc == ends
    assert certificate.public_key() == wire.key.public_key()
    path = f"permission-access/contract/{wire.contract_id}/{'x' * 32}"
    check_error(wire.http.get(wire.url(path)), 403, "InvalidClient")


@pytest.mark.protocol("12.3")
async def test_a_report_contains_what_the_contract_may_read(people: People) -> None:
    """It is valid XML, JSON or a FHIR Bundle. A bound of `undefined` is no limit. MedMij has its own format."""
    wire = await people.contract()
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    wait_until_over(wire, tokens, session)
    path = "export/fhirfile/report?format=xml&from=undefined&to=undefined"
    root = ElementTree.fromstring(wire.get(path, access_token=tokens.access).text)
    assert root.tag.endswith("portabilityReport")
    assert len(root.findall(".//{*}object")) > 20
    bundle = wire.get("export/fhirfile/report?format=fhir", access_token=tokens.access).json()
    assert bundle["resourceType"] == "Bundle"
    assert {entry["resource"]["resourceType"] for entry in bundle["entry"]} >= {"Condition", "Patient"}
    first, last = int(time.time()) - 86_400 * 40, int(time.time()) - 86_400 * 5
    path = f"export/spotify/report?format=json&from={first}&to={last}"
    objects = wire.get(path, access_token=tokens.access).json()["objects"]
    plays = [entry["object"]["createddate"] for entry in objects if entry["objectType"] == "playhistory"]
    assert plays
    assert all(first * 1000 <= moment < (last + 1) * 1000 for moment in plays)
    types = {"xml": "application/xml", "json": "application/json", "fhir": "application/fhir+json"}
    for form, media_type in types.items():
        answer = wire.get(f"export/SPOTIFY/report?format={form}", access_token=tokens.access)
        assert answer.headers["content-type"].split(";")[0] == media_type
    assert "format" in check_error(
        wire.get("export/spotify/report?format=pdf", access_token=tokens.access), 400, "InvalidRequest"
    )
    turned = f"export/spotify/report?from={last}&to={first}"
    check_error(wire.get(turned, access_token=tokens.access), 400, "InvalidRequest")
    empty = wire.get("export/fhirserver/report?format=xml", access_token=tokens.access)
    assert not list(ElementTree.fromstring(empty.text))
    medmij = ElementTree.fromstring(wire.get("export/medmij/report", access_token=tokens.access).text)
    assert [len(part) for part in medmij] == [4, 0]
    assert medmij.findtext(".//{*}Deelnemer") == "127.0.0.1"
    check_error(wire.get("export/nothing/report", access_token=tokens.access), 404, "NotFound")
    bad = wire.get("export/spotify/report?from=yesterday", access_token=tokens.access)
    assert "from" in check_error(bad, 400, "InvalidRequest")


@pytest.mark.protocol("5.2", "12.3")
async def test_a_report_is_filtered_object_by_object(people: People) -> None:
    """A file that the contract's time range cuts has only the objects inside."""
    since = int(time.time()) - 86_400 * 40
    wire = await people.contract(data_request={"serviceGroups": [{"id": 5}], "timeRanges": [{"from": since}]})
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    objects = wire.get("export/spotify/report?format=json", access_token=tokens.access).json()["objects"]
    plays = [entry["object"]["createddate"] for entry in objects if entry["objectType"] == "playhistory"]
    assert plays
    assert min(plays) >= since * 1000


@pytest.mark.protocol("5.2", "12.3")
@pytest.mark.parametrize("kind", ["write", "read-raw"])
async def test_a_report_needs_a_contract_that_reads(people: People, kind: Any) -> None:
    """Contracts of other kinds cannot get a report."""
    wire = await people.contract(kind=kind)
    tokens, _ = await people.user(wire)
    check_error(wire.get("export/spotify/report", access_token=tokens.access), 400, "InvalidContractDataRequest")


@pytest.mark.protocol("13")
async def test_a_report_counts_as_the_one_read_of_a_one_off_contract(people: People) -> None:
    """After the one read, a report is rejected too."""
    wire = await people.contract(once=True)
    tokens, _ = await people.user(wire)
    check_error(wire.get("export/spotify/report", access_token=tokens.access), 403, "InsufficientScope")


@pytest.mark.protocol("12.4")
def test_tracking_is_accepted_and_not_stored(wire: Wire) -> None:
    """The call succeeds and stores nothing."""
    answer = wire.post("tracking/sdk", body={"anything": 1})
    assert (answer.status_code, answer.content) == (204, b"")
