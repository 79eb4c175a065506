"""Tests of protocol 5, 6, 7.1, 9.1 and 12.2 without the SDK: reading sessions."""

import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from privateshare.platform.db.tables import NO_LIBRARY_YET, ContractRow, SessionRow
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.runtime import Platform
from privateshare.protocol.contract_document import parse_document
from tests.flow.people import FHIR_FILE, HEALTH_PROVIDER, HEALTH_RECORDS, SPOTIFY, People
from tests.flow.sessions import QUERY, TRIGGER, read, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire, check_error, verifier
from tests.patience import GIVE_UP_SECONDS


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.fixture(scope="module")
async def user(people: People, wire: Wire) -> tuple[Tokens, str]:
    """Provide a person with a year and more of data."""
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE), sample="default")
    wait_until_over(wire, tokens, session)
    return tokens, session


@pytest.mark.protocol("6.1", "6.2")
def test_a_file_list_has_states_and_files(wire: Wire, user: tuple[Tokens, str]) -> None:
    """It has the state of the session and of each account by id, and entries in the format that clients read."""
    tokens, session = user
    listed = wait_until_over(wire, tokens, session)
    assert listed["status"]["state"] == "completed"
    accounts = wire.get("permission-access/accounts", access_token=tokens.access).json()
    assert listed["status"]["details"] == {account["id"]: {"state": "completed"} for account in accounts}
    entry = next(entry for entry in listed["fileList"] if entry["objectType"] == "playhistory")
    assert entry["schema"]["standard"] == "digime"
    assert (entry["serviceGroup"], entry["serviceName"]) == ("entertainment", "spotify")
    assert entry["updatedDate"] > 0
    assert entry["objectCount"] > 0
    assert entry["name"].startswith("18_5_19_")
    assert {entry["schema"]["standard"] for entry in listed["fileList"]} == {"digime", "fhir"}


@pytest.mark.protocol("5.1", "5.3")
async def test_a_session_moves_to_the_library_at_the_consent(people: People, wire: Wire, platform: Platform) -> None:
    """Before, it is in none. Afterwards it opens with a token of this person, and with no other."""
    secret = verifier()
    answer = wire.authorize(secret)
    key, other = answer.json()["session"]["key"], (await people.user(wire))[0]
    places = select(SessionRow.library_id).where(SessionRow.key_hash == hash_secret(key))
    async with platform.database.transaction() as db:
        assert list(await db.scalars(places)) == [NO_LIBRARY_YET]
    code = await people.consent(wire.signed(answer)["preauthorization_code"])
    tokens = wire.tokens(wire.exchange(code, secret))
    async with platform.database.transaction() as db:
        assert list(await db.scalars(places)) == [await people.library_of(tokens)]
    wait_until_over(wire, tokens, key)
    check_error(wire.get(f"{QUERY}/{key}", access_token=other.access), 404, "InvalidSession")
    check_error(wire.get(f"{QUERY}/{key}"), 404, "InvalidSession")


