"""Reading a patient's record from an export (FHIR Bulk Data Access), and searching where there is none."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.apis.bulk_export import FILES, JOB, PATIENT, TOKEN, ExportServer, export_server, ndjson, resource

from privateshare.sources.contract import Connection, Covered, NeedsLogin, Page
from privateshare.sources.fhir_server import bulk
from privateshare.sources.fhir_server.bulk import MAX_LINE_BYTES, finish_export, lines_of
from privateshare.sources.fhir_server.requests import Refused
from privateshare.sources.health_provider.compartment import COMPARTMENT
from privateshare.sources.health_provider.exporting import is_of_another
from privateshare.sources.health_provider.source import HealthProvider
from privateshare.sources.typed_servers import TypedServers
from privateshare.testing.api_server import Api, ApiServer, serving

HERE = TypedServers(private=True)
EXPORT = f"/Patient/{PATIENT}/$export"
OBSERVATION, CONDITION = COMPARTMENT["Observation"], COMPARTMENT["Condition"]
SINCE = "2026-01-05T08:55:00Z"  # The moment of the export in UTC, minus the margin.


@pytest.fixture
def server() -> Iterator[ExportServer]:
    with serving(export_server()) as running:
        yield running


class Reading:
    """A reading of a server, and how long it would have waited."""

    def __init__(self, server: ExportServer, cursors: dict[int, str | None] | None = None, **token: Any) -> None:
        self.waited: list[float] = []
        source = HealthProvider(HERE, sleep=self.waited.append)
        known = {"server": server.address, "name": "City", "access_token": TOKEN, "patient": PATIENT}
        self.connection = Connection(token=known | token, provider_account_id="x")
        wanted = dict.fromkeys(source.info.object_types) if cursors is None else cursors
        self.pages = list[Page]()
        for page in source.fetch(self.connection, wanted):
            assert isinstance(page, Page), page
            self.pages.append(page)
        self.cursors = wanted | {page.object_type: page.cursor for page in self.pages if page.cursor}

    def ids(self, object_type: int) -> list[str]:
        return [one["id"] for page in self.pages if page.object_type == object_type for one in page.objects]

    def covered(self, object_type: int) -> list[Covered | None]:
        return [page.covered for page in self.pages if page.object_type == object_type and page.cursor]


def searched(server: ExportServer) -> set[str]:
    return {call.path for call in server.asked if call.path.count("/") == 1}


def test_a_record_comes_from_the_files_of_an_export(server: ExportServer) -> None:
    """The client waits as the server says, reads each file once, ends the export, and searches only what it lacks."""
    server.pending = 3
    found = Reading(server)
    assert found.ids(OBSERVATION) == [f"o{number}" for number in range(100)]
    assert found.ids(CONDITION) == ["c1"]
    assert found.ids(COMPARTMENT["Patient"]) == [PATIENT]
    assert found.waited == [1, 1, 1]
    assert server.ended
    assert server.kick_offs == [
        {"_type": "Patient,Condition,Observation,ServiceRequest", "_outputFormat": "application/fhir+ndjson"}
    ]
    assert searched(server) == {"/ServiceRequest"}
    assert found.covered(OBSERVATION) == [Covered()]
    assert found.cursors[OBSERVATION] == f"{SINCE} {SINCE} exported"
    assert found.connection.left_out.count == 0
    assert found.connection.left_out.read == 102


def test_a_later_export_has_what_changed_and_what_was_deleted(server: ExportServer) -> None:
    """What was restored meanwhile is not deleted. Types that the export had before are not searched."""
    first = Reading(server)
    weekly = {
        kind: cursor and cursor.replace(f" {SINCE} ", " 2999-01-01T00:00:00Z ")
        for kind, cursor in first.cursors.items()
    }
    server.records.append(resource("Observation", "new", meta={"lastUpdated": "2026-01-06T00:00:00Z"}))
    server.deleted = ["Observation/o7", "Observation/new", "Practitioner/x", "Condition/c1"]
    before = len(server.asked)
    later = Reading(server, weekly)
    assert server.kick_offs[-1]["_since"] == SINCE
    assert later.ids(OBSERVATION) == ["new"]
    gone = [(one.object_type, one.entity_id) for page in later.pages for one in page.deletions]
    assert gone == [(CONDITION, "Condition/c1"), (OBSERVATION, "Observation/o7")]
    assert not any(page.covered for page in later.pages if page.object_type == OBSERVATION)
    assert {call.path for call in server.asked[before:] if call.path.count("/") == 1} <= {"/ServiceRequest", JOB}


def test_an_export_again_brings_the_same(server: ExportServer) -> None:
    first, again = Reading(server), Reading(server)
    assert [page.objects for page in again.pages] == [page.objects for page in first.pages]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (EXPORT, (403, {}, {"resourceType": "OperationOutcome"})),
        (EXPORT, (401, {}, {})),
        (EXPORT, (429, {"Retry-After": "120"}, {})),
        (EXPORT, (503, {}, b"<html>")),
        (EXPORT, (200, {}, {"resourceType": "Bundle"})),
        (EXPORT, (202, {}, b"")),
        (EXPORT, (202, {"Content-Location": "https://evil.example/job"}, b"")),
        (EXPORT, (202, {"Content-Location": "http://["}, b"")),
        (JOB, (500, {}, {"resourceType": "OperationOutcome"})),
        (JOB, (404, {}, {})),
        (JOB, (202, {"Retry-After": "900"}, b"")),
        (JOB, (200, {}, b"<html>")),
        (JOB, (200, {}, {"output": "x"})),
        (JOB, (200, {}, {"output": [7], "transactionTime": "2026-01-05T10:00:00Z"})),
        (JOB, (200, {}, {"output": [], "transactionTime": "yesterday"})),
        (JOB, (200, {}, {"output": [], "transactionTime": "2026-01-05T10:00:00"})),
        (JOB, (200, {}, {"output": [{"type": "Patient", "url": "https://evil.example/1"}], "transactionTime": SINCE})),
        (f"{FILES}/Observation.0", (404, {}, b"")),
        (f"{FILES}/Observation.40", (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")),
        (f"{FILES}/Observation.0", (302, {"Location": "https://evil.example/"}, b"")),
        (
            f"{FILES}/Observation.0",
            (200, {}, ndjson(resource("Observation", "x", subject={"reference": "Patient/p2"}))),
        ),
        (f"{FILES}/Patient.0", (200, {}, ndjson(resource("Patient", "p2")))),
    ],
)
def test_a_record_that_is_not_exported_is_searched(server: ExportServer, path: str, answer: Any) -> None:
    """Whatever fails, everything comes in the end, nothing of another patient, and the token goes nowhere else."""
    server.fail(path, answer)
    found = Reading(server)
    assert set(found.ids(OBSERVATION)) == {f"o{number}" for number in range(100)}
    assert set(found.ids(CONDITION)) == {"c1"}
    assert set(found.ids(COMPARTMENT["Patient"])) == {PATIENT}
    assert sum(found.waited) < 60
    assert found.cursors[OBSERVATION]
    assert "/Observation" in searched(server)


def test_a_limit_for_asking_is_kept(server: ExportServer) -> None:
    server.fail(JOB, (429, {"Retry-After": "7"}, {}))
    server.fail(JOB, (503, {}, {}))
    server.pause = None
    found = Reading(server)
    assert found.waited == [7, 1, 2]
    assert searched(server) == {"/ServiceRequest"}


def test_an_export_that_is_never_ready_is_ended(server: ExportServer) -> None:
    server.pending, server.pause = 1000, None
    found = Reading(server)
    assert sum(found.waited) <= 45
    assert server.ended
    assert "/Observation" in searched(server)


def test_slow_answers_count_as_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers late each time, and asks for a second, would otherwise occupy a worker for hours."""
    clock = [0.0]
    monkeypatch.setattr(bulk, "monotonic", lambda: clock[0])

    def answer(_: httpx2.Request) -> httpx2.Response:
        clock[0] += 20
        return httpx2.Response(202, headers={"retry-after": "0"})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as client, pytest.raises(Refused, match="ExportTooSlow"):
        finish_export(client, "https://ehr.example/job", "https://ehr.example", lambda _: None)
    assert clock[0] == 60


