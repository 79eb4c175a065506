"""The source of health providers: its sign-in, its registration, and reading of any version of FHIR as R4."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from tests.scripted import Scripted, serving

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Broken, Connection, Page, Skipped, TryLater
from privateshare.sources.health_provider.configuration import RegisteredClient, Settings
from privateshare.sources.health_provider.source import HealthProvider, configured
from privateshare.sources.typed_servers import TypedServers

HERE = TypedServers(private=True)
CALLBACK = "https://share.example/apps/saas/signed-in"
CLIENT = {"client_id": "c1", "client_secret": "hush"}
OBSERVATION = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "pulse"}}
TYPES = ("Patient", "Observation", "Condition", "ServiceRequest")


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving(Scripted()) as running:
        publish(running)
        yield running


def publish(server: Scripted, version: str = "4.0.1", types: tuple[str, ...] = TYPES, **smart: Any) -> None:
    at = server.address
    resources = [{"type": kind, "searchParam": [{"name": "patient"}]} for kind in types]
    rest = [{"mode": "server", "resource": resources}]
    server.json("/metadata", {"resourceType": "CapabilityStatement", "fhirVersion": version, "rest": rest})
    endpoints = {f"{name}_endpoint": f"{at}/{name}" for name in ("authorization", "token", "registration")}
    server.json("/.well-known/smart-configuration", endpoints | smart)


def source(*clients: dict[str, Any]) -> HealthProvider:
    return HealthProvider(HERE, [RegisteredClient.model_validate(client) for client in clients])


def connection(server: Scripted, **token: Any) -> Connection:
    fixed = {"server": server.address, "name": "City Hospital", "access_token": "secret-token", "patient": "p1"}
    return Connection(token=fixed | CLIENT | token, provider_account_id="x")


def fetched(server: Scripted, wanted: Any = None, **token: Any) -> list[Page | Skipped]:
    types = dict.fromkeys(HealthProvider.info.object_types) if wanted is None else wanted
    return list(source().fetch(connection(server, **token), types))


def objects(found: list[Page | Skipped]) -> list[dict[str, Any]]:
    return [one for page in found if isinstance(page, Page) for one in page.objects]


# --- registration ---


def test_the_platform_registers_itself(server: Scripted) -> None:
    """With its redirect URI and the scope that it will ask for, and it stores what the server assigns."""
    server.json("/registration", CLIENT | {"token_endpoint_auth_method": "client_secret_post"}, 201)
    known = source().prepare({"server": server.address}, CALLBACK)
    assert known == {"server": server.address, "name": server.address.removeprefix("http://")}
    assert source().registers_at(known) == server.address
    client = source().register(known, CALLBACK)
    assert client == CLIENT | {"client_authentication": "client_secret_post"}
    sign_in = source().sign_in(known | client)
    assert (sign_in.client_id, sign_in.client_secret, sign_in.client_authentication) == (
        "c1",
        "hush",
        "client_secret_post",
    )
    assert sign_in.extra == {"aud": server.address}
    assert "hush" not in repr(sign_in)


@pytest.mark.parametrize(
    ("methods", "answer", "stored"),
    [
        (["none"], {"client_id": "c1"}, {"client_id": "c1"}),
        (["none"], {"client_id": "c1", "client_secret": "unused"}, {"client_id": "c1"}),
        (None, CLIENT | {"client_secret_expires_at": 0}, CLIENT | {"client_authentication": "client_secret_basic"}),
        (
            ["private_key_jwt", "client_secret_post"],
            CLIENT | {"client_secret_expires_at": 1900000000},
            CLIENT | {"client_authentication": "client_secret_post", "client_expires_at": 1900000000},
        ),
    ],
)
def test_the_server_decides_how_the_platform_proves_itself(
    server: Scripted, methods: list[str] | None, answer: dict[str, Any], stored: dict[str, Any]
) -> None:
    publish(server, token_endpoint_auth_methods_supported=methods)
    server.json("/registration", answer, 201)
    assert source().register({"server": server.address}, CALLBACK) == stored


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (400, {"error": "invalid_redirect_uri"}),
        (403, {}),
        (201, {}),
        (201, []),
        (201, {"client_id": 7}),
        (201, {"client_id": "c1"}),
        (201, {"client_id": "", "client_secret": "x"}),
        (201, {"client_id": "c" * 5000, "client_secret": "x"}),
        (201, {"client_id": "c\0", "client_secret": "x"}),
        (201, {"client_id": "c", "client_secret": "x\r\ny: z"}),
        (201, {"client_id": "\u202ec", "client_secret": "x"}),
        (201, CLIENT | {"token_endpoint_auth_method": "tls_client_auth"}),
        (302, {}),
    ],
)
def test_a_refused_registration_is_explained(server: Scripted, status: int, answer: Any) -> None:
    server.json("/registration", answer, status)
    with pytest.raises(Broken, match="does not let this platform register itself"):
        source().register({"server": server.address}, CALLBACK)


def test_an_overloaded_server_is_asked_later(server: Scripted) -> None:
    server.json("/registration", {}, 503)
    with pytest.raises(TryLater):
        source().register({"server": server.address}, CALLBACK)


def test_a_server_that_knows_nobody_needs_the_operator(server: Scripted) -> None:
    """Without dynamic registration, the person is told who can change that."""
    publish(server, registration_endpoint=None)
    with pytest.raises(Broken, match="accepts only platforms that it knows"):
        source().prepare({"server": server.address}, CALLBACK)
    known = source(CLIENT | {"server": server.address}).prepare({"server": server.address}, CALLBACK)
    assert source(CLIENT | {"server": server.address}).registers_at(known) is None


def test_a_client_of_a_list_is_used_for_its_providers_alone(server: Scripted) -> None:
    """A person who types the same address gets no use of it: whoever runs that server chose its sign-in pages."""
    publish(server, registration_endpoint=None)
    of_list = source(CLIENT | {"brands": "vendor", "scope": "patient/*.rs"})
    chosen = {"server": server.address, "name": "City Hospital", "brands": "vendor"}
    known = of_list.prepare(chosen, CALLBACK)
    assert known == chosen
    assert of_list.registers_at(known) is None
    assert (of_list.sign_in(known).client_id, of_list.sign_in(known).scope) == ("c1", "patient/*.rs")
    with pytest.raises(Broken, match="accepts only platforms that it knows"):
        of_list.prepare({"server": server.address}, CALLBACK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "c1"},
        {"client_id": "c1", "server": "https://a.example", "brands": "x"},
        {"client_id": "c1", "server": "http://a.example"},
        {"client_id": "c1", "server": "https://a.example?x=1"},
        {"server": "https://a.example"},
    ],
)
def test_invalid_clients_are_rejected_without_showing_secrets(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as told:
        Settings.model_validate({"clients": [{"client_secret": "hush"} | wrong]})
    assert "hush" not in str(told.value)


def test_settings_make_the_source() -> None:
    (one,) = configured(Settings.model_validate({"clients": [CLIENT | {"server": "https://a.example/r4/"}]}))
    assert isinstance(one, HealthProvider)
    assert one.registers_at({"server": "https://a.example/r4"}) is None


# --- whose record ---


def test_an_account_is_a_patient_at_a_server(server: Scripted) -> None:
    """The same patient id at another server is somebody else."""
    server.json("/Patient/p1", {"resourceType": "Patient", "id": "p1", "name": [{"text": "Ada Tester"}]})
    identity = source().identify(connection(server))
    assert identity.provider_account_id == f"{server.address}/Patient/p1"
    assert identity.display_name == "Ada Tester · City Hospital"
    with serving(Scripted()) as other:
        assert source().identify(connection(other)).provider_account_id != identity.provider_account_id


@pytest.mark.parametrize("patient", [None, "", "../Group/1", "p1/../../x", "a" * 65, {"id": 1}])
def test_a_token_must_name_its_patient(server: Scripted, patient: Any) -> None:
    with pytest.raises(Broken, match="City Hospital does not say whose record this is"):
        source().identify(connection(server, patient=patient))


# --- reading ---


def test_only_what_the_server_has_is_requested(server: Scripted) -> None:
    """There is a request for each type that its capability statement names and that is about the patient."""
    publish(server, types=(*TYPES, "Practitioner", "ValueSet"))
    server.json("/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    for kind in TYPES[1:]:
        server.bundle(f"/{kind}")
    server.bundle("/Observation", OBSERVATION)
    found = fetched(server)
    assert all(isinstance(page, Page) for page in found)
    assert {one["resourceType"] for one in objects(found)} == {"Patient", "Observation"}
    asked = {path.split("?")[0] for path, token in server.asked if token}
    assert asked == {"/Patient/p1", "/Observation", "/Condition", "/ServiceRequest"}


@pytest.mark.parametrize(
    ("kind", "parameters", "asked"),
    [
        ("Coverage", ["patient", "beneficiary"], "/Coverage?beneficiary=Patient/p1&"),
        ("Coverage", ["patient"], "/Coverage?patient=p1&"),
        ("Observation", [], "/Observation?patient=p1&"),
        ("Observation", ["subject", "code"], "/Observation?subject=Patient/p1&"),
        ("Device", ["identifier"], None),
        ("Group", [], "/Group?member=Patient/p1&"),
    ],
)
def test_types_are_searched_by_what_names_the_patient(
    server: Scripted, kind: str, parameters: list[str], asked: str | None
) -> None:
    """A type that is not found by a patient is not about one."""
    resource = {"type": kind, "searchParam": [{"name": one} for one in parameters]}
    rest = [{"mode": "server", "resource": [resource]}]
    server.json("/metadata", {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest})
    server.bundle(f"/{kind}")
    fetched(server, dict.fromkeys(kind for kind in HealthProvider.info.object_types if kind != ObjectType.PATIENT))
    found = [path for path, token in server.asked if token]
    assert len(found) == (asked is not None)
    assert asked is None or found[0].startswith(asked)


def test_what_was_not_granted_is_told_and_not_requested(server: Scripted) -> None:
    """Apps learn which types are missing, as do the people."""
    scope = "launch/patient patient/Observation.rs?category=laboratory patient/Condition.rs"
    server.bundle("/Observation", OBSERVATION)
    server.bundle("/Condition")
    found = fetched(server, scope=scope)
    told = [(one.object_type, one.code) for one in found if isinstance(one, Skipped)]
    assert told == [(ObjectType.PATIENT, "NotGranted"), (ObjectType.SERVICE_REQUEST, "NotGranted")]
    missing = source().not_granted(connection(server, scope=scope).token or {})
    assert [*missing] == [ObjectType.PATIENT, ObjectType.OBSERVATION, ObjectType.SERVICE_REQUEST]


def test_what_is_allowed_in_part_proves_no_deletions(server: Scripted) -> None:
    """A category that is not allowed looks as if it were empty."""
    answer = {"resourceType": "Bundle", "total": 1, "entry": [{"resource": OBSERVATION}]}
    server.json("/Observation", answer)
    wanted = {ObjectType.OBSERVATION: None}
    pages = [page for page in fetched(server, wanted, scope="patient/*.rs") if isinstance(page, Page)]
    assert pages[-1].covered is not None
    pages = [
        page
        for page in fetched(server, wanted, scope="patient/Observation.rs?category=laboratory")
        if isinstance(page, Page)
    ]
    assert pages[-1].covered is None


def test_a_history_shows_deletions(server: Scripted) -> None:
    """What was deleted since the last time is deleted, unless it is there again."""
    resource = {"type": "Observation", "interaction": [{"code": "search-type"}, {"code": "history-type"}]}
    rest = [{"mode": "server", "resource": [resource]}]
    server.json("/metadata", {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": rest})
    server.bundle("/Observation", OBSERVATION)
    entries = [
        {"request": {"method": "DELETE", "url": "Observation/gone"}, "response": {"status": "204"}},
        {"resource": OBSERVATION | {"id": "back"}, "request": {"method": "PUT", "url": "Observation/back"}},
        {"request": {"method": "DELETE", "url": "Observation/back"}},
        {"request": {"method": "DELETE", "url": "Observation/o1"}},
        {"request": {"method": "DELETE", "url": "Condition/c1"}},
        {"resource": OBSERVATION | {"id": "gone"}, "request": {"method": "POST", "url": "Observation"}},
        "odd",
    ]
    server.json("/Observation/_history", {"resourceType": "Bundle", "entry": entries})
    wanted: dict[int, str | None] = {ObjectType.OBSERVATION: None}
    assert not [one for page in fetched(server, wanted) if isinstance(page, Page) for one in page.deletions]
    wanted = {ObjectType.OBSERVATION: "2026-11-25T11:55:00Z 2999-01-01T00:00:00Z"}
    found = [one for page in fetched(server, wanted) if isinstance(page, Page) for one in page.deletions]
    assert [one.entity_id for one in found] == ["Observation/gone"]
    assert "_since=2026-11-25T11%3A55%3A00Z" in server.asked[-1][0]
    server.json("/Observation/_history", {}, 403)
    assert all(isinstance(page, Page) for page in fetched(server, wanted))


@pytest.mark.parametrize(
    ("version", "there", "here"),
    [
        (
            "3.0.2",
            {"resourceType": "Condition", "id": "c", "subject": {}, "assertedDate": "2020", "clinicalStatus": "active"},
            {"recordedDate": "2020"},
        ),
        (
            "5.0.0",
            {
                "resourceType": "Encounter",
                "id": "e",
                "status": "completed",
                "class": [{"coding": [{"code": "AMB"}]}],
                "subject": {},
                "actualPeriod": {"start": "2020"},
            },
            {"status": "finished", "class": {"code": "AMB"}, "period": {"start": "2020"}},
        ),
        ("4.3.0", OBSERVATION, {"id": "o1"}),
    ],
)
def test_resources_of_other_versions_come_as_r4(
    server: Scripted, version: str, there: dict[str, Any], here: dict[str, Any]
) -> None:
    publish(server, version, types=(str(there["resourceType"]),))
    server.bundle(f"/{there['resourceType']}", there)
    wanted = {kind: None for kind in HealthProvider.info.object_types if kind != ObjectType.PATIENT}
    (found,) = objects(fetched(server, wanted))
    assert here.items() <= found.items(), json.dumps(found)


def test_types_with_another_name_in_stu3_are_read(server: Scripted) -> None:
    """A ProcedureRequest is a ServiceRequest in R4. One list is deleted by nothing that the other lacks."""
    publish(server, "3.0.2", types=("ProcedureRequest", "ReferralRequest"))
    request = {"status": "active", "intent": "order", "subject": {"reference": "Patient/p1"}, "code": {"text": "x"}}
    server.bundle("/ProcedureRequest", request | {"resourceType": "ProcedureRequest", "id": "r1"})
    server.bundle("/ReferralRequest", request | {"resourceType": "ReferralRequest", "id": "r2"})
    found = fetched(server, {ObjectType.SERVICE_REQUEST: None})
    assert [(one["resourceType"], one["id"]) for one in objects(found)] == [
        ("ServiceRequest", "r1"),
        ("ServiceRequest", "r2"),
    ]
    assert [page.covered for page in found if isinstance(page, Page)] == [None] * len(found)


def test_what_cannot_be_converted_is_counted(server: Scripted) -> None:
    publish(server, "3.0.2", types=("Observation",))
    server.bundle("/Observation", {"resourceType": "Observation", "id": "bad", "context": {}}, OBSERVATION)
    there = connection(server)
    found = list(source().fetch(there, {ObjectType.OBSERVATION: None}))
    assert [one["id"] for one in objects(found)] == ["o1"]
    assert (there.left_out.count, there.left_out.total) == (1, 2)