@pytest.mark.protocol("6.3", "6.4", "6.5", "6.6")
def test_each_file_matches_its_entry(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Envelope, compression and metadata are right, and a file has one type, account and month."""
    tokens, session = user
    for entry in wait_until_over(wire, tokens, session)["fileList"]:
        objects, header = read(wire, tokens, session, entry["name"])
        assert len(objects) == entry["objectCount"] == header["metadata"]["objectCount"]
        assert header["metadata"]["objectType"] == entry["objectType"]
        assert header["compression"] == "gzip"
        if entry["objectType"] == "playhistory":
            month = entry["name"].split("_D")[1][:6]
            assert {f"{datetime.fromtimestamp(o['createddate'] / 1000, UTC):%Y%m}" for o in objects} == {month}
            assert all(artist["name"] for thing in objects for artist in thing["track"]["artists"])


@pytest.mark.protocol("6.4")
def test_head_returns_only_the_headers(wire: Wire, user: tuple[Tokens, str]) -> None:
    """The headers are those of GET."""
    tokens, session = user
    name = wait_until_over(wire, tokens, session)["fileList"][0]["name"]
    path = f"{QUERY}/{session}/{name}"
    head = wire.call("HEAD", path, access_token=tokens.access)
    whole = wire.get(path, access_token=tokens.access)
    assert head.content == b""
    assert head.headers.get("content-length", whole.headers["content-length"]) == whole.headers["content-length"]
    assert head.headers["x-metadata"] == whole.headers["x-metadata"]
    assert head.headers["last-modified"] == whole.headers["last-modified"]
    entry = wait_until_over(wire, tokens, session)["fileList"][0]
    assert parsedate_to_datetime(head.headers["last-modified"]).timestamp() == entry["updatedDate"] // 1000


@pytest.mark.protocol("5.1", "6.3")
@pytest.mark.parametrize("compression", ["gzip", "brotli", "zstd", "none"])
def test_the_reader_chooses_the_compression(wire: Wire, user: tuple[Tokens, str], compression: str) -> None:
    """`none` is expressed by leaving out the field."""
    tokens, _ = user
    session = triggered(wire, tokens, accept={"compression": compression}, sourceFetch=False)
    name = wait_until_over(wire, tokens, session)["fileList"][0]["name"]
    _, header = read(wire, tokens, session, name)
    assert header.get("compression", "none") == compression


@pytest.mark.protocol("6.7")
def test_header_names_are_in_lower_case(wire: Wire, user: tuple[Tokens, str]) -> None:
    """They are in lower case on the wire itself, because iOS reads them so."""
    tokens, session = user
    name = wait_until_over(wire, tokens, session)["fileList"][0]["name"]
    address = urlsplit(wire.origin)
    head = f"GET /v1.7/{QUERY}/{session}/{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=GIVE_UP_SECONDS) as connection:
        connection.sendall(f"{head}Authorization: Bearer {wire.jwt(access_token=tokens.access)}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"\r\nx-metadata: " in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.protocol("1", "4.6", "5.1")
def test_a_session_lives_as_long_as_the_settings_say(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Its expiry is in milliseconds, by default a day from now."""
    tokens, _ = user
    expiry = wire.post(TRIGGER, access_token=tokens.access).json()["session"]["expiry"]
    assert abs(expiry - (time.time() + 86_400) * 1000) < 60_000


@pytest.mark.protocol("5.1")
def test_source_fetch_false_reads_existing_data(wire: Wire, user: tuple[Tokens, str]) -> None:
    """Nothing is fetched, and all files are listed at once."""
    tokens, first = user
    session = triggered(wire, tokens, sourceFetch=False)
    listed = wire.get(f"{QUERY}/{session}", access_token=tokens.access).json()
    assert listed["status"] == {"state": "completed", "details": {}}
    assert listed["fileList"] == wait_until_over(wire, tokens, first)["fileList"]


@pytest.mark.protocol("5.1")
def test_only_the_chosen_accounts_are_fetched(wire: Wire, user: tuple[Tokens, str]) -> None:
    """The accounts are chosen by SourceFetchFilter.account.id."""
    tokens, _ = user
    chosen = wire.get("permission-access/accounts", access_token=tokens.access).json()[0]["id"]
    session = triggered(wire, tokens, sourceFetchFilter={"account": {"id": [chosen]}})
    assert set(wait_until_over(wire, tokens, session)["status"]["details"]) == {chosen}


@pytest.mark.protocol("5.2")
def test_a_scope_narrows_by_type(wire: Wire, user: tuple[Tokens, str]) -> None:
    """The scope allows one object type of one service."""
    tokens, _ = user
    group = {"id": 5, "serviceTypes": [{"id": 19, "serviceObjectTypes": [{"id": 407}]}]}
    session = triggered(wire, tokens, scope={"serviceGroups": [group]}, sourceFetch=False)
    listed = wait_until_over(wire, tokens, session)
    assert {entry["objectType"] for entry in listed["fileList"]} == {"followedartist"}


@pytest.mark.protocol("5.2")
def test_a_time_range_filters_files_object_by_object(wire: Wire, user: tuple[Tokens, str]) -> None:
    """The file has only the objects in the range, and its metadata counts only these."""
    tokens, _ = user
    middle = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=16)
    scope = {"timeRanges": [{"from": int(middle.timestamp()) - 86_400 * 4, "to": int(middle.timestamp())}]}
    session = triggered(wire, tokens, scope=scope, sourceFetch=False)
    seen = 0
    for entry in wait_until_over(wire, tokens, session)["fileList"]:
        objects, _ = read(wire, tokens, session, entry["name"])
        assert len(objects) == entry["objectCount"]
        if entry["objectType"] == "playhistory":
            seen += len(objects)
            ends = scope["timeRanges"][0]
            assert all(ends["from"] * 1000 <= o["createddate"] < (ends["to"] + 1) * 1000 for o in objects)
    assert seen


