"""What can be connected, and sample data. Protocol 9, 12.2."""

from privateshare.protocol.messages import AvailableServices, SampleDataSet
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Request, sent
from privateshare.sdk.flows.calls import called, parsed, read_as


def available_services(
    configuration: Configuration, *, all_contracts: bool, include_sample_only: bool
) -> Flow[AvailableServices]:
    """What can be connected, for this contract or at all. Protocol 9.1."""
    query = "?includeSampleDataOnlySources=true" if include_sample_only else ""
    headers = {} if all_contracts else {"contractId": configuration.contract_id}
    url = f"{configuration.api}discovery/services{query}"
    response = yield from sent(Request(method="GET", url=url, headers=headers), configuration.retries)
    return read_as(AvailableServices, parsed(response).get("data"))


def sample_data_sets(configuration: Configuration, source_id: int) -> Flow[dict[str, SampleDataSet]]:
    """The sample data sets of a source. Protocol 12.2."""
    response = yield from called(configuration, "GET", f"permission-access/sample/datasets/{source_id}")
    return read_as(dict[str, SampleDataSet], parsed(response))
