"""Protocol 7, 9 to 12: deleting, discovery, pushing, storage, contracts. No SDK: HTTP and hand-made JWTs."""

import json
import os
import subprocess
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from cryptography import x509
from sqlalchemy import func, select, update

from privateshare.platform.db.tables import CertificateAuthority, Consent, Contract, DoomedBlob, Library, PushedFile
from privateshare.platform.grants.certificates import DOCUMENT_EXTENSION
from privateshare.platform.library.storages import tie_storage
from privateshare.platform.runtime import Platform
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.test_wire_sessions import QUERY, triggered, wait_until_over
from tests.flow.test_wire_storage import cloud
from tests.flow.wire import Tokens, Wire, check_error, ps512, unsealed

IMPORT = "permission-access/import"
SERVICE = "permission-access/service/h:accountId"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


# --- deleting: protocol 7 ---


async def test_a_deleted_account_is_gone_with_its_files(people: People, platform: Platform):
    """Protocol 7.2: the account, and every file that came from it; the other account stays. A repeat finds nothing."""
    wire = await people.contract()
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    before = wait_until_over(wire, tokens, session)["fileList"]
    spotify, health = wire.get("permission-access/accounts", access_token=tokens.access).json()
    answer = wire.call("DELETE", SERVICE, access_token=tokens.access, headers={"accountId": spotify["id"]})
    assert (answer.status_code, answer.json()) == (200, {})
    assert [a["id"] for a in wire.get("permission-access/accounts", access_token=tokens.access).json()] == [
        health["id"]
    ]
    after = wire.get(f"{QUERY}/{session}", access_token=tokens.access).json()["fileList"]
    assert {entry["serviceName"] for entry in after} == {"fhirfile"}
    gone = next(entry["name"] for entry in before if entry["serviceName"] == "spotify")
    check_error(wire.get(f"{QUERY}/{session}/{gone}", access_token=tokens.access), 404, "FileNotFound")
    again = wire.call("DELETE", SERVICE, access_token=tokens.access, headers={"accountId": spotify["id"]})
    check_error(again, 404, "NotFound")
    await wait_until_swept(platform)


async def wait_until_swept(platform: Platform) -> None:
    """Until the job that deletes blobs has done so."""
    for _ in range(200):
        async with platform.database.transaction() as db:
            if not await db.scalar(select(func.count()).select_from(DoomedBlob)):
                return
        time.sleep(0.1)
    raise AssertionError("doomed blobs stay")


async def test_another_contracts_account_cannot_be_deleted(wire: Wire, people: People):
    """Protocol 7.2: only accounts that the contract can see exist for it."""
    tokens, _ = await people.user(wire)
    neighbour, _ = await people.user(wire)
    theirs = wire.get("permission-access/accounts", access_token=neighbour.access).json()[0]["id"]
    for method, path in (("DELETE", SERVICE), ("GET", "permission-access/revoke/h:accountId")):
        headers = {"accountId": theirs, "redirectUri": "https://app.example/return?kept=1"}
        check_error(wire.call(method, path, access_token=tokens.access, headers=headers), 404, "NotFound")


async def test_an_account_that_is_not_lent_cannot_be_deleted(wire: Wire, people: People):
    """Protocol 7.2: nor one of the same library that only another contract may see."""
    tokens, _ = await people.user(wire, sources=(SPOTIFY,))
    other = await people.contract()
    more, _ = await people.user(other, sources=(SPOTIFY, FHIR_FILE), library_id=await people.library_of(tokens))
    listed = other.get("permission-access/accounts", access_token=more.access).json()
    (health,) = [account["id"] for account in listed if account["sourceId"] == FHIR_FILE]
    headers = {"accountId": health, "redirectUri": "https://app.example/return?kept=1"}
    for method, path in (("DELETE", SERVICE), ("GET", "permission-access/revoke/h:accountId")):
        check_error(wire.call(method, path, access_token=tokens.access, headers=headers), 404, "NotFound")
    assert other.get("permission-access/accounts", access_token=more.access).json() == listed