def test_an_address_of_the_state_that_cannot_be_requested_is_no_error(server: ExportServer) -> None:
    """The record is searched instead."""
    server.fail(EXPORT, (202, {"Content-Location": f"{server.address}/{'x' * 70_000}"}, {}))
    Reading(server)
    assert "/Observation" in searched(server)


OURS, THEIRS = {"reference": "Patient/p"}, {"reference": "https://ehr.example/fhir/Patient/q/_history/1"}


@pytest.mark.parametrize(
    ("content", "is_another"),
    [
        ({"resourceType": "Patient", "id": "q"}, True),
        ({"resourceType": "Patient", "id": "p"}, False),
        ({"resourceType": "Observation", "subject": THEIRS}, True),
        ({"resourceType": "Observation", "subject": OURS, "performer": [THEIRS]}, False),
        ({"resourceType": "Observation"}, False),
        ({"resourceType": "Immunization", "patient": THEIRS}, True),
        ({"resourceType": "Coverage", "beneficiary": THEIRS, "subscriber": OURS}, True),
        ({"resourceType": "Task", "for": THEIRS}, True),
        ({"resourceType": "ResearchSubject", "individual": THEIRS}, True),
        ({"resourceType": "Account", "subject": [THEIRS]}, True),
        ({"resourceType": "Account", "subject": [THEIRS, OURS]}, False),
        ({"resourceType": "Account", "subject": []}, False),
        (
            {"resourceType": "Appointment", "participant": [{"actor": THEIRS}, {"actor": {"reference": "Location/1"}}]},
            True,
        ),
        ({"resourceType": "Appointment", "participant": [{"actor": THEIRS}, {"actor": OURS}]}, False),
        ({"resourceType": "Appointment", "participant": [{"status": "accepted"}, 7]}, False),
        ({"resourceType": "AppointmentResponse", "actor": THEIRS}, True),
        ({"resourceType": "Schedule", "actor": [THEIRS]}, True),
        ({"resourceType": "Group", "member": [{"entity": THEIRS}]}, True),
        ({"resourceType": "CareTeam", "subject": OURS, "participant": [{"member": THEIRS}]}, False),
    ],
)
def test_a_resource_about_another_patient_is_noticed(content: dict[str, Any], is_another: bool) -> None:
    assert is_of_another(content, "p") is is_another


