"""Reading published lists of health providers: their forms, and what is not taken of them."""

import io
import json
from typing import Any

import pytest

from privateshare.sources.contract import Broken
from privateshare.sources.health_provider.brands import BrandList, NotBrands, Provider, read_brands

REST = {"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "code": "hl7-fhir-rest"}
PORTAL = "http://hl7.org/fhir/StructureDefinition/organization-portal"
BRAND = "http://hl7.org/fhir/StructureDefinition/organization-brand"
VERSION = "http://hl7.org/fhir/StructureDefinition/endpoint-fhir-version"


def bundle(*resources: Any, full: str | None = None) -> dict[str, Any]:
    entries = [
        {"resource": one} | ({"fullUrl": f"{full}/{one['resourceType']}/{one['id']}"} if full else {})
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def endpoint(id_: str, address: Any = "https://fhir.city.example/r4", **more: Any) -> dict[str, Any]:
    fixed = {"resourceType": "Endpoint", "id": id_, "status": "active", "connectionType": REST, "address": address}
    return fixed | more


def organization(id_: str, name: Any = "City Hospital", *endpoints: str, **more: Any) -> dict[str, Any]:
    fixed = {"resourceType": "Organization", "id": id_, "name": name}
    return fixed | {"endpoint": [{"reference": f"Endpoint/{one}"} for one in endpoints]} | more


def read(content: Any) -> BrandList:
    return read_brands(io.BytesIO(json.dumps(content).encode()))


def names(found: BrandList) -> list[tuple[str, str]]:
    return [(one.name, one.server) for one in found.providers]


def test_a_brand_has_its_name_place_and_server() -> None:
    """As in SMART's example: the logo is not fetched, and other names serve the search."""
    brand = organization(
        "o1",
        "City  Hospital\n",
        alias=["The City", "<b>"],
        address=[{"city": "Springfield", "state": "IL", "country": "US"}],
        extension=[
            {"url": BRAND, "extension": [{"url": "brandLogo", "valueUrl": "https://city.example/logo.svg"}]},
            {
                "url": PORTAL,
                "extension": [
                    {"url": "portalName", "valueString": "MyCity"},
                    {"url": "portalEndpoint", "valueReference": {"reference": "Endpoint/e1"}},
                ],
            },
        ],
    )
    found = read(bundle(endpoint("e1", "https://FHIR.city.example/R4/"), brand))
    assert found.providers == [
        Provider("City Hospital", "Springfield, IL, US", "https://fhir.city.example/R4", ("The City",))
    ]
    assert not found.left_out


@pytest.mark.parametrize("reference", ["Endpoint/e1", "https://lists.example/fhir/Endpoint/e1", "urn:uuid:e1"])
def test_references_have_several_forms(reference: str) -> None:
    listed = bundle(organization("o1", endpoint=[{"reference": reference}]), endpoint("e1"), full="https://x.example/f")
    if reference.startswith("urn:"):
        listed["entry"][1]["fullUrl"] = reference
    assert names(read(listed)) == [("City Hospital", "https://fhir.city.example/r4")]


def test_older_lists_have_only_endpoints() -> None:
    """The name is that of the endpoint, of an organization that it contains, or of one that it names."""
    contained = {"resourceType": "Organization", "id": "c", "name": "Contained Clinic"}
    found = read(
        bundle(
            endpoint("e1", "https://a.example/r4", name="Plain Clinic"),
            endpoint(
                "e2",
                "https://b.example/r4",
                name="x",
                contained=[contained],
                managingOrganization={"reference": "#c"},
            ),
            endpoint("e3", "https://c.example/r4", managingOrganization={"reference": "Organization/o3"}),
            organization("o3", "Named Clinic"),
        )
    )
    assert sorted(names(found)) == [
        ("Contained Clinic", "https://b.example/r4"),
        ("Named Clinic", "https://c.example/r4"),
        ("Plain Clinic", "https://a.example/r4"),
    ]


def test_a_part_has_the_server_of_the_whole() -> None:
    """A clinic without an endpoint is found by its own name. Circles end."""
    found = read(
        bundle(
            organization("o1", "City Hospital", "e1"),
            organization("o2", "Eye Clinic", partOf={"reference": "Organization/o1"}),
            organization("o3", "Lost Clinic", partOf={"reference": "Organization/o4"}),
            organization("o4", "Other Lost Clinic", partOf={"reference": "Organization/o3"}),
            endpoint("e1"),
        )
    )
    assert [name for name, _ in names(found)] == ["City Hospital", "Eye Clinic"]
    assert found.left_out == {"without endpoint": 2}


def test_the_version_that_is_read_best_is_taken() -> None:
    def of(version: str) -> dict[str, Any]:
        return endpoint(
            f"e{version[0]}", f"https://a.example/{version}", extension=[{"url": VERSION, "valueCode": version}]
        )

    found = read(bundle(organization("o", "City Hospital", "e1", "e3", "e4"), of("1.0"), of("3.0"), of("4.0")))
    assert names(found) == [("City Hospital", "https://a.example/4.0")]
    assert found.left_out == {"version": 1}
    found = read(bundle(organization("o", "City Hospital", "e3"), of("3.0")))
    assert names(found) == [("City Hospital", "https://a.example/3.0")]


@pytest.mark.parametrize(
    "address",
    [
        "http://a.example/r4",
        "javascript:alert(1)",
        "https://u:p@a.example/r4",
        "https://a.example/r4?x=1",
        "https://a.example/r4?",
        "https://a.example/r4#x",
        "https://127.0.0.1/r4",
        "https://10.0.0.1/r4",
        "https://169.254.169.254/latest",
        "https://[::1]/r4",
        "https://localhost/r4",
        "https://a.example:0/r4",
        f"https://a.example/{'x' * 500}",
        "https://a.example/\u202er4",
        "",
        None,
        ["https://a.example"],
        {"url": "x"},
    ],
)
def test_an_address_must_be_of_a_public_server_by_https(address: Any) -> None:
    found = read(bundle(organization("o1", "City Hospital", "e1"), endpoint("e1", address), organization("o2")))
    assert found.providers == []
    assert found.left_out["address"] == 1


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "A > B",
        "abc\u202edef",
        "abc\x00",
        "\u200b",
        "",
        None,
        7,
        ["City"],
        "x" * 201,
    ],
)
def test_a_name_must_be_one_that_people_can_read(name: Any) -> None:
    """Neither markup nor characters that change how the text around them is displayed."""
    found = read(bundle(organization("o1", name, "e1"), endpoint("e1")))
    assert (found.providers, found.left_out) == ([], {"name": 1})