@pytest.mark.protocol("5.2")
def test_several_time_ranges_are_read_together(wire: Wire, user: tuple[Tokens, str]) -> None:
    """An object is read if it lies in any range, and ranges with `last` and with `from` and `to` may be mixed."""
    tokens, _ = user
    now = int(time.time())
    first, second = (now - 86_400 * 40, now - 86_400 * 30), now - 86_400 * 10
    scope = {"timeRanges": [{"from": first[0], "to": first[1]}, {"last": "240h"}]}
    session = triggered(wire, tokens, scope=scope, sourceFetch=False)
    moments = []
    for entry in wait_until_over(wire, tokens, session)["fileList"]:
        if entry["objectType"] == "playhistory":
            moments += [thing["createddate"] / 1000 for thing in read(wire, tokens, session, entry["name"])[0]]
    assert any(moment < first[1] for moment in moments)
    assert any(moment > second for moment in moments)
    assert all(first[0] <= moment < first[1] + 1 or moment >= second - 60 for moment in moments)


@pytest.mark.protocol("5.2")
@pytest.mark.parametrize(
    "scope",
    [
        {"serviceGroups": [{"id": 1}]},
        {"serviceGroups": [{"id": 5}, {"id": 3, "serviceTypes": [{"id": 17}]}]},
    ],
)
def test_a_scope_outside_the_contract_is_rejected(wire: Wire, user: tuple[Tokens, str], scope: dict[str, Any]) -> None:
    """The error is ScopeOutOfBounds, in a trigger and in an authorization."""
    tokens, _ = user
    check_error(wire.post(TRIGGER, access_token=tokens.access, body={"scope": scope}), 400, "ScopeOutOfBounds")
    check_error(wire.authorize("v" * 43, body={"actions": {"pull": {"scope": scope}}}), 400, "ScopeOutOfBounds")


@pytest.mark.protocol("5.2")
async def test_a_contracts_time_range_limits_every_session(people: People) -> None:
    """Objects that are older than the contract allows are never read."""
    wire = await people.contract(data_request={"serviceGroups": [{"id": 5}], "timeRanges": [{"last": "2m"}]})
    tokens, session = await people.user(wire)
    listed = wait_until_over(wire, tokens, session)
    names = [entry["name"] for entry in listed["fileList"] if entry["objectType"] == "playhistory"]
    assert 1 <= len(names) <= 3
    earliest = min(o["createddate"] for name in names for o in read(wire, tokens, session, name)[0])
    assert earliest > (time.time() - 63 * 86_400) * 1000
    check_error(
        wire.post(TRIGGER, access_token=tokens.access, body={"scope": {"timeRanges": [{"last": "3m"}]}}),
        400,
        "ScopeOutOfBounds",
    )


@pytest.mark.protocol("5.2")
async def test_contract_consent_and_session_all_limit_reading(people: People, platform: Platform) -> None:
    """A widened contract gives no more than the person saw, and a narrowed one gives less."""
    wire = await people.contract(data_request={"serviceGroups": [{"id": 5}]})
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    types = {entry["objectType"] for entry in wait_until_over(wire, tokens, session)["fileList"]}
    assert types
    assert {entry["serviceGroup"] for entry in wait_until_over(wire, tokens, session)["fileList"]} == {"entertainment"}
    other = await people.contract(partner="Other")
    reader, health = await people.user(other, sources=(FHIR_FILE,), library_id=await people.library_of(tokens))
    assert wait_until_over(other, reader, health)["fileList"]  # This creates data that must not be visible.
    for groups, expected in (
        ([{"id": 5}, {"id": 2}], types),
        ([{"id": 5, "serviceTypes": [{"id": 19, "serviceObjectTypes": [{"id": 407}]}]}], {"followedartist"}),
        ([], set()),
    ):
        async with platform.database.transaction() as db:
            contract = await db.get_one(ContractRow, wire.contract_id)
            contract.document = parse_document({**contract.document.raw, "dataRequest": {"serviceGroups": groups}})
        listed = wire.get(f"{QUERY}/{session}", access_token=tokens.access).json()["fileList"]
        assert {entry["objectType"] for entry in listed} == expected, groups
    report = wire.get("export/fhirfile/report?format=json", access_token=tokens.access)
    assert report.json()["objects"] == []