def test_what_the_server_cannot_export_is_counted(server: ExportServer) -> None:
    """The rest comes, nothing counts as deleted, and everything is read again by the next sync."""
    issues = [{"severity": "error", "code": "exception"}, {"severity": "information", "code": "informational"}]
    server.errors = [{"resourceType": "OperationOutcome", "issue": issues}]
    found = Reading(server)
    assert found.ids(CONDITION) == ["c1"]
    assert [(reason.code, number) for reason, number in found.connection.left_out.by_reason().items()] == [
        ("NotExported", 1)
    ]
    assert found.covered(OBSERVATION) == [None]
    Reading(server, found.cursors)
    assert "_since" not in server.kick_offs[-1]


@pytest.mark.parametrize(
    "junk", [b"{", b"[]", b"7", b"\xff\xfe", b'{"resourceType": 7}', ndjson(resource("Goal", "g"))]
)
def test_a_line_that_cannot_be_read_is_counted(server: ExportServer, junk: bytes) -> None:
    content = ndjson(resource("Observation", "a")) + junk.strip() + b"\n\n" + ndjson(resource("Observation", "b"))
    server.fail(f"{FILES}/Observation.0", (200, {}, content.rstrip(b"\n")))
    found = Reading(server)
    assert found.ids(OBSERVATION)[:2] == ["a", "b"]
    assert found.connection.left_out.count == 1
    assert found.covered(OBSERVATION) == [None]