async def test_permission_at_a_source_is_withdrawn_on_a_page(wire: Wire, people: People):
    """Protocol 7.4: a location under the consent pages; the redirect URI must be registered."""
    tokens, _ = await people.user(wire)
    account = wire.get("permission-access/accounts", access_token=tokens.access).json()[0]["id"]
    headers = {"accountId": account, "redirectUri": "https://app.example/return?kept=1"}
    answer = wire.get("permission-access/revoke/h:accountId", access_token=tokens.access, headers=headers)
    assert answer.json()["location"].startswith(f"{wire.origin}/apps/saas/revoke?code=")
    refused = wire.get(
        "permission-access/revoke/h:accountId",
        access_token=tokens.access,
        headers=headers | {"redirectUri": "https://evil.example"},
    )
    check_error(refused, 400, "InvalidRedirectUri")


async def test_a_deleted_user_is_erased_key_first(people: People, platform: Platform):
    """Protocol 7.5: tokens stop at once; library, wrapped key and blobs are gone when nobody else has a consent."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    library = await people.library_of(tokens)
    folder = platform.settings.data / "blobs" / "library" / str(library)
    assert folder.exists()
    answer = wire.call("DELETE", "user", access_token=tokens.access)
    assert (answer.status_code, answer.json()) == (200, {})
    check_error(wire.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")
    check_error(wire.refresh(tokens.refresh), 401, "InvalidToken")
    async with platform.database.transaction() as db:
        assert await db.get(Library, library) is None
    await wait_until_swept(platform)
    assert not folder.exists()


async def test_deleting_a_user_leaves_what_other_partners_may_read(people: People, platform: Platform):
    """Protocol 7.5: the library is the person's, so it stays while another partner has a live consent."""
    first, second = await people.contract(partner="P1"), await people.contract(partner="P2")
    tokens, session = await people.user(first)
    wait_until_over(first, tokens, session)
    other, other_session = await people.user(second, library_id=await people.library_of(tokens))
    assert other.claims["sub"] != tokens.claims["sub"]
    assert first.call("DELETE", "user", access_token=tokens.access).status_code == 200
    check_error(first.get("permission-access/accounts", access_token=tokens.access), 401, "InvalidToken")
    assert wait_until_over(second, other, other_session)["fileList"]


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_a_consent_that_is_over_keeps_no_library(people: People, platform: Platform, column: str):
    """Protocol 7.5: who deletes the person is the last partner with a live consent, and so all is erased."""
    first, second = await people.contract(partner="P1"), await people.contract(partner="P2")
    tokens, _ = await people.user(first)
    library = await people.library_of(tokens)
    other, _ = await people.user(second, library_id=library)
    async with platform.database.transaction() as db:
        this = update(Consent).where(Consent.id == UUID(other.claims["consentid"]))
        await db.execute(this.values({column: datetime.now(UTC)}))
    assert first.call("DELETE", "user", access_token=tokens.access).status_code == 200
    async with platform.database.transaction() as db:
        assert await db.get(Library, library) is None


