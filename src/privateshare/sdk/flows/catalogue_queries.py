"""Flows that ask what can be connected: services, sources, sample data. Protocol 9, 12.2."""

from typing import Any, TypeVar

from privateshare.protocol.discovery import (
    AvailableServices,
    CatalogueRecord,
    CategoryRecord,
    CountryRecord,
    SampleDataSet,
    SourceQuery,
    SourcesPage,
)
from privateshare.sdk.arguments import check_choice, check_flag, check_kind, check_whole, optional
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, send
from privateshare.sdk.flows.signed_calls import call_api
from privateshare.sdk.http.requests import Request
from privateshare.sdk.http.responses import json_object, json_value, read_as

R = TypeVar("R", bound=CatalogueRecord)


def available_services(core: Core, *, all_contracts: bool, include_sample_only: bool) -> Flow[AvailableServices]:
    """Get the services that can be connected, for this contract or for any. Protocol 9.1."""
    check_flag("all_contracts", all_contracts)
    check_flag("include_sample_data_only_sources", include_sample_only)
    query = "?includeSampleDataOnlySources=true" if include_sample_only else ""
    headers = {} if all_contracts else {"contractId": core.configuration.contract_id}
    url = f"{core.configuration.api}discovery/services{query}"
    response = yield from send(
        Request(method="GET", url=url, route="discovery/services", headers=headers), core.configuration.retries
    )
    return read_as(AvailableServices, json_object(response).get("data"))


def sample_data_sets(core: Core, source_id: int) -> Flow[dict[str, SampleDataSet]]:
    """Get the sample data sets of a source. Protocol 12.2."""
    check_whole("source_id", source_id, 0)
    response = yield from call_api(core, "GET", f"permission-access/sample/datasets/{source_id}")
    return read_as(dict[str, SampleDataSet], json_value(response))


def query_sources(
    core: Core, query: SourceQuery | None, limit: int, offset: int, sort: str | None
) -> Flow[SourcesPage]:
    """Get a page of sources. Protocol 9.2."""
    check_whole("limit", limit, 1)
    check_whole("offset", offset, 0)
    optional(check_choice, "sort", sort, ("asc", "desc"))
    optional(check_kind, "query", query, SourceQuery, "SourceQuery(…)")
    body: dict[str, Any] = {"limit": limit, "offset": offset, "query": query.to_wire() if query else {}}
    if sort is not None:
        body["sort"] = {"name": sort}
    response = yield from call_api(core, "POST", "discovery/sources", body)
    return read_as(SourcesPage, json_value(response))


def query_categories(core: Core, query: SourceQuery | None) -> Flow[list[CategoryRecord]]:
    """Get the categories. Protocol 9.3."""
    return _records(core, "categories", CategoryRecord, query)


def query_countries(core: Core, query: SourceQuery | None) -> Flow[list[CountryRecord]]:
    """Get the countries. Protocol 9.3."""
    return _records(core, "countries", CountryRecord, query)


def query_platforms(core: Core, query: SourceQuery | None) -> Flow[list[CatalogueRecord]]:
    """Get the platforms. Protocol 9.3."""
    return _records(core, "platforms", CatalogueRecord, query)


def query_source_types(core: Core, query: SourceQuery | None) -> Flow[list[CatalogueRecord]]:
    """Get the source types. Protocol 9.3."""
    return _records(core, "sourceTypes", CatalogueRecord, query)


def _records(core: Core, kind: str, record: type[R], query: SourceQuery | None) -> Flow[list[R]]:
    optional(check_kind, "query", query, SourceQuery, "SourceQuery(…)")
    body = {"query": query.to_wire() if query else {}}
    response = yield from call_api(core, "POST", f"discovery/{kind}", body)
    return read_as(list[record], json_object(response).get("data"))  # type: ignore[valid-type]
