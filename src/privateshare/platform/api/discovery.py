"""What can be connected. Protocol 9."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query

from privateshare.errors import InvalidRequest
from privateshare.platform.api.callers import Transaction
from privateshare.platform.db.tables import Contract
from privateshare.platform.grants.offers import offered_sources
from privateshare.protocol.catalogue import CatalogueSource, catalogue
from privateshare.protocol.messages import AvailableServices, Country, IdRef, Service, ServiceGroupInfo, Wire

router = APIRouter(tags=["discovery"])

PUBLISHED = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)


class ServicesAnswer(Wire):
    """What can be connected, under `data`."""

    data: AvailableServices


@router.get("/discovery/services", response_model_exclude_none=True)
async def services(
    db: Transaction,
    contract_id: Annotated[str | None, Header(alias="contractId")] = None,
    include_sample_only: Annotated[bool, Query(alias="includeSampleDataOnlySources")] = False,
) -> ServicesAnswer:
    """What can be connected; for a contract, only what it may ask for. Protocol 9.1."""
    contract = await db.get(Contract, contract_id) if contract_id else None
    if contract_id and contract is None:
        raise InvalidRequest("contractId names no contract")
    entries = catalogue()
    found = [entries.sources[id_] for id_ in offered_sources(contract, samples_only=include_sample_only)]
    groups = {group for source in found for group in source.groups}
    return ServicesAnswer(
        data=AvailableServices(
            countries=[Country(id=c.id, code=c.code, name=c.name) for c in entries.countries.values()],
            service_groups=[
                ServiceGroupInfo(id=group.id, name=group.name)
                for group in entries.service_groups.values()
                if group.id in groups
            ],
            services=[_service(source) for source in found],
        )
    )


def _service(source: CatalogueSource) -> Service:
    return Service(
        id=source.id,
        name=source.name,
        service_groups=[IdRef(id=group) for group in source.groups],
        published_status="approved",
        published_date=PUBLISHED,
        countries=[IdRef(id=country) for country in source.countries] or None,
        service_id=source.service_type,
        reference=source.reference,
    )
