"""Discovery of the sources and services that can be connected. Protocol 9."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import Field

from privateshare.errors import InvalidRequest, NotFound
from privateshare.platform.api import source_catalogue, viewer
from privateshare.platform.api.callers import ContractCaller
from privateshare.platform.db.tables import ContractRow
from privateshare.platform.grants.offers import offered_sources
from privateshare.platform.http.requests import count_unsigned, platform_of, public_address
from privateshare.platform.http.transaction import Transaction
from privateshare.protocol.catalogue import CatalogueSource, catalogue
from privateshare.protocol.catalogue_index import RecordQuery, catalogue_indexes, flatten_filters, project
from privateshare.protocol.discovery import (
    AvailableServices,
    Country,
    IdRef,
    ImageResource,
    Service,
    ServiceGroupInfo,
    ServicePlatform,
    SourceQuery,
)
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["discovery"])

MAX_LIMIT = 1000
DEFAULT_LIMIT = 20
# All sources have the same picture, since apps on phones need one.
PICTURE, PICTURE_TYPE, PICTURE_PIXELS = "icon.png", "image/png", 128
IMAGE = 0


class ServicesResponse(Wire):
    """The services that can be connected, under `data`."""

    data: AvailableServices


class SourcesResponse(Wire):
    """A page of sources with the requested fields. `total` is the number of sources on all pages."""

    data: list[dict[str, Any]]
    limit: int
    offset: int
    total: int


class RecordsResponse(Wire):
    """Records of one kind, with the requested fields."""

    data: list[dict[str, Any]]


@router.get("/discovery/services", response_model_exclude_none=True, dependencies=[Depends(count_unsigned)])
async def list_services(
    request: Request,
    db: Transaction,
    contract_id: Annotated[str | None, Header(alias="contractId")] = None,
    include_sample_only: Annotated[bool, Query(alias="includeSampleDataOnlySources")] = False,
) -> ServicesResponse:
    """List the services that can be connected; for a contract, only those that it may ask for. Protocol 9.1."""
    contract = await db.get(ContractRow, contract_id) if contract_id else None
    if contract_id and contract is None:
        raise InvalidRequest("There is no contract with this contractId")
    entries = catalogue()
    sources = platform_of(request).sources
    found = [sources.listed[id_] for id_ in offered_sources(sources, contract, samples_only=include_sample_only)]
    groups = {group for source in found for group in source.groups}
    return ServicesResponse(
        data=AvailableServices(
            countries=[Country(id=c.id, code=c.code, name=c.name) for c in entries.countries.values()],
            service_groups=[
                ServiceGroupInfo(id=group.id, name=group.name)
                for group in entries.service_groups.values()
                if group.id in groups
            ],
            services=[
                _service(source, source_catalogue.published_status(sources, source.id), _picture(request))
                for source in found
            ],
        )
    )


class CatalogueQueryBody(Wire):
    """A query, and which page of its results to return."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)
    offset: int = Field(default=0, ge=0)
    sort: dict[Literal["name"], Literal["asc", "desc"]] = {}
    query: SourceQuery = SourceQuery()


@router.post("/discovery/sources")
async def search_sources(
    request: Request, caller: ContractCaller, body: CatalogueQueryBody | None = None
) -> SourcesResponse:
    """Search, filter and sort sources, and return one page of them. Protocol 9.2."""
    options = body or CatalogueQueryBody()
    found = source_catalogue.source_index(caller.platform.sources).find(_query(options.query, options.sort))
    page = found[options.offset : options.offset + options.limit]
    picture = {"resource": {"url": _picture(request), "mimetype": PICTURE_TYPE}}
    data = [project(record | picture, options.query.include or []) for record in page]
    return SourcesResponse(data=data, limit=options.limit, offset=options.offset, total=len(found))


@router.post("/discovery/{kind}")
async def search_records(
    caller: ContractCaller,
    kind: str,
    body: CatalogueQueryBody | None = None,
) -> RecordsResponse:
    """Search categories, countries, platforms or source types (`sourceTypes`). Protocol 9.3."""
    del caller  # Any contract may use this.
    if kind not in catalogue_indexes():
        raise NotFound("Not Found")
    query = (body or CatalogueQueryBody()).query
    found = catalogue_indexes()[kind].find(_query(query, {}))
    return RecordsResponse(data=[project(record, query.include or []) for record in found])


def _query(query: SourceQuery, sort: Mapping[Any, str]) -> RecordQuery:
    return RecordQuery(
        query.search or {},
        query.query_string or "",
        dict(flatten_filters(query.filter or {})),
        query.include or [],
        sort,
    )


def _picture(request: Request) -> str:
    return f"{public_address(request)}{viewer.asset_path(PICTURE)}"


def _service(source: CatalogueSource, status: str, picture: str) -> Service:
    return Service(
        id=source.id,
        name=source.name,
        service_groups=[IdRef(id=group) for group in source.groups],
        published_status=status,
        published_date=source_catalogue.PUBLISHED,
        resources=[
            ImageResource(url=picture, mimetype=PICTURE_TYPE, type=IMAGE, height=PICTURE_PIXELS, width=PICTURE_PIXELS)
        ],
        countries=[IdRef(id=country) for country in source.countries],
        service_id=source.service_type,
        reference=source.reference,
        platform=ServicePlatform(),
    )
