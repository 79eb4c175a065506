"""What the Android clients (4.0 under /v1.6/, 4.1 under /v1.7/) send, and what they must find in the answers: they read
them with Gson into types of a fixed width. No SDK: HTTP and hand-made JWTs."""

import json
import os
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sqlalchemy import select

from privateshare.platform.db.tables import ConsentRow
from privateshare.platform.grants.postboxes import create_postbox
from privateshare.platform.library.libraries import open_library
from privateshare.protocol.envelope import decrypt_stream
from tests.flow.consenting import ask, asking_contract, at_consent
from tests.flow.people import SPOTIFY, People
from tests.flow.pushing import sealed
from tests.flow.sessions import QUERY, wait_until_over
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, check_error, ps512, query_of, verifier

MAX_INT = 2**31 - 1
AGENT = {"sdk": {"name": "android", "version": "4.1.0"}}
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Cache-Control": "no-cache",
    "User-Agent": "okhttp/4.9.3",
}


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract(application_id=None, partner="An Android app's")


@pytest.fixture(scope="module")
async def user(people: People, wire: Wire) -> tuple[Tokens, str]:
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    return tokens, session


@pytest.fixture(scope="module")
async def writer(people: People, user: tuple[Tokens, str]) -> tuple[Wire, Tokens, Wire, Tokens]:
    """Provide a write contract and a read-raw one, of the same person."""
    library_id = await people.library_of(user[0])
    write = await people.contract(kind="write", legacy=True, partner="An Android app's")
    raw = await people.contract(kind="read-raw", partner="An Android app's")
    written, _ = await people.user(write, sources=(), library_id=library_id)
    return write, written, raw, (await people.user(raw, sources=(), library_id=library_id))[0]


@pytest.mark.protocol("14 (f)")
def test_android_asks_for_a_session_before_it_pushes(wire: Wire) -> None:
    """In version 1.7 this needs no JWT and works for any contract, and the session's key opens nothing."""
    body: dict[str, Any] = {
        "appId": wire.application_id,
        "contractId": wire.contract_id,
        "accept": {"compression": "gzip"},
        "sdkAgent": AGENT["sdk"],
    }
    told = wire.http.post(wire.url("permission-access/session"), json=body, headers=HEADERS).json()
    assert set(told) == {"sessionKey", "expiry", "sessionExchangeToken"}
    unknown = wire.http.post(wire.url("permission-access/session"), json=body | {"contractId": "none"})
    check_error(unknown, 403, "InvalidClient")


