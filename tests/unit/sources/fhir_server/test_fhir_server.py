"""The quirks of FHIR servers: answers that are odd, hostile, or none, on real sockets."""

import gzip
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import ValidationError
from tests.ports import free_port
from tests.scripted import Scripted, dumped, serving

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources import web
from privateshare.sources.contract import Broken, Connection, NeedsLogin, Page, Skipped, TryLater
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.smart import CACHE_SECONDS, SmartConfiguration
from privateshare.sources.fhir_server.source import FhirServer

CONNECTION = Connection(token={"access_token": "secret-token", "patient": "p1"}, provider_account_id="p1")
WANTED = {ObjectType.OBSERVATION: None, ObjectType.CONDITION: None}
OBSERVATION = {"resourceType": "Observation", "id": "o1"}


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving(Scripted()) as running:
        running.bundle("/Condition")
        yield running


def settings(address: str, **more: Any) -> FhirServerSettings:
    fixed = {"id": 9100, "name": "City Hospital", "base_url": address, "client_id": "us", "client_secret": "hush"}
    return FhirServerSettings.model_validate(fixed | {"resource_types": ["Observation", "Condition"]} | more)


def fetched(server: Scripted, cursors: Any = WANTED) -> list[Page | Skipped]:
    return list(FhirServer(settings(server.address)).fetch(CONNECTION, cursors))


def skipped(server: Scripted) -> Skipped:
    """The one type that could not be had; the other came."""
    (one,) = [found for found in fetched(server) if isinstance(found, Skipped)]
    assert one.object_type == ObjectType.OBSERVATION
    return one


# --- settings ---


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": 9099},
        {"base_url": "http://fhir.example.org"},
        {"base_url": "ftp://127.0.0.1"},
        {"base_url": "https:///r4"},
        {"base_url": "https://fhir.example.org:0/r4"},
        {"base_url": "https://fhir.example.org:99999/r4"},
        {"base_url": "https://fhir.example.org/r4?tenant=1"},
        {"base_url": "https://me:hush@fhir.example.org/r4"},
        {"resource_types": ["Observation", "Nonsense"]},
        {"resource_types": []},
        {"version": "r5"},
        {"name": ""},
        {"unknown": 1},
        {"medmij": {"provider": "umcharderwijk", "data_service": "48"}},
        {"medmij": {"provider": "umcharderwijk@medmij", "data_service": ""}},
        {"medmij": {"provider": "umcharderwijk@medmij"}},
    ],
)
def test_invalid_settings_are_rejected_without_showing_the_secret(wrong: dict[str, Any]) -> None:
    """An id of ours, an address without https, unknown settings: each is named."""
    with pytest.raises(ValidationError) as told:
        settings("https://fhir.example.org", **wrong)
    assert "hush" not in str(told.value)


def test_the_smallest_scopes_are_requested() -> None:
    """Writing is requested only if apps may push. An operator can set other scopes."""
    assert "write" not in settings("https://a.example").wanted_scope
    assert "patient/*.write" in settings("https://a.example", push=True).wanted_scope
    assert settings("https://a.example", scope="patient/*.rs").wanted_scope == "patient/*.rs"


# --- where to sign in ---

SMART = "/.well-known/smart-configuration"
GOOD = {"authorization_endpoint": "https://a.example/auth", "token_endpoint": "https://a.example/token"}


def test_the_configuration_is_cached_for_an_hour(server: Scripted) -> None:
    """So that a page does not wait for it, and changes are noticed."""
    server.json(SMART, GOOD | {"issuer": "https://a.example", "revocation_endpoint": "https://a.example/gone"})
    now = 0.0
    smart = SmartConfiguration(settings(server.address), lambda: now)
    sign_in = smart.sign_in()
    assert smart.sign_in() is sign_in
    assert (sign_in.extra, sign_in.issuer) == ({"aud": server.address}, "https://a.example")
    assert sign_in.revocation_endpoint == "https://a.example/gone"
    assert len(server.asked) == 1
    now = CACHE_SECONDS + 1
    smart.sign_in()
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "told",
    [
        {},
        [],
        "text",
        GOOD | {"token_endpoint": None},
        GOOD | {"token_endpoint": "http://a.example/token"},
        GOOD | {"authorization_endpoint": "javascript:alert(1)"},
        GOOD | {"authorization_endpoint": ["https://a.example"]},
        GOOD | {"revocation_endpoint": "http://a.example"},
        GOOD | {"token_endpoint": "https:///token"},
        GOOD | {"token_endpoint": "https://a.example:0/token"},
        GOOD | {"token_endpoint": "https://a.example:99999/token"},
        GOOD | {"authorization_endpoint": "https://[a/authorize"},
    ],
)
def test_an_unusable_configuration_is_reported(server: Scripted, told: Any) -> None:
    """The person is told what is missing, invalid, or without encryption."""
    server.json(SMART, told)
    with pytest.raises(Broken, match="City Hospital does not say how to sign in"):
        FhirServer(settings(server.address)).sign_in({})


