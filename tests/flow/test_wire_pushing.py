"""Tests of protocol 10: pushing files and reading them back."""

import asyncio
import json
import os
import socket
import time
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from privateshare.platform.db.tables import ContractRow
from privateshare.platform.runtime import Platform
from privateshare.protocol.contract_document import parse_document
from tests.flow.files import blobs, files_below
from tests.flow.people import People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.sessions import QUERY, triggered
from tests.flow.wire import Tokens, Wire, check_error, unsealed
from tests.patience import GIVE_UP_SECONDS, wait_for


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.fixture(scope="module")
async def writer(people: People) -> tuple[Wire, Tokens, Wire, Tokens]:
    """Provide a write and a read-raw contract of one partner, and one person who agreed to both."""
    write = await people.contract(kind="write", partner="Raw partner")
    raw = await people.contract(kind="read-raw", partner="Raw partner")
    tokens, _ = await people.user(write, sources=())
    raw_tokens, _ = await people.user(raw, sources=(), library_id=await people.library_of(tokens))
    return write, tokens, raw, raw_tokens


@pytest.mark.protocol("6.4", "10.1", "10.3")
def test_a_pushed_file_is_read_back(writer: tuple[Wire, Tokens, Wire, Tokens]) -> None:
    """Its bytes are unchanged, and the fields of its metadata are in lower case."""
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
    from privateshare.protocol.envelope import decrypt_stream
    from tests.flow.wire import unb64

    assert b"".join(decrypt_stream([answer.content], raw.key)) == content
    metadata = json.loads(unb64(answer.headers["x-metadata"]))["metadata"]
    assert metadata["mimetype"] == "text/plain"
    assert metadata["accounts"] == [{"accountid": "my account"}]
    assert (metadata["reference"], metadata["tags"]) == (["r1"], ["t1", "t2"])
    assert (metadata["appid"], metadata["contractid"]) == (write.application_id, write.contract_id)


@pytest.mark.protocol("10.1", "11.3")
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_push_is_stored_unchanged(writer: tuple[Wire, Tokens, Wire, Tokens], kind: str, chunked: bool) -> None:
    """The Content-Type does not matter, nor whether the body comes in chunks."""
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


