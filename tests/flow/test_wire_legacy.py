"""Tests of protocol 14 without the SDK: version 1.6."""

import gzip
import json
import os
import time
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sqlalchemy import update

from privateshare.platform.db.tables import ContractRow
from privateshare.platform.runtime import Platform
from privateshare.protocol.envelope import decrypt_stream
from tests.flow.consenting import ask, asking_contract, page_of
from tests.flow.consenting import opened as opened_page
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.pushing import sealed
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire, check_error, query_of, unb64, unsealed


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return replace(await people.contract(legacy=True), version="v1.6")


@pytest.fixture(scope="module")
async def user(people: People, wire: Wire) -> tuple[Tokens, str]:
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    wait_until_over(replace(wire, version="v1.7"), tokens, session)
    return tokens, session


@pytest.mark.protocol("14 (a)", "14 (b)")
def test_a_session_key_is_enough_for_reading(wire: Wire, user: tuple[Tokens, str]) -> None:
    """There is no Authorization header, SHA-512 comes before the data, and a file has at least 352 bytes."""
    _, session = user
    listed = wire.http.get(wire.url(f"{QUERY}/{session}")).json()
    assert listed["status"]["state"] == "completed"
    for entry in listed["fileList"][:5]:
        answer = wire.http.get(wire.url(f"{QUERY}/{session}/{entry['name']}"))
        header = json.loads(unb64(answer.headers["x-metadata"]))
        data = unsealed(answer.content, wire.key, legacy=True)
        assert header["compression"] == "gzip"
        assert len(json.loads(gzip.decompress(data))) == entry["objectCount"]


@pytest.mark.protocol("14 (c)", "14 (f)")
def test_accounts_are_read_as_a_file(wire: Wire, user: tuple[Tokens, str]) -> None:
    """The file accounts.json has its older format without compression, and `compression` is empty."""
    _, session = user
    answer = wire.http.get(wire.url(f"{QUERY}/{session}/accounts.json"))
    assert json.loads(unb64(answer.headers["x-metadata"]))["compression"] == ""
    told = json.loads(b"".join(decrypt_stream([answer.content], wire.key, legacy=True)))
    assert {account["service"]["name"] for account in told["accounts"]} == {"Spotify", "Health record file"}


@pytest.mark.protocol("14 (a)")
async def test_version_1_6_is_off_by_default(people: People) -> None:
    """Without the contract's setting the response is that of a missing session."""
    wire = await people.contract()
    _, session = await people.user(wire)
    old = replace(wire, version="v1.6")
    check_error(old.http.get(old.url(f"{QUERY}/{session}")), 404, "InvalidSession")
    check_error(old.http.get(old.url(f"{QUERY}/{session}/accounts.json")), 404, "InvalidSession")
    body = {"appId": wire.application_id, "contractId": wire.contract_id}
    check_error(old.post("permission-access/session", body=body), 400, "InvalidRequest")


@pytest.mark.protocol("5.3", "14 (a)")
def test_a_withdrawn_or_unknown_session_opens_nothing(wire: Wire) -> None:
    """Both get the same error."""
    check_error(wire.http.get(wire.url(f"{QUERY}/{'x' * 43}")), 404, "InvalidSession")


@pytest.mark.protocol("14 (f)")
def test_android_opens_a_session(wire: Wire) -> None:
    """It needs no JWT, is pending until consent, and discovery works under v1.5."""
    body = {
        "appId": wire.application_id,
        "contractId": wire.contract_id,
        "accept": {"compression": "gzip"},
        "sdkAgent": {"name": "android", "version": "3"},
    }
    told = wire.http.post(wire.url("permission-access/session"), json=body).json()
    assert set(told) == {"sessionKey", "expiry", "sessionExchangeToken"}
    assert wire.http.get(wire.url(f"{QUERY}/{told['sessionKey']}")).json() == {"status": {"state": "pending"}}
    assert wire.http.get(f"{wire.origin}/v1.5/discovery/services").json()["data"]["services"]