def test_what_is_twice_is_taken_once() -> None:
    found = read(
        bundle(
            organization("o1", "City Hospital", "e1", "e2"),
            organization("o2", "CITY HOSPITAL", "e1"),
            endpoint("e1"),
            endpoint("e2", "https://fhir.city.example/r4/"),
        )
    )
    assert names(found) == [("City Hospital", "https://fhir.city.example/r4")]
    assert found.left_out == {"duplicate": 2}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"status": "off"}, "not active"),
        ({"connectionType": {"code": "direct-project"}}, "of another kind"),
        ({"connectionType": [{"coding": [{"code": "direct-project"}]}]}, "of another kind"),
    ],
)
def test_endpoints_that_cannot_be_used_are_counted(more: dict[str, Any], reason: str) -> None:
    assert read(bundle(endpoint("e1", name="City", **more))).left_out == {reason: 1}


def test_endpoints_of_r5_are_read() -> None:
    found = read(bundle(endpoint("e1", name="City", connectionType=[{"coding": [REST]}])))
    assert len(found.providers) == 1


@pytest.mark.parametrize("content", [b"", b"no", b"[]", b"{}", b'{"resourceType": "Patient", "id": "p"}', b"\x00\xff"])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises((Broken, NotBrands)):
        read_brands(io.BytesIO(content))


@pytest.mark.parametrize("odd", [None, 7, [], "x", {"resourceType": "Endpoint"}, {"resourceType": ["Endpoint"]}])
def test_odd_entries_cost_nothing_else(odd: Any) -> None:
    listed = bundle(endpoint("e1", name="City"))
    listed["entry"] += [{"resource": odd}, odd]
    assert len(read(listed).providers) == 1


@pytest.mark.parametrize("member", ["extension", "alias", "address", "endpoint", "partOf", "contained", "telecom"])
@pytest.mark.parametrize("odd", [None, 7, "x", [7], [None], [[]], {"a": 1}, [{"extension": 7, "url": PORTAL}]])
def test_odd_members_are_ignored(member: str, odd: Any) -> None:
    found = read(
        bundle(
            organization("o1", "City Hospital", "e1") | {member: odd},
            endpoint("e1", managingOrganization={"reference": "Organization/o1"}, contained=odd),
        )
    )
    assert names(found) == [("City Hospital", "https://fhir.city.example/r4")]