@pytest.mark.protocol("5.3", "14 (f)")
def test_a_session_for_pushing_reads_nothing(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Its key lists and reads no files."""
    body = {"appId": wire.application_id, "contractId": wire.contract_id}
    key = wire.http.post(wire.url("permission-access/session"), json=body).json()["sessionKey"]
    check_error(wire.get(f"{QUERY}/{key}", access_token=user[0].access), 404, "InvalidSession")


@pytest.mark.protocol("6.6", "14 (f)")
def test_android_reads_the_accounts_as_a_file(wire: Wire, user: tuple[Tokens, str]) -> None:
    """The response is an object, never compressed, and has at least 352 bytes, in versions 1.7 and 1.6."""
    tokens, session = user
    answer = wire.get(f"{QUERY}/{session}/accounts.json", access_token=tokens.access, headers=HEADERS)
    assert len(answer.content) >= 352
    told = json.loads(b"".join(decrypt_stream([answer.content], wire.key)))
    assert [account["service"]["name"] for account in told["accounts"]] == ["Spotify"]
    assert told["consentid"]


@pytest.mark.protocol("4.4")
async def test_android_names_no_redirect_uri_when_it_adds_a_service(people: People) -> None:
    """The URI that Android registers is used, or the only registered one. Otherwise it must be named."""
    first = await people.contract()
    android = f"digime-ca://callback-{first.application_id}"
    for uris, status in (((android, REDIRECT_URI), 201), ((REDIRECT_URI,), 201), ((REDIRECT_URI, "x-app://b"), 400)):
        wire = await people.contract(application_id=first.application_id, redirect_uris=uris)
        pages = await asking_tokens(people, wire, uris[0])
        answer = wire.post("oauth/token/reference", access_token=pages.access, headers=HEADERS)
        assert answer.status_code == status, answer.text
        if status == 201:
            assert wire.signed(answer)["expires_on"] <= MAX_INT
        else:
            assert "redirect_uri" in check_error(answer, 400, "InvalidRequest")


async def asking_tokens(people: People, wire: Wire, redirect_uri: str) -> Tokens:
    """Return the tokens of a new person, for a contract with its own redirect URI."""
    secret = verifier()
    answer = wire.authorize(secret, redirect_uri=redirect_uri)
    code = await people.consent(wire.signed(answer)["preauthorization_code"])
    return wire.tokens(wire.exchange(code, secret))


@pytest.mark.protocol("10.1")
def test_android_pushes_with_extra_metadata(writer: tuple[Wire, Tokens, Wire, Tokens]) -> None:
    """Accounts may have references, names and fields that are not stored, and the response has a body."""
    write, tokens, raw, raw_tokens = writer
    metadata = {
        "accounts": [{"accountId": "a", "references": ["r"], "username": "u"}],
        "mimeType": "application/json",
        "objectTypes": [{"name": "receipt", "references": ["x"], "typeDef": {}}],
        "providerName": ["Shop"],
        "reference": ["What is this? ~ü>"],
        "serviceGroups": [{"serviceGroupId": "1"}],
        "tags": ["t"],
        "appId": write.application_id,
        "contractId": write.contract_id,
    }
    descriptor = ps512({"typ": "JWT", "alg": "PS512"}, {"metadata": metadata}, write.key)
    headers = {"FileDescriptor": descriptor, "Accept": "application/json", "Content-Type": "application/json"}
    answer = write.post("permission-access/import", access_token=tokens.access, content=b"x" * 500, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {})
    session = raw.post("permission-access/trigger?schemaVersion=5.0.0&prefetch=false", access_token=raw_tokens.access)
    key = session.json()["session"]["key"]
    name = raw.get(f"{QUERY}/{key}", access_token=raw_tokens.access).json()["fileList"][-1]["name"]
    read = raw.get(f"{QUERY}/{key}/{name}", access_token=raw_tokens.access)
    header = read.headers["x-metadata"]
    assert not set("-_") & set(header)  # Android's decoder skips these characters.
    told = json.loads(b64decode(header + "=" * (-len(header) % 4)))
    assert told["metadata"]["reference"] == metadata["reference"]
    assert told["metadata"]["accounts"] == [{"accountid": "a"}]


@pytest.mark.protocol("5.1")
def test_android_sends_a_context_with_its_scope(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Gson also writes the class's field `context`, which is ignored."""
    scope = {"context": "scope", "timeRanges": [{"last": "3m"}], "serviceGroups": [{"id": 5, "serviceTypes": []}]}
    path = "permission-access/trigger?schemaVersion=5.0.0&prefetch=false"
    answer = wire.post(path, access_token=user[0].access, body={"scope": scope}, headers=HEADERS)
    assert answer.status_code == 202, answer.text


@pytest.mark.protocol("14 (d)", "14 (f)")
async def test_android_reads_the_expiry_of_a_postbox_in_32_bits(
    people: People, writer: tuple[Wire, Tokens, Wire, Tokens]
) -> None:
    """This is the response to a push in version 1.6, with the headers that only Android sends."""
    write, tokens, *_ = writer
    old = replace(write, version="v1.6")
    library_id = await people.library_of(tokens)
    async with people.platform.database.transaction() as db:
        library = await open_library(db, people.platform, library_id)
        consent = (await db.scalars(select(ConsentRow).where(ConsentRow.contract_id == write.contract_id))).one()
        postbox = await create_postbox(db, library, consent)
    public = serialization.load_pem_public_key(postbox.public_key.encode())
    assert isinstance(public, rsa.RSAPublicKey)
    key, iv = os.urandom(32), os.urandom(16)
    oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    metadata = sealed(key, iv, json.dumps({"mimeType": "text/plain", "accounts": [{"accountId": "a"}]}).encode())
    claims: dict[str, Any] = {
        "access_token": tokens.access,
        "iv": iv.hex(),
        "metadata": b64encode(metadata).decode(),
        "symmetrical_key": b64encode(public.encrypt(key, oaep)).decode(),
        "redirect_uri": "digime-ca://callback",
    }
    headers = {
        "Authorization": f"Bearer {old.jwt(**claims)}",
        "sessionKey": "x" * 43,
        "symmetricalKey": claims["symmetrical_key"],
        "iv": claims["iv"],
        "metadata": claims["metadata"],
    }
    content: Any = {"file": ("file.json", sealed(key, iv, b"{}" * 500)), "description": (None, b"file", "text/plain")}
    answer = old.http.post(old.url(f"permission-access/postbox/{postbox.id}"), headers=headers, files=content)
    assert answer.json()["status"] == "delivered", answer.text
    assert answer.json()["expires"] <= MAX_INT


@pytest.mark.protocol("8.3")
async def test_android_comes_back_to_its_private_scheme(people: People) -> None:
    """The redirect goes to digime-ca://callback-{applicationId}, with code and state."""
    wire = await asking_contract(people, redirect_uris=(REDIRECT_URI, "digime-ca://callback-app"))
    browser = at_consent(ask(wire, redirect_uri="digime-ca://callback-app"), SPOTIFY)
    browser.submit("continue")
    assert browser.left_to is not None
    assert browser.left_to.startswith("digime-ca://callback-app?")
    assert query_of(browser.left_to)["success"] == "true"
