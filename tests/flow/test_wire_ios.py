"""What the iOS client (5.1) sends, and what it must find in the answers: Swift refuses the whole of an answer for one
field that is missing or of another type. No SDK: HTTP and hand-made JWTs."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from sqlalchemy import select, update

from privateshare.platform.db.tables import PushedFileRow, TokenRow
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.runtime import Platform
from tests.flow.command_line import CREATE, OperatorCommand
from tests.flow.consenting import (
    accounts,
    ask,
    asking_contract,
    failure,
    known_person,
    opened,
    page_of,
    refer,
)
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire, check_error, ps512, query_of, unb64, verifier

AGENT = {"name": "ios", "version": "5.1.0"}
DOCUMENT_EXTENSION = x509.ObjectIdentifier("1.2.826.0.1.6861219.1")


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract(partner="An iOS app's")


@pytest.fixture(scope="module")
async def user(people: People, wire: Wire) -> tuple[Tokens, str]:
    return await people.user(wire, sources=(SPOTIFY, FHIR_FILE))


def described(told: Any, wanted: dict[str, Any]) -> bool:
    """Return whether an object has these fields, of these types or shapes; a list stands for its every element."""
    return all(name in told and _fits(told[name], shape) for name, shape in wanted.items())


def _fits(value: Any, shape: Any) -> bool:
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(entry, shape[0]) for entry in value)
    if isinstance(shape, dict):
        return isinstance(value, dict) and described(value, shape)
    return isinstance(value, shape) and not (shape is int and isinstance(value, bool))


@pytest.mark.protocol("4.1")
async def test_ios_renews_a_lapsed_grant_with_its_expired_access_token(
    wire: Wire, people: People, platform: Platform
) -> None:
    """After both tokens have expired, iOS authorizes with the old access token and gets the same library.

    Android, and Node up to 15, can do it only this way.
    """
    tokens, _ = await people.user(wire)
    async with platform.database.transaction() as db:
        past = datetime.now(UTC) - timedelta(days=1)
        hashes = [hash_secret(tokens.access), hash_secret(tokens.refresh)]
        await db.execute(update(TokenRow).where(TokenRow.token_hash.in_(hashes)).values(expires_at=past))
    secret = verifier()
    body = {"actions": {"pull": {"accept": {"compression": "gzip"}}}, "agent": AGENT}
    answer = wire.authorize(secret, body, access_token=tokens.access)
    assert answer.status_code == 201, answer.text
    code = await people.consent(wire.signed(answer)["preauthorization_code"])
    renewed = wire.tokens(wire.exchange(code, secret))
    assert renewed.claims["sub"] == tokens.claims["sub"]
    assert await people.library_of(renewed) == await people.library_of(tokens)


@pytest.mark.protocol("9.1")
def test_ios_reads_the_list_of_services(wire: Wire) -> None:
    """Every service has pictures, countries, a service id and a platform, and picture URLs work."""
    query = "discovery/services?includeSampleDataOnlySources=true"
    data = wire.http.get(wire.url(query), headers={"contractId": wire.contract_id}).json()["data"]
    service = {
        "id": int,
        "serviceId": int,
        "name": str,
        "serviceGroups": [{"id": int}],
        "countries": [{"id": int}],
        "resources": [{"url": str}],
        "publishedStatus": str,
        "platform": {"windows": {"availability": str, "currentStatus": str}},
    }
    assert data["services"]
    assert described(data, {"countries": [{"id": int, "name": str, "code": str}], "services": [service]})
    picture = wire.http.get(data["services"][0]["resources"][0]["url"])
    assert picture.headers["content-type"] == data["services"][0]["resources"][0]["mimetype"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


SOURCE = {
    "id": int,
    "name": str,
    "publishedStatus": str,
    "category": [{"id": int}],
    "service": {"id": int, "publishedStatus": str},
    "type": [{"id": int}],
    "resource": {"url": str},
}


@pytest.mark.protocol("9.2")
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"include": ["id", "name", "publishedStatus", "category", "service", "type", "resource.url", "address"]},
        {"filter": {"id": {"id": [16, 9001]}, "publishedStatus": ["approved"], "type": {"id": [1]}, "country": {}}},
    ],
)
def test_ios_reads_the_list_of_sources(wire: Wire, query: dict[str, Any]) -> None:
    """Every source has all fields that iOS needs, also if iOS names the fields and filters in its own format."""
    body = {"limit": 50, "offset": 0, "sort": {"name": "asc"}, "query": query}
    told = wire.post("discovery/sources", body=body).json()
    assert described(told, {"data": [SOURCE], "limit": int, "offset": int, "total": int})
    found = {source["id"] for source in told["data"]}
    assert found == {16, 9001} if "filter" in query else found >= {16, 9001}
    assert urlsplit(told["data"][0]["resource"]["url"]).scheme == "http"


@pytest.mark.protocol("9.2")
def test_ios_searches_sources_by_address(wire: Wire) -> None:
    """The search is understood and finds nothing yet."""
    body = {"query": {"search": {"address.city": ["Utrecht"], "address.zipCode": ["3511"]}}}
    assert wire.post("discovery/sources", body=body).json()["data"] == []


@pytest.mark.protocol("12.1")
@pytest.mark.parametrize("read", ["entertainment", "entertainment/spotify", "medical:127,128"])
def test_ios_reads_the_contract(served: Served, wire: Wire, tmp_path: Path, read: str) -> None:
    """`revision` is a string, and every service type lists its object types."""
    command = OperatorCommand(served.data)
    app = command.json("app", "create", "For iOS")["application_id"]
    (tmp_path / "document.json").write_text(json.dumps({"revision": 7}))
    options = ("--read", read, "--key-out", tmp_path / "key.pem", "--document", tmp_path / "document.json", *CREATE)
    made = command.json("contract", "create", "--app", app, *options)
    path = f"permission-access/contract/{made['contract_id']}/{app}?schemaVersion=5.0.0"
    answer = wire.http.get(wire.url(path)).json()
    certificate = x509.load_der_x509_certificate(b64decode(answer["certificate"]))
    extension = certificate.extensions.get_extension_for_oid(DOCUMENT_EXTENSION).value
    assert isinstance(extension, x509.UnrecognizedExtension)
    document = json.loads(extension.value[extension.value.index(b"{") :])
    assert document["revision"] == "7"
    for group in document["dataRequest"]["serviceGroups"]:
        for service in group.get("serviceTypes", []):
            assert service["serviceObjectTypes"]


@pytest.mark.protocol("5.1")
def test_a_duration_of_zero_from_ios_is_no_limit(wire: Wire, user: tuple[Tokens, str]) -> None:
    """IOS writes no limit as 0."""
    tokens, _ = user
    options = {"limits": {"duration": {"sourceFetch": 0}}, "accept": {"compression": "gzip"}, "agent": AGENT}
    listed = wait_until_over(wire, tokens, triggered(wire, tokens, **options))
    assert listed["status"]["state"] == "completed"


@pytest.mark.protocol("6.2", "6.7")
def test_ios_reads_a_file_list_and_a_file(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Dates are numbers, header names are in lower case on the wire, and the metadata is complete."""
    tokens, session = user
    listed = wait_until_over(wire, tokens, session)
    entry = {"name": str, "updatedDate": int, "objectVersion": str}
    assert described(listed, {"fileList": [entry], "status": {"state": str, "details": dict}})
    answer = wire.get(f"{QUERY}/{session}/{listed['fileList'][0]['name']}", access_token=tokens.access)
    header = next(value for name, value in answer.headers.raw if name == b"x-metadata")
    metadata = {"objectCount": int, "objectType": str, "serviceGroup": str, "serviceName": str}
    assert described(json.loads(unb64(header.decode())), {"metadata": metadata, "compression": str})