@pytest.mark.protocol("5.3", "14 (a)")
async def test_an_ended_contract_cannot_read(people: People, platform: Platform) -> None:
    """Its session's key gets the error of a missing session."""
    ending = replace(await people.contract(legacy=True), version="v1.6")
    _, session = await people.user(ending)
    path = ending.url(f"{QUERY}/{session}")
    assert ending.http.get(path).status_code == 200
    async with platform.database.transaction() as db:
        this = ContractRow.id == ending.contract_id
        await db.execute(update(ContractRow).where(this).values(expires_at=datetime.now(UTC)))
    for ended in (path, f"{path}/accounts.json"):
        check_error(ending.http.get(ended), 404, "InvalidSession")


def test_the_other_calls_equal_those_of_version_1_7(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Trigger (with Android's query), refresh and key set work under /v1.6/. Protocol 14."""
    tokens, _ = user
    assert triggered(wire, tokens, sourceFetch=False)
    path = "permission-access/trigger?schemaVersion=5.0.0&prefetch=false"
    assert wire.post(path, access_token=tokens.access, body={}).status_code == 202
    assert wire.get("permission-access/accounts", access_token=tokens.access).status_code == 200
    assert wire.tokens(wire.refresh(tokens.refresh)).access


@pytest.mark.protocol("8.3", "14 (d)")
async def test_a_postbox_accepts_files_encrypted_for_its_key(people: People) -> None:
    """The file is the multipart field `file`, its key is in the JWT, and it is stored unchanged.

    Android sends a second part of the same name, without a file name.
    """
    asked = await asking_contract(people, kind="write", legacy=True, partner="Old partner")
    writer = replace(asked, version="v1.6")
    asking = ask(writer)
    browser = opened_page(asking.url)
    assert page_of(browser) == "consent"
    browser.submit("continue")
    told = query_of(str(browser.left_to))
    assert told["success"] == "true"
    tokens = asking.tokens(str(browser.left_to))
    library_id = await people.library_of(tokens)
    public = serialization.load_pem_public_key(told["publicKey"].encode())
    assert isinstance(public, rsa.RSAPublicKey)
    key, iv, content = os.urandom(32), os.urandom(16), os.urandom(100_001)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    metadata = {"mimeType": "text/plain", "accounts": [{"accountId": "a"}], "reference": ["r"]}
    claims: dict[str, Any] = {
        "access_token": tokens.access,
        "iv": iv.hex(),
        "metadata": b64encode(sealed(key, iv, json.dumps(metadata).encode())).decode(),
        "symmetrical_key": b64encode(public.encrypt(key, oaep)).decode(),
        "redirect_uri": "https://app.example/return?kept=1",
    }
    headers = {"Authorization": f"Bearer {writer.jwt(**claims)}"}
    url = writer.url(f"permission-access/postbox/{told['postboxId']}")
    parts = [("file", ("x.bin", sealed(key, iv, content))), ("file", (None, b"file"))]
    answer = writer.http.post(url, headers=headers, files=parts)
    assert answer.json()["status"] == "delivered", answer.text
    assert time.time() < answer.json()["expires"] < 2**31  # Android reads 32 bits.
    assert set(answer.json()["session"]) == {"key", "expiry"}  # IOS reads only these fields.
    raw = await people.contract(kind="read-raw", partner="Old partner")
    raw_tokens, _ = await people.user(raw, sources=(), library_id=library_id)
    session = triggered(raw, raw_tokens, accept={"compression": "none"})
    name = raw.get(f"{QUERY}/{session}", access_token=raw_tokens.access).json()["fileList"][0]["name"]
    read = raw.get(f"{QUERY}/{session}/{name}", access_token=raw_tokens.access)
    assert b"".join(decrypt_stream([read.content], raw.key)) == content
    for wrong in ({"symmetrical_key": "eA=="}, {"iv": "00"}, {"metadata": "!"}):
        headers = {"Authorization": f"Bearer {writer.jwt(**(claims | wrong))}"}
        check_error(writer.http.post(url, headers=headers, files={"file": ("x", b"x" * 16)}), 400, "InvalidRequest")
    headers = {"Authorization": f"Bearer {writer.jwt(**(claims | {'access_token': 'old'}))}"}
    pending = writer.http.post(url, headers=headers, files={"file": ("x", b"x" * 16)})
    assert pending.json()["status"] == "pending"
    other = await people.contract(kind="write", legacy=True)
    check_error(replace(other, version="v1.6").post(f"permission-access/postbox/{told['postboxId']}"), 404, "NotFound")