async def test_deleting_a_user_takes_what_the_partner_brought(people: People, platform: Platform):
    """Protocol 7.5: its pushed files, storages and sessions go, in all its contracts; another partner's stay."""
    mine, theirs = [await people.contract(kind="write", partner=name) for name in ("Mine", "Theirs")]
    reader = await people.contract(partner="Mine", legacy=True)
    tokens, session = await people.user(reader)
    library = await people.library_of(tokens)
    storages = {}
    for writer in (mine, theirs):
        pushing, _ = await people.user(writer, sources=(), library_id=library)
        sent = writer.post(IMPORT, access_token=pushing.access, content=b"x", headers=descriptor(writer))
        assert sent.status_code == 200, sent.text
        storages[writer.contract_id] = str(writer.post("storage").json()["id"])
        async with platform.database.transaction() as db:
            contract = await db.get_one(Contract, writer.contract_id)
            assert await tie_storage(db, contract, storages[writer.contract_id], library)
        assert cloud(writer, "POST", storages[writer.contract_id], "/x", content=b"x").status_code == 201
    assert reader.call("DELETE", "user", access_token=tokens.access).status_code == 200
    async with platform.database.transaction() as db:
        left = await db.scalars(select(PushedFile.contract_id).where(PushedFile.library_id == library))
        assert list(left) == [theirs.contract_id]
    assert cloud(mine, "GET", storages[mine.contract_id], "/x").status_code == 404
    assert cloud(theirs, "GET", storages[theirs.contract_id], "/x").content == b"x"
    old = f"{reader.origin}/v1.6/{QUERY}/{session}"
    check_error(reader.http.get(old), 404, "InvalidSession")


# --- discovery: protocol 9.2, 9.3 ---


def test_sources_are_searched_filtered_sorted_and_paged(wire: Wire):
    """Protocol 9.2: `total` counts all; filters are dotted or nested; search is by any of the texts."""
    everything = wire.post("discovery/sources", body={"limit": 1000, "sort": {"name": "asc"}}).json()
    names = [source["name"].casefold() for source in everything["data"]]
    assert names == sorted(names)
    assert everything["total"] == len(names) > 20
    page = wire.post("discovery/sources", body={"limit": 5, "offset": 5, "sort": {"name": "asc"}}).json()
    assert [source["id"] for source in page["data"]] == [source["id"] for source in everything["data"][5:10]]
    assert (page["limit"], page["offset"], page["total"]) == (5, 5, everything["total"])
    for filters in ({"service.id": [19]}, {"service": {"id": [19]}}, {"id": 16}, {"reference": ["spotify"]}):
        found = wire.post("discovery/sources", body={"query": {"filter": filters}}).json()["data"]
        assert [source["id"] for source in found] == [SPOTIFY]
    found = wire.post("discovery/sources", body={"query": {"search": {"name": ["SPOT", "fitb"]}}}).json()
    assert {source["name"] for source in found["data"]} == {"Spotify", "Fitbit"}


def test_a_query_narrows_with_everything_that_it_says(wire: Wire):
    """Protocol 9.2: each filter and search must hold; `queryString` is looked for in the name; desc turns it round."""

    def found(query: dict[str, Any], **more: Any) -> list[str]:
        answer = wire.post("discovery/sources", body={"limit": 1000, "query": query} | more)
        assert answer.status_code == 200, answer.text
        return [source["name"] for source in answer.json()["data"]]

    everything = found({})
    assert found({}, sort={"name": "desc"}) == everything[::-1]
    assert found({"queryString": "BANKS"}) == [name for name in everything if "banks" in name.casefold()] != []
    assert found({"filter": {"country.id": [3]}, "queryString": "banks"}) == ["UK Banks"]
    assert found({"filter": {"category": {"id": [5]}, "platform.id": [3]}}) == ["Spotify"]
    assert found({"filter": {"type.id": [2], "id": [16]}}) == []
    assert found({"search": {"name": ["spot"], "alias": ["fitbit"]}}) == []
    assert found({"search": {"medicalCenter": ["anything"]}}) == []
    assert set(found({"filter": {"publishedStatus": ["approved"]}})) == {"Spotify", "Health record (FHIR file)"}
    beyond = wire.post("discovery/sources", body={"offset": 10_000}).json()
    assert (beyond["data"], beyond["total"]) == ([], len(everything))


