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
def test_wrong_settings_are_refused_without_showing_the_secret(wrong: dict[str, Any]) -> None:
    """An id of ours, an address that can be read on the way, what nobody knows: named, and the secret is not told."""
    with pytest.raises(ValidationError) as told:
        settings("https://fhir.example.org", **wrong)
    assert "hush" not in str(told.value)


def test_scopes_ask_for_no_more_than_is_used() -> None:
    """Writing is asked for only where apps may push; an operator can word it otherwise."""
    assert "write" not in settings("https://a.example").wanted_scope
    assert "patient/*.write" in settings("https://a.example", push=True).wanted_scope
    assert settings("https://a.example", scope="patient/*.rs").wanted_scope == "patient/*.rs"


# --- where to sign in ---

SMART = "/.well-known/smart-configuration"
GOOD = {"authorization_endpoint": "https://a.example/auth", "token_endpoint": "https://a.example/token"}


def test_the_configuration_is_asked_for_once_an_hour(server: Scripted) -> None:
    """It is kept, so that a page does not wait for it, and not for ever."""
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
def test_a_configuration_that_is_no_use_is_broken(server: Scripted, told: Any) -> None:
    """What is missing, odd, or could be read on the way is told to the person in plain words."""
    server.json(SMART, told)
    with pytest.raises(Broken, match="City Hospital does not say how to sign in"):
        FhirServer(settings(server.address)).sign_in()


def test_a_server_that_is_away_is_asked_later(server: Scripted) -> None:
    """Nothing listens, or it is overloaded."""
    server.json(SMART, {}, 503)
    with pytest.raises(TryLater):
        FhirServer(settings(server.address)).sign_in()
    with pytest.raises(TryLater):
        FhirServer(settings(nobody())).sign_in()


def nobody() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


# --- fetching ---


def test_pages_are_followed_by_relative_links_too(server: Scripted) -> None:
    """A next page may be named by a whole address, a path, or a query."""
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
def test_links_that_lead_elsewhere_are_not_followed(server: Scripted, link: str) -> None:
    """Neither to another host or port nor with another scheme; the type is skipped."""
    server.bundle("/Observation", OBSERVATION, link=link)
    assert skipped(server).code == "ForeignLink"
    assert len(server.asked) == 2


def test_pages_in_a_circle_come_to_an_end(server: Scripted) -> None:
    """A server whose pages lead back to an earlier one is left."""
    server.bundle("/Observation", OBSERVATION, link="/a")
    server.bundle("/a", OBSERVATION, link="/b")
    server.bundle("/b", OBSERVATION, link="/a")
    assert skipped(server).code == "EndlessPages"
    assert len(server.asked) == 4


def test_redirections_are_not_followed(server: Scripted) -> None:
    """A server that sends the platform elsewhere does not get it there with the token."""
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
def test_what_is_no_fhir_is_skipped(server: Scripted, body: bytes) -> None:
    """Whatever it answers: the type is skipped, and the others come."""
    server.answers["/Observation"] = 200, {}, body
    assert skipped(server).code == "NotFhir"


@pytest.mark.parametrize("entry", [None, {}, 7, [None], [{"resource": None}], [{"resource": []}], [{}], ["x"]])
@pytest.mark.parametrize("link", [None, {}, 7, ["x"], [{"relation": "next"}], [{"url": "/x"}]])
def test_odd_bundles_hold_nothing(server: Scripted, entry: Any, link: Any) -> None:
    """A bundle whose parts are of the wrong form is one without them."""
    server.json("/Observation", {"resourceType": "Bundle", "entry": entry, "link": link})
    assert all(isinstance(page, Page) and not page.objects for page in fetched(server))


def test_answers_without_end_are_cut_off(server: Scripted) -> None:
    """Neither a huge answer nor one that is packed gets into memory."""
    server.answers["/Observation"] = 200, {}, bytes(web.MAX_RESPONSE_BYTES + 1)
    with pytest.raises(TryLater):
        fetched(server)
    server.answers["/Observation"] = 200, {"content-encoding": "gzip"}, gzip.compress(bytes(100))
    with pytest.raises(TryLater):
        fetched(server)


def test_cursors_are_by_the_servers_clock(server: Scripted) -> None:
    """What changed while pages were read is asked for again; a server that tells no time is asked for everything."""
    server.bundle("/Observation", link="/more", date="Wed, 25 Nov 2026 12:00:00 GMT")
    server.bundle("/more", date="Wed, 25 Nov 2026 12:30:00 GMT")
    server.bundle("/Condition", date="yesterday")
    cursors = {page.object_type: page.cursor for page in fetched(server) if isinstance(page, Page)}
    assert cursors == {ObjectType.OBSERVATION: "2026-11-25T11:55:00Z", ObjectType.CONDITION: None}


def test_a_server_that_knows_no_changes_gives_everything(server: Scripted) -> None:
    """One that refuses `_lastUpdated` is asked without it."""
    replies: Iterator[Any] = iter([(400, {}, b"{}"), (200, {}, dumped({"resourceType": "Bundle"}))])
    server.answers["/Observation"] = lambda: next(replies)
    found = fetched(server, {ObjectType.OBSERVATION: "2026-11-25T11:55:00Z"})
    assert all(isinstance(page, Page) for page in found)
    assert ["_lastUpdated=ge2026" in path for path, _ in server.asked] == [True, False]


@pytest.mark.parametrize("seconds", ["90", "date"])
def test_when_to_come_back_may_be_a_date(server: Scripted, seconds: str) -> None:
    """Retry-After in both of its forms."""
    told = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True) if seconds == "date" else seconds
    server.json("/Observation", {}, 503, Retry_After=told)
    with pytest.raises(TryLater) as failure:
        fetched(server)
    assert 85 <= failure.value.retry_after <= 90


# --- whose it is ---


@pytest.mark.parametrize("patient", [None, "", "../Group/1", "a" * 65, {"id": 1}])
def test_who_it_is_must_be_told(server: Scripted, patient: Any) -> None:
    """A token without a patient, or with one that is no id, is of no use, and nothing is asked with it."""
    connection = Connection(token={"access_token": "x", "patient": patient})
    with pytest.raises(Broken, match="does not say whose record this is"):
        FhirServer(settings(server.address)).identify(connection)
    assert server.asked == []


def test_a_server_may_keep_names_to_itself(server: Scripted) -> None:
    """Who may not read the patient is still known by id."""
    server.json("/Patient/p1", {}, 403)
    identity = FhirServer(settings(server.address)).identify(CONNECTION)
    assert (identity.provider_account_id, identity.display_name) == ("p1", "Health record")


# --- pushing ---


def test_a_push_that_is_cut_off_is_uncertain() -> None:
    """A server that takes the request and hangs up may have kept the resource; one that is not there did not."""
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
def test_what_was_created_is_read_from_its_address(server: Scripted, location: str, told: dict[str, str]) -> None:
    """A server that answers without a body says in Location what it made."""
    server.answers["/Observation"] = 201, {"location": location}, b""
    answer = FhirServer(settings(server.address)).push(CONNECTION, "Observation", dumped(OBSERVATION))
    assert (answer.status, answer.content, answer.certain) == (201, told, True)


def test_a_push_without_a_token_needs_a_sign_in(server: Scripted) -> None:
    """Nothing is sent for nobody."""
    with pytest.raises(NeedsLogin):
        FhirServer(settings(server.address)).push(Connection(), "Observation", b"{}")
    assert server.asked == []