@pytest.mark.protocol("5.2")
async def test_only_shared_accounts_are_read(people: People) -> None:
    """Accounts of the same library that are shared with another contract can be neither listed nor read by name."""
    first, second = await people.contract(), await people.contract()
    tokens, session = await people.user(first, sources=(SPOTIFY, FHIR_FILE))
    every = {entry["name"] for entry in wait_until_over(first, tokens, session)["fileList"]}
    reader, music = await people.user(second, sources=(SPOTIFY,), library_id=await people.library_of(tokens))
    listed = wait_until_over(second, reader, music)["fileList"]
    assert {entry["serviceGroup"] for entry in listed} == {"entertainment"}
    others = every - {entry["name"] for entry in listed}
    assert others
    for name in others:
        check_error(second.get(f"{QUERY}/{music}/{name}", access_token=reader.access), 404, "FileNotFound")


@pytest.mark.protocol("5.3")
async def test_foreign_sessions_do_not_exist(wire: Wire, user: tuple[Tokens, str], people: People) -> None:
    """Unknown, expired and foreign sessions get the same error, for lists and files."""
    tokens, session = user
    name = wait_until_over(wire, tokens, session)["fileList"][0]["name"]
    neighbour, _ = await people.user(wire)
    other = await people.contract(application_id=wire.application_id)
    foreign, _ = await people.user(other)
    for client, access, key in (
        (wire, neighbour.access, session),
        (other, foreign.access, session),
        (wire, tokens.access, "x" * 43),
    ):
        for path in (f"{QUERY}/{key}", f"{QUERY}/{key}/{name}"):
            check_error(client.get(path, access_token=access), 404, "InvalidSession")
    check_error(wire.get(f"{QUERY}/{session}"), 404, "InvalidSession")


@pytest.mark.protocol("5.3")
async def test_a_pending_session_is_visible_only_to_its_contract(wire: Wire, people: People) -> None:
    """Another contract of the application does not learn that it is pending."""
    waiting = wire.authorize("v" * 43).json()["session"]["key"]
    assert wire.get(f"{QUERY}/{waiting}").json() == {"status": {"state": "pending"}}
    other = await people.contract(application_id=wire.application_id)
    check_error(other.get(f"{QUERY}/{waiting}"), 404, "InvalidSession")
    tokens, _ = await people.user(wire)
    check_error(wire.get(f"{QUERY}/{waiting}/accounts.json", access_token=tokens.access), 404, "FileNotFound")


@pytest.mark.protocol("5.3")
async def test_an_expired_session_is_gone(wire: Wire, user: tuple[Tokens, str], platform: Platform) -> None:
    """Its lists and files get the error of an unknown session."""
    tokens, _ = user
    session = triggered(wire, tokens, sourceFetch=False)
    async with platform.database.transaction() as db:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await db.execute(update(SessionRow).where(SessionRow.key_hash == hash_secret(session)).values(expires_at=past))
    check_error(wire.get(f"{QUERY}/{session}", access_token=tokens.access), 404, "InvalidSession")


@pytest.mark.protocol("6.3")
@pytest.mark.parametrize(
    "name",
    [
        "nothing.json",
        "..%2F..%2Fmaster.key",
        "%2e%2e%2fmaster.key",
        "18_5_19_1_406_D202604_1.json%00",
        "..%5c..%5cmaster.key",
        "' OR 1=1 --",
    ],
)
def test_file_names_with_path_tricks_find_nothing(wire: Wire, user: tuple[Tokens, str], name: str) -> None:
    """The error is FileNotFound, or the path does not exist."""
    tokens, session = user
    answer = wire.get(f"{QUERY}/{session}/{name}", access_token=tokens.access)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["code"] in ("FileNotFound", "NotFound", "InvalidRequest")


