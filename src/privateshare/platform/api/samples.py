"""The sample data sets of sources. Protocol 12.2."""

from fastapi import APIRouter

from privateshare.errors import NotFound
from privateshare.platform.api.callers import ContractCaller
from privateshare.protocol.discovery import SampleDataSet

router = APIRouter(tags=["samples"])


@router.get("/permission-access/sample/datasets/{source_id}")
async def list_sample_data_sets(caller: ContractCaller, source_id: int) -> dict[str, SampleDataSet]:
    """Return the sample data sets of a source by their ids. Protocol 12.2."""
    source = caller.platform.sources.connectable.get(source_id)
    if source is None:
        raise NotFound(f"There is no source with the id {source_id}")
    return {
        sample.id: SampleDataSet(name=sample.name, description=sample.description) for sample in source.info.samples
    }