def test_an_unreachable_server_is_retried_later(server: Scripted) -> None:
    """Nothing listens, or it is overloaded."""
    server.json(SMART, {}, 503)
    with pytest.raises(TryLater):
        FhirServer(settings(server.address)).sign_in({})
    with pytest.raises(TryLater):
        FhirServer(settings(nobody())).sign_in({})


def nobody() -> str:
    """An address at which nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


# --- fetching ---


def test_links_to_pages_may_be_relative(server: Scripted) -> None:
    """The next page may be a complete address, a path, or a query."""
    server.bundle("/Observation", OBSERVATION, link="/more?page=2")
    server.bundle("/more", OBSERVATION | {"id": "o2"}, link=f"{server.address}/last")
    server.bundle("/last", OBSERVATION | {"id": "o3"}, OBSERVATION | {"resourceType": "Patient"}, "odd")
    found = [page for page in fetched(server, {ObjectType.OBSERVATION: None}) if isinstance(page, Page)]
    assert [one["id"] for page in found for one in page.objects] == ["o1", "o2", "o3"]
    assert {token for _, token in server.asked} == {"Bearer secret-token"}


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/",
        "http://127.0.0.1:1/",
        "//evil.example/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[::1",
        "http://127.0.0.1:99999999/",
    ],
)
def test_links_to_other_hosts_are_not_followed(server: Scripted, link: str) -> None:
    """Neither to another host or port nor with another scheme. The type is skipped."""
    server.bundle("/Observation", OBSERVATION, link=link)
    assert skipped(server).code == "ForeignLink"
    assert len(server.asked) == 2


def test_pages_in_a_circle_end(server: Scripted) -> None:
    """A server whose pages link to an earlier one is not asked again."""
    server.bundle("/Observation", OBSERVATION, link="/a")
    server.bundle("/a", OBSERVATION, link="/b")
    server.bundle("/b", OBSERVATION, link="/a")
    assert skipped(server).code == "EndlessPages"
    assert len(server.asked) == 4


def test_redirects_are_not_followed(server: Scripted) -> None:
    """Otherwise a server could direct the token to another host."""
    with serving(Scripted()) as other:
        server.answers["/Observation"] = 302, {"location": f"{other.address}/steal"}, b""
        assert skipped(server).status == 302
        assert other.asked == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"<html>",
        b'{"resourceType": 7}',
        b"[" * 100_000,
        b'{"a":' * 5000,
        b'{"resourceType":"Bundle","entry":[{"resource":{"v":1e999}}]}',
        b'{"resourceType":"Bundle","entry":[{"resource":{"v":"\\ud800"}}]}',
    ],
)
def test_responses_that_are_not_fhir_are_skipped(server: Scripted, body: bytes) -> None:
    """The type is skipped, and the others are fetched."""
    server.answers["/Observation"] = 200, {}, body
    assert skipped(server).code == "NotFhir"


@pytest.mark.parametrize("entry", [None, {}, 7, [None], [{"resource": None}], [{"resource": []}], [{}], ["x"]])
@pytest.mark.parametrize("link", [None, {}, 7, ["x"], [{"relation": "next"}], [{"url": "/x"}]])
def test_malformed_parts_of_bundles_are_ignored(server: Scripted, entry: Any, link: Any) -> None:
    """A bundle with such parts is like one without them."""
    server.json("/Observation", {"resourceType": "Bundle", "entry": entry, "link": link})
    assert all(isinstance(page, Page) and not page.objects for page in fetched(server))


def test_endless_responses_are_aborted(server: Scripted) -> None:
    """Neither a huge response nor a compressed one is read into memory."""
    server.answers["/Observation"] = 200, {}, bytes(web.MAX_RESPONSE_BYTES + 1)
    with pytest.raises(TryLater):
        fetched(server)
    server.answers["/Observation"] = 200, {"content-encoding": "gzip"}, gzip.compress(bytes(100))
    with pytest.raises(TryLater):
        fetched(server)


def test_cursors_use_the_servers_clock(server: Scripted) -> None:
    """Changes during the fetch are requested again. Without a time of the server, everything is.

    The second part of a cursor is the time of the last full read.
    """
    server.bundle("/Observation", link="/more", date="Wed, 25 Nov 2026 12:00:00 GMT")
    server.bundle("/more", date="Wed, 25 Nov 2026 12:30:00 GMT")
    server.bundle("/Condition", date="yesterday")
    cursors = {page.object_type: page.cursor for page in fetched(server) if isinstance(page, Page)}
    moment = "2026-11-25T11:55:00Z"
    assert cursors == {ObjectType.OBSERVATION: f"{moment} {moment}", ObjectType.CONDITION: None}


def cursor_of(days: float) -> str:
    """A cursor of a full read some days ago."""
    return f"2026-11-25T11:55:00Z {datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def test_a_server_without_last_updated_returns_everything(server: Scripted) -> None:
    """If it rejects `_lastUpdated`, the request is sent without it."""
    replies: Iterator[Any] = iter([(400, {}, b"{}"), (200, {}, dumped({"resourceType": "Bundle"}))])
    server.answers["/Observation"] = lambda: next(replies)
    found = fetched(server, {ObjectType.OBSERVATION: cursor_of(1)})
    assert all(isinstance(page, Page) for page in found)
    assert ["_lastUpdated=ge2026" in path for path, _ in server.asked] == [True, False]


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_requires_a_category_is_given_all_of_them(server: Scripted, status: int) -> None:
    """What it returns then is no proof that other resources were deleted."""
    answer = {"resourceType": "Bundle", "total": 1, "entry": [{"resource": OBSERVATION}]}
    replies: Iterator[Any] = iter([(status, {}, b"{}"), (200, {}, dumped(answer))])
    server.answers["/Observation"] = lambda: next(replies)
    found = [page for page in fetched(server, {ObjectType.OBSERVATION: None}) if isinstance(page, Page)]
    assert [one["id"] for page in found for one in page.objects] == ["o1"]
    assert "category=vital-signs,laboratory," in server.asked[-1][0]
    assert found[-1].covered is None


# --- deletions ---


def last_page(server: Scripted, cursor: str | None = None) -> Page:
    found = fetched(server, {ObjectType.OBSERVATION: cursor})
    assert isinstance(found[-1], Page)
    return found[-1]


@pytest.mark.parametrize(
    ("bundle", "is_proof"),
    [
        ({"total": 1, "entry": [{"resource": OBSERVATION}]}, True),
        ({"total": 1, "entry": [{"resource": OBSERVATION}, {"resource": OBSERVATION}]}, True),
        ({"entry": [{"resource": OBSERVATION}]}, False),
        ({"total": 2, "entry": [{"resource": OBSERVATION}]}, False),
        ({"total": "1", "entry": [{"resource": OBSERVATION}]}, False),
        ({"total": 0}, False),
        (
            {"total": 1, "entry": [{"resource": OBSERVATION}, {"resource": {"resourceType": "OperationOutcome"}}]},
            False,
        ),
    ],
)
def test_only_a_certain_full_read_proves_deletions(server: Scripted, bundle: dict[str, Any], is_proof: bool) -> None:
    """The server must say how many there are, all must have come, and nothing may have been withheld."""
    server.json("/Observation", {"resourceType": "Bundle"} | bundle)
    assert (last_page(server).covered is not None) is is_proof


def test_changes_alone_prove_no_deletions(server: Scripted) -> None:
    """After some days everything is read again."""
    answer = {"resourceType": "Bundle", "total": 1, "entry": [{"resource": OBSERVATION}]}
    server.json("/Observation", answer, Date="Wed, 25 Nov 2026 12:00:00 GMT")
    recent = cursor_of(6)
    page = last_page(server, recent)
    assert page.covered is None
    assert page.cursor is not None
    assert page.cursor.split(" ")[1] == recent.split(" ")[1]
    assert last_page(server, cursor_of(8)).covered is not None
    assert last_page(server, "2026-11-25T11:55:00Z").covered is not None
    assert ["_lastUpdated" in path for path, _ in server.asked] == [True, False, False]


def test_an_interrupted_full_read_proves_nothing(server: Scripted) -> None:
    """No page says that anything was deleted."""
    server.answers["/Observation"] = (
        200,
        {},
        dumped(
            {
                "resourceType": "Bundle",
                "total": 1,
                "entry": [{"resource": OBSERVATION}],
                "link": [{"relation": "next", "url": "/more"}],
            }
        ),
    )
    server.json("/more", {}, 500)
    found = fetched(server, {ObjectType.OBSERVATION: None})
    assert all(page.covered is None for page in found if isinstance(page, Page))
    assert isinstance(found[-1], Skipped)


@pytest.mark.parametrize("seconds", ["90", "date"])
def test_retry_after_may_be_a_date(server: Scripted, seconds: str) -> None:
    """Both forms of Retry-After are supported."""
    told = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True) if seconds == "date" else seconds
    server.json("/Observation", {}, 503, Retry_After=told)
    with pytest.raises(TryLater) as failure:
        fetched(server)
    assert 60 <= failure.value.retry_after <= 90


# --- whose it is ---


@pytest.mark.parametrize("patient", [None, "", "../Group/1", "a" * 65, {"id": 1}])
def test_a_token_must_name_its_patient(server: Scripted, patient: Any) -> None:
    """A token without a patient, or with an invalid id, is not used for a request."""
    connection = Connection(token={"access_token": "x", "patient": patient})
    with pytest.raises(Broken, match="does not say whose record this is"):
        FhirServer(settings(server.address)).identify(connection)
    assert server.asked == []


def test_the_patients_name_may_be_unavailable(server: Scripted) -> None:
    """If the patient cannot be read, the account is identified by id."""
    server.json("/Patient/p1", {}, 403)
    identity = FhirServer(settings(server.address)).identify(CONNECTION)
    assert (identity.provider_account_id, identity.display_name) == ("p1", "Health record")


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        ("patient/*.read", []),
        ("patient/Observation.rs", [ObjectType.CONDITION]),
        ("48~sub", []),
        (None, []),
    ],
)
def test_what_was_not_granted_is_known(scope: Any, missing: list[int]) -> None:
    """Only a scope of SMART says it. Others, such as MedMij's, do not."""
    assert [*FhirServer(settings("https://a.example")).not_granted({"scope": scope})] == missing


