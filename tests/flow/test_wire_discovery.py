"""Tests of protocol 9.2 and 9.3: the lists of sources and services."""

from typing import Any

import pytest

from privateshare.protocol.catalogue import catalogue
from privateshare.sources.registry import Sources
from tests.flow.people import SPOTIFY, People
from tests.flow.wire import Wire, check_error


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.mark.protocol("9.2")
def test_sources_are_searched_filtered_sorted_and_paged(wire: Wire) -> None:
    """`total` counts all matches, filters are dotted or nested, and a search looks at every text."""
    everything = wire.post("discovery/sources", body={"limit": 1000, "sort": {"name": "asc"}}).json()
    names = [source["name"].casefold() for source in everything["data"]]
    assert names == sorted(names)
    assert everything["total"] == len(names) > 20
    page = wire.post("discovery/sources", body={"limit": 5, "offset": 5, "sort": {"name": "asc"}}).json()
    assert [source["id"] for source in page["data"]] == [source["id"] for source in everything["data"][5:10]]
    assert (page["limit"], page["offset"], page["total"]) == (5, 5, everything["total"])
    for filters in ({"service.id": [19]}, {"service": {"id": [19]}}, {"id": 16}, {"reference": ["spotify"]}):
        found = wire.post("discovery/sources", body={"query": {"filter": filters}}).json()["data"]
        assert [source["id"] for source in found] == [SPOTIFY]
    found = wire.post("discovery/sources", body={"query": {"search": {"name": ["SPOT", "fitb"]}}}).json()
    assert {source["name"] for source in found["data"]} == {"Spotify", "Fitbit"}


@pytest.mark.protocol("9.2")
def test_all_filters_of_a_query_must_match(wire: Wire) -> None:
    """`queryString` is searched for in the name, and `desc` reverses the order."""

    def found(query: dict[str, Any], **more: Any) -> list[str]:
        answer = wire.post("discovery/sources", body={"limit": 1000, "query": query} | more)
        assert answer.status_code == 200, answer.text
        return [source["name"] for source in answer.json()["data"]]

    everything = found({})
    assert found({}, sort={"name": "desc"}) == everything[::-1]
    assert found({"queryString": "BANKS"}) == [name for name in everything if "banks" in name.casefold()] != []
    assert found({"filter": {"country.id": [3]}, "queryString": "banks"}) == ["UK Banks"]
    on_phones = {source.name for source in catalogue().sources.values() if 5 in source.groups and 3 in source.platforms}
    both = found({"filter": {"category": {"id": [5]}, "platform.id": [3]}})
    assert both == [name for name in everything if name in on_phones]
    assert {"Netflix", "Spotify"} <= set(both)
    assert "YouTube" not in both
    assert found({"filter": {"type.id": [2], "id": [16]}}) == []
    assert found({"search": {"name": ["spot"], "alias": ["fitbit"]}}) == []
    assert found({"search": {"medicalCenter": ["anything"]}}) == []
    connectable = {catalogue().sources[id_].name for id_ in Sources().connectable if id_ in catalogue().sources}
    assert set(found({"filter": {"publishedStatus": ["approved"]}})) == connectable
    beyond = wire.post("discovery/sources", body={"offset": 10_000}).json()
    assert (beyond["data"], beyond["total"]) == ([], len(everything))


@pytest.mark.protocol("9.1")
def test_services_have_the_fields_that_clients_read(wire: Wire) -> None:
    """They have ids, names, status and date, and everything that they refer to is listed."""
    data = wire.http.get(wire.url("discovery/services")).json()["data"]
    groups, countries = ({entry["id"] for entry in data[name]} for name in ("serviceGroups", "countries"))
    for service in data["services"]:
        assert set(service) >= {
            "id", "name", "serviceGroups", "publishedStatus", "publishedDate", "resources", "serviceId"
        }  # fmt: skip
        assert service["publishedDate"] > 10**12
        assert {group["id"] for group in service["serviceGroups"]} <= groups
        assert {country["id"] for country in service.get("countries", [])} <= countries
    unknown = wire.http.get(wire.url("discovery/services"), headers={"contractId": "nothing"})
    check_error(unknown, 400, "InvalidRequest")


SPOTIFY_SERVICE = {"id": 19, "name": "Spotify"}


@pytest.mark.protocol("9.2")
@pytest.mark.parametrize(
    ("include", "expected"),
    [
        (["id", "service.name", "category.id"], {"id": 16, "service": SPOTIFY_SERVICE, "category": [{"id": 5}]}),
        (["name"], {"id": 16, "name": "Spotify"}),
        (["id", "service.name"], {"id": 16, "service": SPOTIFY_SERVICE}),
        (["service.nothing"], {"id": 16, "service": {"id": 19}}),
        (["serviceable"], {"id": 16}),
        (["id.x", "name.y"], {"id": 16, "name": "Spotify"}),
    ],
)
def test_include_selects_fields_of_sources(wire: Wire, include: list[str], expected: dict[str, Any]) -> None:
    """Fields are dotted. `id` is always there, and `service.id` wherever `service` is."""
    body = {"query": {"include": include, "filter": {"id": [16]}}}
    assert wire.post("discovery/sources", body=body).json()["data"] == [expected]


@pytest.mark.protocol("9.2")
def test_include_of_an_object_returns_all_its_fields(wire: Wire) -> None:
    """A field that contains others is returned with all of them."""
    (source,) = wire.post("discovery/sources", body={"query": {"filter": {"id": [16]}}}).json()["data"]
    body = {"query": {"include": ["service"], "filter": {"id": [16]}}}
    assert wire.post("discovery/sources", body=body).json()["data"] == [{"id": 16, "service": source["service"]}]


@pytest.mark.protocol("13")
def test_unknown_fields_of_a_query_are_named(wire: Wire) -> None:
    """The error names the unknown field."""
    assert "colour" in check_error(
        wire.post("discovery/sources", body={"query": {"filter": {"colour": 1}}}), 400, "InvalidRequest"
    )
    assert "limit" in check_error(wire.post("discovery/sources", body={"limit": 0}), 400, "InvalidRequest")


@pytest.mark.protocol("9.3")
@pytest.mark.parametrize("kind", ["categories", "countries", "platforms", "sourceTypes"])
def test_the_other_records_are_listed_and_filtered(wire: Wire, kind: str) -> None:
    """Each kind of record can be listed and filtered."""
    everything = wire.post(f"discovery/{kind}").json()["data"]
    first = everything[0]
    for include in (["id"], ["nothing"]):
        query = {"filter": {"id": [first["id"]]}, "include": include}
        assert wire.post(f"discovery/{kind}", body={"query": query}).json()["data"] == [{"id": first["id"]}]