def test_services_have_what_clients_read(wire: Wire):
    """Protocol 9.1: ids, names, status and date; what the service is in; and each thing it names is listed."""
    data = wire.http.get(wire.url("discovery/services")).json()["data"]
    groups, countries = ({entry["id"] for entry in data[name]} for name in ("serviceGroups", "countries"))
    for service in data["services"]:
        assert set(service) >= {
            "id", "name", "serviceGroups", "publishedStatus", "publishedDate", "resources", "serviceId"
        }  # fmt: skip
        assert service["publishedDate"] > 10**12
        assert {group["id"] for group in service["serviceGroups"]} <= groups
        assert {country["id"] for country in service.get("countries", [])} <= countries
    unknown = wire.http.get(wire.url("discovery/services"), headers={"contractId": "nothing"})
    check_error(unknown, 400, "InvalidRequest")


def test_include_projects_sources(wire: Wire):
    """Protocol 9.2: dotted fields, and nothing else."""
    body = {"query": {"include": ["id", "service.name", "category.id"], "filter": {"id": [16]}}}
    assert wire.post("discovery/sources", body=body).json()["data"] == [
        {"id": 16, "service": {"name": "Spotify"}, "category": [{"id": 5}]}
    ]


def test_unknown_fields_of_a_query_are_named(wire: Wire):
    """Protocol 13."""
    assert "colour" in check_error(
        wire.post("discovery/sources", body={"query": {"filter": {"colour": 1}}}), 400, "InvalidRequest"
    )
    assert "limit" in check_error(wire.post("discovery/sources", body={"limit": 0}), 400, "InvalidRequest")


@pytest.mark.parametrize("kind", ["categories", "countries", "platforms", "sourceTypes"])
def test_the_other_records_are_listed_and_filtered(wire: Wire, kind: str):
    """Protocol 9.3."""
    everything = wire.post(f"discovery/{kind}").json()["data"]
    first = everything[0]
    found = wire.post(f"discovery/{kind}", body={"query": {"filter": {"id": [first["id"]]}, "include": ["id"]}}).json()
    assert found["data"] == [{"id": first["id"]}]


# --- pushing: protocol 10 ---


def descriptor(wire: Wire, **metadata: Any) -> dict[str, str]:
    """The header FileDescriptor of protocol 10.1."""
    told = {"mimeType": "text/plain", "accounts": [{"accountId": "my account"}]} | metadata
    return {"FileDescriptor": ps512({"alg": "PS512", "typ": "JWT"}, {"metadata": told}, wire.key)}


@pytest.fixture(scope="module")
async def writer(people: People) -> tuple[Wire, Tokens, Wire, Tokens]:
    """A write and a read-raw contract of one partner, and one person who agreed to both."""
    write = await people.contract(kind="write", partner="Raw partner")
    raw = await people.contract(kind="read-raw", partner="Raw partner")
    tokens, _ = await people.user(write, sources=())
    raw_tokens, _ = await people.user(raw, sources=(), library_id=await people.library_of(tokens))
    return write, tokens, raw, raw_tokens