# --- pushing ---


def test_an_interrupted_push_is_uncertain() -> None:
    """A server that accepts the request and disconnects may have stored the resource. An unreachable one did not."""
    listening = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        connection, _ = listening.accept()
        connection.recv(10_000)
        connection.close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    answer = FhirServer(settings(address)).push(CONNECTION, "Observation", dumped(OBSERVATION))
    thread.join()
    listening.close()
    assert (answer.status, answer.certain) == (504, False)
    with pytest.raises(TryLater):
        FhirServer(settings(address)).push(CONNECTION, "Observation", dumped(OBSERVATION))


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/Observation/7", {"resourceType": "Observation", "id": "7"}),
        ("https://a.example/fhir/Observation/a-b.c/_history/1", {"resourceType": "Observation", "id": "a-b.c"}),
        ("elsewhere", {}),
        ("", {}),
    ],
)
def test_a_created_resource_is_read_from_its_address(server: Scripted, location: str, told: dict[str, str]) -> None:
    """A server that responds without a body names it in Location."""
    server.answers["/Observation"] = 201, {"location": location}, b""
    answer = FhirServer(settings(server.address)).push(CONNECTION, "Observation", dumped(OBSERVATION))
    assert (answer.status, answer.content, answer.certain) == (201, told, True)


def test_a_push_without_a_token_requires_signing_in(server: Scripted) -> None:
    """No request is sent without a token."""
    with pytest.raises(NeedsLogin):
        FhirServer(settings(server.address)).push(Connection(), "Observation", b"{}")
    assert server.asked == []