@pytest.mark.protocol("5.2")
def test_criteria_select_pushed_files(writer: tuple[Wire, Tokens, Wire, Tokens]) -> None:
    """A file must match any one criterion, and every field that the criterion has."""
    write, tokens, raw, raw_tokens = writer
    write.post(IMPORT, access_token=tokens.access, content=b"one", headers=descriptor(write, tags=["only"]))
    for criteria, expected in (
        ([{"metadata": {"tags": ["only"]}}], 1),
        ([{"metadata": {"tags": ["nothing"]}}], 0),
        ([{"metadata": {"tags": ["only"], "mimeType": ["text/html"]}}], 0),
        ([{"last": "1d", "metadata": {"tags": ["only"]}}], 1),
        ([{"from": int(time.time()) + 3600}], 0),
        ([{"from": 10**30}], 0),
        ([{"from": -(10**30), "metadata": {"tags": ["only"]}}], 1),
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


@pytest.mark.protocol("10.3")
async def test_another_partners_pushed_files_are_not_read(people: People) -> None:
    """A contract without criteria reads only its own partner's files, in lists and by name."""
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


@pytest.mark.protocol("5.2", "10.3")
async def test_criteria_of_contract_and_consent_limit_every_session(people: People, platform: Platform) -> None:
    """The contract as the person saw it and as it is now must both allow a pushed file."""
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
            contract = await db.get_one(ContractRow, raw.contract_id)
            contract.document = parse_document({"dataRequest": {"criteria": criteria}})
        counts.append(len(raw.get(f"{QUERY}/{session}", access_token=reader.access).json()["fileList"]))
    assert counts == [1, 1, 1, 0]


@pytest.mark.protocol("5.2", "10.1")
def test_a_push_needs_a_write_contract_and_a_descriptor(writer: tuple[Wire, Tokens, Wire, Tokens], wire: Wire) -> None:
    """Each rejection has its own error, and nothing is stored."""
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


@pytest.mark.protocol("2.3", "10.1")
async def test_a_push_that_is_sent_several_times_at_once_stores_one_file(
    writer: tuple[Wire, Tokens, Wire, Tokens], people: People
) -> None:
    """All get the same response. The blobs of those that were slower are deleted."""
    write, tokens, *_ = writer
    pushed = f"library/{await people.library_of(tokens)}/pushed"
    before = blobs(people.platform, pushed)
    token, described = write.jwt(access_token=tokens.access), descriptor(write)
    sent = partial(write.post, IMPORT, jwt=token, content=b"x", headers=described)
    answers = await asyncio.gather(*(asyncio.to_thread(sent) for _ in range(4)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(200, "{}")}
    assert len(blobs(people.platform, pushed) - before) == 1


@pytest.mark.protocol("10.1")
async def test_an_aborted_push_leaves_nothing(
    writer: tuple[Wire, Tokens, Wire, Tokens], platform: Platform, people: People
) -> None:
    """Nothing is stored unless the whole file arrived."""
    write, tokens, raw, raw_tokens = writer
    pushed = platform.settings.data / "blobs" / "library" / str(await people.library_of(tokens)) / "pushed"

    def names() -> set[str]:
        session = triggered(raw, raw_tokens)
        listed = raw.get(f"{QUERY}/{session}", access_token=raw_tokens.access).json()
        return {entry["name"] for entry in listed["fileList"]}

    def blobs() -> set[Path]:
        return files_below(pushed)

    def arriving() -> set[Path]:
        return set((platform.settings.data / "blobs" / ".aside").iterdir())

    before, stored, aside = names(), blobs(), arriving()
    address = urlsplit(write.origin)
    head = (
        f"POST /v1.7/{IMPORT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n"
        f"Authorization: Bearer {write.jwt(access_token=tokens.access)}\r\n"
        f"FileDescriptor: {descriptor(write)['FileDescriptor']}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + b"x" * 3_000_000)
        wait_for(lambda: bool(arriving() - aside))
    wait_for(lambda: arriving() <= aside)
    assert names() == before
    assert blobs() == stored


@pytest.mark.protocol("10.1")
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_a_refused_push_can_be_sent_to_its_end(writer: tuple[Wire, Tokens, Wire, Tokens], is_chunked: bool) -> None:
    """A client may send the body only after the response. Its connection is not broken, and serves the next call."""
    write, *_ = writer
    address, body = urlsplit(write.origin), b"x" * 5000
    head = (
        f"POST /v1.7/{IMPORT} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {write.jwt(access_token='unknown')}\r\n"
        f"FileDescriptor: {descriptor(write)['FileDescriptor']}\r\n"
        f"{'Transfer-Encoding: chunked' if is_chunked else f'Content-Length: {len(body)}'}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=GIVE_UP_SECONDS) as connection:
        connection.sendall(head.encode())
        with HTTPResponse(connection, method="POST") as refused:
            refused.begin()
            assert refused.status == 401
            assert json.loads(refused.read())["error"]["code"] == "InvalidToken"
        connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if is_chunked else body)
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        with HTTPResponse(connection, method="GET") as healthy:
            healthy.begin()
            assert healthy.status == 200


@pytest.mark.protocol("10.2")
async def test_a_push_to_a_provider_needs_an_account(writer: tuple[Wire, Tokens, Wire, Tokens]) -> None:
    """A push without an account is rejected."""
    write, tokens, _, _ = writer
    path = "permission-access/import/h:accountId/fhir/stu3"
    headers = {"accountId": "9001_nothing"}
    check_error(write.post(path, access_token=tokens.access, body={}, headers=headers), 404, "NotFound")
    other = "permission-access/import/h:accountId/fhir/r9"
    check_error(write.post(other, access_token=tokens.access, body={}, headers=headers), 400, "InvalidRequest")