def test_a_pushed_file_is_read_back(writer: tuple[Wire, Tokens, Wire, Tokens]):
    """Protocol 10.1, 10.3, 6.4: byte for byte, with its metadata in lower case."""
    write, tokens, raw, raw_tokens = writer
    content = os.urandom(300_000)
    headers = descriptor(write, reference=["r1"], tags=["t1", "t2"]) | {"Content-Type": "application/octet-stream"}
    answer = write.post(IMPORT, access_token=tokens.access, content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    session = triggered(raw, raw_tokens, accept={"compression": "none"})
    listed = raw.get(f"{QUERY}/{session}", access_token=raw_tokens.access).json()
    assert listed["status"]["state"] == "completed"
    name = listed["fileList"][-1]["name"]
    UUID(name)
    answer = raw.get(f"{QUERY}/{session}/{name}", access_token=raw_tokens.access)
    from privateshare.protocol.envelope import opened
    from tests.flow.wire import unb64

    assert b"".join(opened([answer.content], raw.key)) == content
    metadata = json.loads(unb64(answer.headers["x-metadata"]))["metadata"]
    assert metadata["mimetype"] == "text/plain"
    assert metadata["accounts"] == [{"accountid": "my account"}]
    assert (metadata["reference"], metadata["tags"]) == (["r1"], ["t1", "t2"])
    assert (metadata["appid"], metadata["contractid"]) == (write.application_id, write.contract_id)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_push_is_kept_as_it_comes(writer: tuple[Wire, Tokens, Wire, Tokens], kind: str, chunked: bool):
    """Protocol 10.1, 11.3: whatever its Content-Type, in one piece or in chunks."""
    write, tokens, raw, raw_tokens = writer
    content = b'{"no": JSON' + os.urandom(200_000)
    tag = f"{kind} {chunked}"
    headers = descriptor(write, tags=[tag]) | ({"Content-Type": kind} if kind else {})
    body: Any = (content[start : start + 7000] for start in range(0, len(content), 7000)) if chunked else content
    assert write.post(IMPORT, access_token=tokens.access, content=body, headers=headers).status_code == 200
    scope = {"criteria": [{"metadata": {"tags": [tag]}}]}
    session = triggered(raw, raw_tokens, accept={"compression": "none"}, scope=scope)
    (entry,) = raw.get(f"{QUERY}/{session}", access_token=raw_tokens.access).json()["fileList"]
    answer = raw.get(f"{QUERY}/{session}/{entry['name']}", access_token=raw_tokens.access)
    assert unsealed(answer.content, raw.key) == content


def test_criteria_choose_pushed_files(writer: tuple[Wire, Tokens, Wire, Tokens]):
    """Protocol 5.2: by tag, type, account, app, contract, reference, by when; any of them, and all that one says."""
    write, tokens, raw, raw_tokens = writer
    write.post(IMPORT, access_token=tokens.access, content=b"one", headers=descriptor(write, tags=["only"]))
    for criteria, expected in (
        ([{"metadata": {"tags": ["only"]}}], 1),
        ([{"metadata": {"tags": ["nothing"]}}], 0),
        ([{"metadata": {"tags": ["only"], "mimeType": ["text/html"]}}], 0),
        ([{"last": "1d", "metadata": {"tags": ["only"]}}], 1),
        ([{"from": int(time.time()) + 3600}], 0),
        ([{"metadata": {"tags": ["only"], "accounts": [{"accountId": "my account"}]}}], 1),
        ([{"metadata": {"tags": ["only"], "accounts": [{"accountId": "another"}]}}], 0),
        ([{"metadata": {"tags": ["only"], "appId": [write.application_id], "contractId": [write.contract_id]}}], 1),
        ([{"metadata": {"tags": ["only"], "contractId": [raw.contract_id]}}], 0),
        ([{"metadata": {"tags": ["only"], "reference": ["r1"]}}], 0),
        ([{"metadata": {"tags": ["nothing"]}}, {"metadata": {"tags": ["only"]}}], 1),
    ):
        session = triggered(raw, raw_tokens, scope={"criteria": criteria})
        files = raw.get(f"{QUERY}/{session}", access_token=raw_tokens.access).json()["fileList"]
        assert len(files) == expected, criteria


async def test_another_partners_pushed_files_are_not_read(people: People):
    """Protocol 10.3: a contract without criteria reads what its own partner pushed, listed or by name."""
    write, raw = await people.contract(kind="write", partner="P1"), await people.contract(kind="read-raw", partner="P1")
    stranger = await people.contract(kind="read-raw", partner="P2")
    tokens, _ = await people.user(write, sources=())
    library = await people.library_of(tokens)
    reader, session = await people.user(raw, sources=(), library_id=library)
    other, foreign = await people.user(stranger, sources=(), library_id=library)
    sent = write.post(IMPORT, access_token=tokens.access, content=b"x", headers=descriptor(write))
    assert sent.status_code == 200, sent.text
    (file,) = raw.get(f"{QUERY}/{session}", access_token=reader.access).json()["fileList"]
    assert stranger.get(f"{QUERY}/{foreign}", access_token=other.access).json()["fileList"] == []
    for name in (file["name"], file["name"].upper(), f"{{{file['name']}}}", "x"):
        answer = stranger.get(f"{QUERY}/{foreign}/{name}", access_token=other.access)
        check_error(answer, 404, "FileNotFound")
    for name in (file["name"].upper(), file["name"].replace("-", ""), "x"):
        check_error(raw.get(f"{QUERY}/{session}/{name}", access_token=reader.access), 404, "FileNotFound")


async def test_criteria_of_contract_and_consent_bind_every_session(people: People, platform: Platform):
    """Protocol 5.2, 10.3: what the person saw and what the contract says now must both allow a pushed file."""
    write = await people.contract(kind="write", partner="Criteria")
    tagged = {"criteria": [{"metadata": {"tags": ["a"]}}]}
    raw = await people.contract(kind="read-raw", partner="Criteria", data_request=tagged)
    tokens, _ = await people.user(write, sources=())
    reader, session = await people.user(raw, sources=(), library_id=await people.library_of(tokens))
    for tag in ("a", "b"):
        sent = write.post(IMPORT, access_token=tokens.access, content=b"x", headers=descriptor(write, tags=[tag]))
        assert sent.status_code == 200
    counts = []
    for criteria in (tagged["criteria"], [], [{"metadata": {"tags": ["a", "b"]}}], [{"metadata": {"tags": ["b"]}}]):
        async with platform.database.transaction() as db:
            contract = await db.get_one(Contract, raw.contract_id)
            contract.document = {"dataRequest": {"criteria": criteria}}
        counts.append(len(raw.get(f"{QUERY}/{session}", access_token=reader.access).json()["fileList"]))
    assert counts == [1, 1, 1, 0]


def test_a_push_needs_a_write_contract_and_a_descriptor(writer: tuple[Wire, Tokens, Wire, Tokens], wire: Wire):
    """Protocol 10.1, 5.2: each refusal by name, and nothing is kept."""
    write, tokens, raw, raw_tokens = writer
    refused = raw.post(IMPORT, access_token=raw_tokens.access, content=b"x", headers=descriptor(raw))
    check_error(refused, 400, "InvalidContractDataRequest")
    no_header = write.post(IMPORT, access_token=tokens.access, content=b"x")
    assert "FileDescriptor" in check_error(no_header, 400, "InvalidRequest")
    foreign = write.post(IMPORT, access_token=tokens.access, content=b"x", headers=descriptor(wire))
    if wire.key is not write.key:
        check_error(foreign, 400, "InvalidJWT")
    bad = descriptor(write, accounts="no list")
    assert "accounts" in check_error(
        write.post(IMPORT, access_token=tokens.access, content=b"x", headers=bad), 400, "InvalidRequest"
    )


def test_an_aborted_push_leaves_nothing(writer: tuple[Wire, Tokens, Wire, Tokens], platform: Platform):
    """Protocol 10.1: nothing is stored unless all of it arrived."""
    import socket
    from urllib.parse import urlsplit

    write, tokens, raw, raw_tokens = writer

    def names() -> set[str]:
        session = triggered(raw, raw_tokens)
        listed = raw.get(f"{QUERY}/{session}", access_token=raw_tokens.access).json()
        return {entry["name"] for entry in listed["fileList"]}

    def blobs() -> set[Path]:
        return {path for path in (platform.settings.data / "blobs").rglob("pushed/*") if path.is_file()}

    before, stored = names(), blobs()
    address = urlsplit(write.origin)
    head = (
        f"POST /v1.7/{IMPORT} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n"
        f"Authorization: Bearer {write.jwt(access_token=tokens.access)}\r\n"
        f"FileDescriptor: {descriptor(write)['FileDescriptor']}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + b"x" * 3_000_000)
        time.sleep(0.5)
    for _ in range(50):
        if blobs() == stored:
            break
        time.sleep(0.1)
    assert names() == before
    assert blobs() == stored


async def test_a_push_to_a_provider_needs_an_account(writer: tuple[Wire, Tokens, Wire, Tokens]):
    """Protocol 10.2."""
    write, tokens, _, _ = writer
    path = "permission-access/import/h:accountId/fhir/stu3"
    headers = {"accountId": "9001_nothing"}
    check_error(write.post(path, access_token=tokens.access, body={}, headers=headers), 404, "NotFound")
    other = "permission-access/import/h:accountId/fhir/r9"
    check_error(write.post(other, access_token=tokens.access, body={}, headers=headers), 400, "InvalidRequest")


# --- the rest: protocol 12 ---


async def test_a_contract_is_certified(wire: Wire, platform: Platform, tmp_path: Path):
    """Protocol 12.1: OpenSSL verifies the certificate against the platform's own; the document is in its extension."""
    answer = wire.get("permission-access/contract").json()
    assert (answer["type"], answer["accessType"]) == ("x509", "r")
    assert answer["certificateContractSchemaVersion"] == "5.0.0"
    assert answer["application"]["id"] == wire.application_id
    async with platform.database.transaction() as db:
        authority = (await db.scalars(select(CertificateAuthority.certificate))).one()
    (tmp_path / "ca.pem").write_text(authority)
    (tmp_path / "contract.der").write_bytes(b64decode(answer["certificate"]))
    command = ["openssl", "verify", "-CAfile", tmp_path / "ca.pem", tmp_path / "contract.der"]
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


async def test_a_contract_tells_its_kind_and_its_end(people: People):
    """Protocol 12.1: accessType w for a write contract; the end in milliseconds, also in the certificate."""
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
    wire = await people.contract(kind="write", expires_at=ends)
    told = wire.get("permission-access/contract").json()
    assert (told["accessType"], told["expirationDate"]) == ("w", int(ends.timestamp() * 1000))
    certificate = x509.load_der_x509_certificate(b64decode(told["certificate"]))
    assert certificate.not_valid_after_utc == ends
    assert certificate.public_key() == wire.key.public_key()
    path = f"permission-access/contract/{wire.contract_id}/{'x' * 32}"
    check_error(wire.http.get(wire.url(path)), 403, "InvalidClient")


async def test_a_report_holds_what_the_contract_may_read(people: People):
    """Protocol 12.3: well-formed XML, JSON and a FHIR Bundle; `undefined` bounds nothing. MedMij's has its own form."""
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


async def test_a_report_is_bound_by_the_contract_object_by_object(people: People):
    """Protocol 12.3, 5.2: a file that the contract's time range cuts through gives only what lies inside."""
    since = int(time.time()) - 86_400 * 40
    wire = await people.contract(data_request={"serviceGroups": [{"id": 5}], "timeRanges": [{"from": since}]})
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    objects = wire.get("export/spotify/report?format=json", access_token=tokens.access).json()["objects"]
    plays = [entry["object"]["createddate"] for entry in objects if entry["objectType"] == "playhistory"]
    assert plays
    assert min(plays) >= since * 1000


@pytest.mark.parametrize("kind", ["write", "read-raw"])
async def test_a_report_needs_a_contract_that_reads(people: People, kind: Any):
    """Protocol 5.2, 12.3: reading with a contract of another kind is refused, also as a report."""
    wire = await people.contract(kind=kind)
    tokens, _ = await people.user(wire)
    check_error(wire.get("export/spotify/report", access_token=tokens.access), 400, "InvalidContractDataRequest")


async def test_a_report_is_a_read_to_a_one_off_contract(people: People):
    """Protocol 13: what may be read once is not read again as a report."""
    wire = await people.contract(once=True)
    tokens, _ = await people.user(wire)
    check_error(wire.get("export/spotify/report", access_token=tokens.access), 403, "InsufficientScope")


def test_tracking_is_accepted_and_kept_nowhere(wire: Wire):
    """Protocol 12.4."""
    answer = wire.post("tracking/sdk", body={"anything": 1})
    assert (answer.status_code, answer.content) == (204, b"")