@pytest.mark.protocol("12.3")
def test_ios_asks_for_a_report_with_fractions_of_seconds(wire: Wire, user: tuple[Tokens, str]) -> None:
    """IOS sends the bounds as doubles."""
    tokens, _ = user
    path = "export/fhirfile/report?format=xml&from=0.0&to=4102444800.0"
    answer = wire.get(path, access_token=tokens.access, headers={"Accept": "application/octet-stream"})
    assert answer.text.startswith("<?xml")


@pytest.mark.protocol("7.4")
def test_ios_learns_that_a_person_did_not_withdraw(wire: Wire) -> None:
    """IOS reads the reason in `errorCode`, other clients in `error_message`."""
    tokens = known_person(wire)
    account = wire.get("permission-access/accounts", access_token=tokens.access).json()[0]["id"]
    headers = {"accountId": account, "redirectUri": "https://app.example/return?kept=1"}
    answer = wire.get("permission-access/revoke/h:accountId", access_token=tokens.access, headers=headers)
    browser = opened(answer.json()["location"])
    assert page_of(browser) == "consent"
    browser.submit("decline")
    told = query_of(browser.left_to or "")
    assert (told["result"], told["errorCode"], told["error_message"]) == ("failed", "USER_CANCEL", "USER_CANCEL")


