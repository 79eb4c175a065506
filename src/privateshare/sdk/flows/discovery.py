"""What can be connected, sample data, contracts, reports. Protocol 9, 12."""

from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from privateshare.errors import InvalidAnswer
from privateshare.protocol.discovery import (
    AvailableServices,
    CatalogueRecord,
    CategoryRecord,
    CountryRecord,
    SampleDataSet,
    SourceQuery,
    SourcesPage,
)
from privateshare.protocol.messages import ContractDetails
from privateshare.sdk.bodies import MAX_REPORT_BYTES
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Request, Response, sent
from privateshare.sdk.flows.calls import as_user, called, json_request, parsed, read_as, told
from privateshare.sdk.tokens import Holder

R = TypeVar("R", bound=CatalogueRecord)


def available_services(
    configuration: Configuration, *, all_contracts: bool, include_sample_only: bool
) -> Flow[AvailableServices]:
    """What can be connected, for this contract or at all. Protocol 9.1."""
    query = "?includeSampleDataOnlySources=true" if include_sample_only else ""
    headers = {} if all_contracts else {"contractId": configuration.contract_id}
    url = f"{configuration.api}discovery/services{query}"
    response = yield from sent(Request(method="GET", url=url, headers=headers), configuration.retries)
    return read_as(AvailableServices, told(response).get("data"))


def sample_data_sets(configuration: Configuration, source_id: int) -> Flow[dict[str, SampleDataSet]]:
    """The sample data sets of a source. Protocol 12.2."""
    response = yield from called(configuration, "GET", f"permission-access/sample/datasets/{source_id}")
    return read_as(dict[str, SampleDataSet], parsed(response))


def query_sources(
    configuration: Configuration, query: SourceQuery | None, limit: int, offset: int, sort: str | None
) -> Flow[SourcesPage]:
    """A page of sources. Protocol 9.2."""
    body: dict[str, Any] = {"limit": limit, "offset": offset, "query": query.to_wire() if query else {}}
    if sort is not None:
        body["sort"] = {"name": sort}
    response = yield from called(configuration, "POST", "discovery/sources", body)
    return read_as(SourcesPage, parsed(response))


def query_categories(configuration: Configuration, query: SourceQuery | None) -> Flow[list[CategoryRecord]]:
    """The categories. Protocol 9.3."""
    return _records(configuration, "categories", CategoryRecord, query)


def query_countries(configuration: Configuration, query: SourceQuery | None) -> Flow[list[CountryRecord]]:
    """The countries. Protocol 9.3."""
    return _records(configuration, "countries", CountryRecord, query)


def query_platforms(configuration: Configuration, query: SourceQuery | None) -> Flow[list[CatalogueRecord]]:
    """The platforms. Protocol 9.3."""
    return _records(configuration, "platforms", CatalogueRecord, query)


def query_source_types(configuration: Configuration, query: SourceQuery | None) -> Flow[list[CatalogueRecord]]:
    """The source types. Protocol 9.3."""
    return _records(configuration, "sourceTypes", CatalogueRecord, query)


def _records(configuration: Configuration, kind: str, of: type[R], query: SourceQuery | None) -> Flow[list[R]]:
    body = {"query": query.to_wire() if query else {}}
    response = yield from called(configuration, "POST", f"discovery/{kind}", body)
    return read_as(list[of], told(response).get("data"))  # type: ignore[valid-type]


def contract_details(configuration: Configuration) -> Flow[ContractDetails]:
    """This contract. Protocol 12.1."""
    response = yield from called(configuration, "GET", "permission-access/contract")
    return read_as(ContractDetails, parsed(response))


def portability_report(
    configuration: Configuration,
    token: Holder,
    service_type: str,
    format_: str,
    from_: int | None,
    to: int | None,
) -> Flow[str]:
    """What the library holds of a service type, as one text. Protocol 12.3."""
    given = {"format": format_, "from": from_, "to": to}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    path = f"export/{service_type}/report?{query}"

    def call(access: str) -> Flow[Response]:
        request = json_request(configuration, "GET", path, access_token=access)
        return sent(replace(request, limit=MAX_REPORT_BYTES), configuration.retries)

    response = yield from as_user(token, call)
    try:
        return response.body.decode()
    except UnicodeDecodeError as error:
        raise InvalidAnswer("The report is not text in UTF-8") from error
