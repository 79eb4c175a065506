"""Finding a FHIR server by the address that a person typed, on real sockets."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.scripted import Scripted, serving

from privateshare.sources.contract import Broken, TryLater
from privateshare.sources.health_provider.discovery import COMMON_PATHS, find_server, read_server
from privateshare.sources.typed_servers import TypedServers

SMART = ".well-known/smart-configuration"
HERE = TypedServers(private=True)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving(Scripted()) as running:
        yield running


def statement(version: str | None = "4.0.1", **rest: Any) -> dict[str, Any]:
    told = {"resourceType": "CapabilityStatement", "fhirVersion": version, "rest": [{"mode": "server"} | rest]}
    return {name: value for name, value in told.items() if value is not None}


def smart(server: Scripted, **more: Any) -> dict[str, Any]:
    at = server.address
    return {"authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token"} | more


def publish(server: Scripted, path: str = "", version: str | None = "4.0.1", **more: Any) -> None:
    """Have the server be there, below a path."""
    server.json(f"{path}/metadata", statement(version))
    server.json(f"{path}/{SMART}", smart(server, **more))


@pytest.mark.parametrize("path", ["", *(f"/{one}" for one in COMMON_PATHS), "/some/tenant-7/FHIR"])
def test_an_address_is_completed(server: Scripted, path: str) -> None:
    """The host is enough where the server is at a common path. Otherwise the path is needed."""
    publish(server, path)
    typed = server.address if path.strip("/") in ("", *COMMON_PATHS) else f"{server.address}{path}/"
    assert find_server(HERE, typed).base == f"{server.address}{path}"


@pytest.mark.parametrize(
    "end", ["/", "/metadata", f"/{SMART}", "/Patient", "/Patient/123", "/metadata?_format=json", "/Observation?code=1"]
)
def test_the_address_of_a_document_there_is_shortened(server: Scripted, end: str) -> None:
    """People copy what their portal or a developer's page shows."""
    publish(server, "/r4")
    assert find_server(HERE, f"{server.address}/r4{end}").base == f"{server.address}/r4"


@pytest.mark.parametrize("version", ["3.0.2", "3.0.1", "4.0.1", "4.0.0", "4.3.0", "5.0.0", "5.0.0-ballot"])
def test_versions_from_stu3_on_are_read(server: Scripted, version: str) -> None:
    publish(server, version=version)
    assert find_server(HERE, server.address).version == version


@pytest.mark.parametrize("version", ["1.0.2", "0.4.0", "2.1.0", "x", "99"])
def test_a_version_that_cannot_be_read_is_named(server: Scripted, version: str) -> None:
    publish(server, version=version)
    with pytest.raises(Broken, match=f"uses version {version} of FHIR"):
        find_server(HERE, server.address)


def test_a_conformance_statement_of_dstu2_is_recognised(server: Scripted) -> None:
    server.json("/metadata", {"resourceType": "Conformance", "fhirVersion": "1.0.2"})
    with pytest.raises(Broken, match="too old to be read here"):
        find_server(HERE, server.address)


@pytest.mark.parametrize("content", ["text", [], {}, {"resourceType": "Patient"}, {"token_endpoint": 7}])
def test_other_servers_are_none_of_health_records(server: Scripted, content: Any) -> None:
    """A web site at the address is not taken for one."""
    server.json("/metadata", content)
    with pytest.raises(Broken, match="is no server with health records"):
        find_server(HERE, server.address)


def test_a_server_without_a_sign_in_is_explained(server: Scripted) -> None:
    """It may be one for other uses of the same hospital."""
    server.json("/metadata", statement())
    with pytest.raises(Broken, match="does not say how people sign in there"):
        find_server(HERE, server.address)


def test_a_sign_in_may_be_at_another_common_path(server: Scripted) -> None:
    """Where the first address has no sign-in, the others are tried."""
    server.json("/metadata", statement())
    publish(server, "/fhir/r4")
    assert find_server(HERE, server.address).base == f"{server.address}/fhir/r4"