@pytest.mark.protocol("10.1")
async def test_ios_pushes_every_file_as_json(people: People) -> None:
    """It sends `application/json` with every upload, and an identical repeat gets the same response."""
    wire = await people.contract(kind="write")
    tokens, _ = await people.user(wire, sources=())
    metadata = {"mimeType": "image/jpeg", "accounts": [{"accountId": "a"}], "objectTypes": [{"name": "x"}]}
    headers = {
        "Authorization": f"Bearer {wire.jwt(access_token=tokens.access)}",
        "FileDescriptor": ps512({"typ": "JWT", "alg": "PS512"}, {"metadata": metadata}, wire.key),
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    url = wire.url("permission-access/import")
    for _ in range(2):
        answer = wire.http.post(url, headers=headers, content=b"\xff\xd8 no JSON at all")
        assert (answer.status_code, answer.json()) == (200, {})
    check_error(wire.http.post(url, headers=headers, content=b"another file"), 400, "InvalidRequest")
    library_id = await people.library_of(tokens)
    async with people.platform.database.session() as db:
        pushed = await db.scalars(select(PushedFileRow).where(PushedFileRow.library_id == library_id))
        assert len(list(pushed)) == 1


@pytest.mark.protocol("8.3")
async def test_ios_reads_apple_health_on_the_phone(people: People) -> None:
    """IOS asks for consent with source 260 and reads the data itself, so no account is created."""
    wire = await asking_contract(people, document={"dataRequest": {"serviceGroups": [{"id": 4}], "purpose": "To test"}})
    asking = ask(wire, "&service=260&lng=en_GB")
    browser = opened(asking.url)
    assert page_of(browser) == "consent"
    assert browser.page is not None
    assert "Apple Health" in browser.page.html
    browser.submit("continue")
    tokens = asking.tokens(browser.left_to or "")
    assert accounts(wire, tokens.access) == []
    assert wire.get(f"{QUERY}/{asking.session}", access_token=tokens.access).json()["status"]["state"] == "completed"
    more = refer(wire, "onboard", tokens.access, "&service=260")
    again = opened(more.url)
    assert "Apple Health" in again.page.html  # type: ignore[union-attr]
    assert wire.get(f"{QUERY}/{more.session}", access_token=tokens.access).json()["status"]["state"] == "pending"
    again.submit("continue")
    assert query_of(again.left_to or "")["success"] == "true"


@pytest.mark.protocol("8.3")
async def test_apple_health_is_not_for_contracts_that_do_not_ask_for_it(people: People) -> None:
    """Such a link cannot be started."""
    wire = await asking_contract(people)
    failure(opened(ask(wire, "&service=260").url), "INITIALIZE_CHECK_FAIL")