def test_a_sync_that_takes_too_long_ends_before_the_next_file(server: ExportServer) -> None:
    class OutOfTime(Exception):
        pass

    def admit() -> None:
        raise OutOfTime

    known = {"server": server.address, "name": "City", "access_token": TOKEN, "patient": PATIENT}
    connection = Connection(token=known, provider_account_id="x", admit=admit)
    source = HealthProvider(HERE, sleep=lambda _: None)
    with pytest.raises(OutOfTime):
        list(source.fetch(connection, dict.fromkeys(source.info.object_types)))
    assert not any(call.path.startswith(FILES) for call in server.asked)
    assert server.ended


def test_a_record_without_counts_proves_no_deletion(server: ExportServer) -> None:
    server.counts = False
    assert Reading(server).covered(OBSERVATION) == [None]


def test_files_elsewhere_are_read_without_the_token(server: ExportServer) -> None:
    """A store of files has signed addresses. It is sent no token."""
    with serving(ApiServer(Api())) as store:
        server.needs_token, server.file_server = False, store.address
        for name in ("Patient.0", "Observation.0", "Observation.40", "Observation.80", "Condition.0"):
            store.api.opened[f"{FILES}/{name}"] = lambda _, call: (
                200,
                {},
                server.file(call.path.removeprefix(f"{FILES}/")),
            )
        found = Reading(server)
        assert len(found.ids(OBSERVATION)) == 100
        assert not any("authorization" in call.headers for call in store.asked)
    assert searched(server) == {"/ServiceRequest"}


def test_types_that_were_not_granted_are_not_exported(server: ExportServer) -> None:
    Reading(
        server, {OBSERVATION: None, COMPARTMENT["Patient"]: None}, scope="patient/Observation.rs patient/Patient.rs"
    )
    assert server.kick_offs[-1]["_type"] == "Patient,Observation"


def test_both_ways_write_the_same_texts(server: ExportServer) -> None:
    """Digits stay, and neither way changes what the other brought. Resources of R5 are converted."""
    status = {"status": "final", "code": {"text": "pulse"}}
    server.records[1:] = [resource("Observation", "d", **status, valueQuantity={"value": 1.5})]
    for version in ("4.0.1", "5.0.0"):
        server.version, found = version, list[list[bytes]]()
        for is_exported in (True, False):
            server.lists_export = is_exported
            pages = [page for page in Reading(server).pages if page.object_type == OBSERVATION]
            found.append([text for page in pages for text in page.texts or ()])
        assert len(found[0]) == 1
        assert found[0] == found[1]
    content = ndjson(resource("Observation", "d", valueQuantity={"value": 0})).replace(b'"value": 0', b'"value": 1.50')
    server.version, server.lists_export = "4.0.1", True
    server.fail(f"{FILES}/Observation.0", (200, {}, content))
    assert any(b":1.50}" in text for page in Reading(server).pages for text in page.texts or ())


def test_a_server_that_does_not_offer_it_is_not_asked(server: ExportServer) -> None:
    server.lists_export = False
    assert len(Reading(server).ids(OBSERVATION)) == 100
    assert server.kick_offs == []


@pytest.mark.parametrize("ends", [0, 1])
def test_an_expired_token_needs_another(server: ExportServer, ends: int) -> None:
    """During an export as before it: the search that follows tells that the token is not accepted."""
    server.tokens.clear()
    if ends:
        server.fail(EXPORT, (202, {"Content-Location": JOB}, b""))
        server.fail(JOB, (401, {}, {}))
    with pytest.raises(NeedsLogin):
        Reading(server)


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([], []),
        ([b"a\nb"], [b"a", b"b"]),
        ([b"a", b"b\n", b"c\n\nd"], [b"ab", b"c", b"", b"d"]),
        ([b"a\xe2\x80\xa8b\r\n"], [b"a\xe2\x80\xa8b\r"]),
        ([b"x" * MAX_LINE_BYTES, b"x", b"y\na"], [None, b"a"]),
        ([b"x" * (MAX_LINE_BYTES + 1)], [None]),
        ([b"x" * (MAX_LINE_BYTES + 1) + b"\na"], [None, b"a"]),
    ],
)
def test_a_stream_is_divided_into_lines(pieces: list[bytes], lines: list[bytes | None]) -> None:
    assert list(lines_of(pieces)) == lines