@pytest.mark.protocol("6.6", "7.1")
def test_accounts_json_equals_the_accounts_call(wire: Wire, user: tuple[Tokens, str]) -> None:
    """It is read like any other file."""
    tokens, session = user
    objects, header = read(wire, tokens, session, "accounts.json")
    assert objects == wire.get("permission-access/accounts", access_token=tokens.access).json()
    assert header["compression"] == "gzip"


@pytest.mark.protocol("7.1")
def test_accounts_have_the_fields_that_clients_read(wire: Wire, user: tuple[Tokens, str]) -> None:
    """They have ids, references, names and `sample`, and `id` begins with the service type."""
    tokens, _ = user
    spotify, health = wire.get("permission-access/accounts", access_token=tokens.access).json()
    assert spotify["id"].startswith("19_")
    assert spotify["serviceTypeName"] == "Spotify"
    assert (spotify["sourceId"], health["sourceId"]) == (SPOTIFY, FHIR_FILE)
    assert spotify["accessTokenStatus"] == {"authorized": True}
    assert spotify["sample"] is True
    assert spotify["reference"] != spotify["id"]


@pytest.mark.protocol("6.2")
def test_updated_dates_change_only_with_the_content(wire: Wire, user: tuple[Tokens, str]) -> None:
    """A second sync of the same data changes no date."""
    tokens, session = user
    before = {e["name"]: e["updatedDate"] for e in wait_until_over(wire, tokens, session)["fileList"]}
    again = triggered(wire, tokens)
    after = {e["name"]: e["updatedDate"] for e in wait_until_over(wire, tokens, again)["fileList"]}
    assert after == before


@pytest.mark.protocol("6.7")
def test_a_waiting_query_answers_at_once_when_something_is_new(wire: Wire, user: tuple[Tokens, str]) -> None:
    """With an outdated etag the response comes at once. The same etag gives 304."""
    tokens, session = user
    first = wire.get(f"{QUERY}/{session}?wait=20", access_token=tokens.access, headers={"If-None-Match": '"old"'})
    assert first.status_code == 200
    etag = first.headers["etag"]
    same = wire.get(f"{QUERY}/{session}?wait=1", access_token=tokens.access, headers={"If-None-Match": etag})
    assert same.status_code == 304


@pytest.mark.protocol("5.2")
async def test_a_write_contract_cannot_read(people: People) -> None:
    """The error is InvalidContractDataRequest."""
    wire = await people.contract(kind="write")
    tokens, _ = await people.user(wire)
    check_error(wire.post(TRIGGER, access_token=tokens.access, body={}), 400, "InvalidContractDataRequest")


@pytest.mark.protocol("13")
async def test_a_one_off_contract_reads_once(people: People) -> None:
    """The second session gets InsufficientScope."""
    wire = await people.contract(once=True)
    tokens, session = await people.user(wire)
    assert wait_until_over(wire, tokens, session)["fileList"]
    check_error(wire.post(TRIGGER, access_token=tokens.access, body={}), 403, "InsufficientScope")


@pytest.mark.protocol("9.1")
async def test_discovery_lists_what_a_contract_may_ask_for(people: People) -> None:
    """It needs no JWT, and with a contract id it lists only that contract's services."""
    wire = await people.contract(data_request={"serviceGroups": [{"id": 2}]})
    everything = wire.http.get(wire.url("discovery/services")).json()["data"]
    assert {service["id"] for service in everything["services"]} >= {SPOTIFY, FHIR_FILE}
    assert {"countries", "serviceGroups", "services"} == set(everything)
    own = wire.http.get(wire.url("discovery/services"), headers={"contractId": wire.contract_id}).json()["data"]
    assert {service["id"] for service in own["services"]} == {FHIR_FILE, HEALTH_RECORDS, HEALTH_PROVIDER}
    assert [group["id"] for group in own["serviceGroups"]] == [2]


@pytest.mark.protocol("12.2")
def test_sample_data_sets_are_named(wire: Wire) -> None:
    """Each sample data set has a name and a description."""
    sets = wire.get("permission-access/sample/datasets/16").json()
    assert set(sets) == {"default", "large", "small"}
    assert all(set(entry) == {"name", "description"} for entry in sets.values())