def test_the_first_version_of_smart_is_understood(server: Scripted) -> None:
    """It names the addresses in the capability statement."""
    parts = [{"url": name, "valueUri": f"{server.address}/{name}"} for name in ("authorize", "token", "register")]
    uris = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    server.json("/metadata", statement(security={"extension": [{"url": uris, "extension": parts}]}))
    found = find_server(HERE, server.address)
    assert found.authorization_endpoint == f"{server.address}/authorize"
    assert found.registration_endpoint == f"{server.address}/register"


def test_a_server_may_keep_its_capability_statement_to_itself(server: Scripted) -> None:
    """Some answer only after the sign-in. Then it is taken for R4 with the usual types."""
    server.json("/metadata", {}, 401)
    server.json(f"/{SMART}", smart(server))
    found = find_server(HERE, server.address)
    assert (found.version, found.types) == ("4.0.1", {})


@pytest.mark.parametrize(
    "wrong",
    [
        "http://a.example/token",
        "javascript:alert(1)",
        ["https://a.example"],
        "https://u:p@a.example/",
        "https:///x",
        "",
    ],
)
@pytest.mark.parametrize("name", ["authorization", "token", "registration", "revocation"])
def test_endpoints_must_be_encrypted(server: Scripted, name: str, wrong: Any) -> None:
    """Nothing secret is sent to an address that others could read or that is none."""
    publish(server, **{f"{name}_endpoint": wrong})
    with pytest.raises(Broken, match="without encryption"):
        find_server(HERE, server.address)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_server_is_tried_later(server: Scripted, status: int) -> None:
    server.json("/metadata", {}, status)
    with pytest.raises(TryLater):
        find_server(HERE, server.address)


@pytest.mark.parametrize("typed", ["", "hospital", "ftp://a.example", "http://a.example", "https://a b.example", "a@b"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(Broken, match="is not the address of a server"):
        find_server(TypedServers(), typed)


@pytest.mark.parametrize("typed", ["127.0.0.1", "https://169.254.169.254", "10.0.0.1/fhir", "nowhere.invalid"])
def test_only_public_servers_are_reached(typed: str) -> None:
    """Neither this machine, nor the private network, nor the metadata service of a cloud."""
    with pytest.raises(Broken, match="cannot be found"):
        find_server(TypedServers(), typed)


def test_what_a_server_can_do_is_read(server: Scripted) -> None:
    resource = {
        "type": "Observation",
        "interaction": [{"code": "read"}, {"code": "search-type"}, {"code": "history-type"}, 7],
        "searchParam": [{"name": "patient"}, "odd"],
    }
    other = {"type": "Binary", "interaction": [{"code": "read"}]}
    server.json("/metadata", statement(resource=[resource, other, "odd", {"type": 7}]))
    server.json(f"/{SMART}", smart(server, scopes_supported=["patient/*.rs", 7], capabilities=["permission-v2"]))
    found = read_server(HERE, server.address)
    assert found.types["Observation"].shows_history
    assert found.types["Observation"].parameters == {"patient"}
    assert not found.types["Binary"].searches
    assert (found.scopes, found.capabilities) == (frozenset({"patient/*.rs"}), frozenset({"permission-v2"}))


def test_what_is_kept_of_a_server_is_limited(server: Scripted) -> None:
    """Whoever names many servers that say much of themselves does not fill the memory."""
    odd = [{"name": f"x{number}" * 100} for number in range(3000)]
    types = [{"type": f"T{number}", "searchParam": odd[:2]} for number in range(3000)]
    own = {"type": "Observation", "searchParam": [*odd, {"name": "patient"}]}
    server.json("/metadata", statement(resource=[own, *types]))
    server.json(
        f"/{SMART}", smart(server, scopes_supported=[*map(str, range(5000)), "y" * 9000], capabilities=["z" * 9000])
    )
    found = find_server(HERE, server.address)
    assert found.types["Observation"].parameters == {"patient"}
    assert not found.types["T1"].parameters & {one["name"] for one in odd}
    assert found.types["T1"].parameters
    assert (len(found.types), len(found.scopes), len(found.capabilities)) == (1000, 1000, 0)
