"""The endpoints of the platform in memory about the catalogue. Protocol 9."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from privateshare.errors import NotFound
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.catalogue_index import (
    RecordIndex,
    RecordQuery,
    catalogue_indexes,
    flatten_filters,
    project,
    source_record,
)

PUBLISHED = 1_700_000_000_000
DEFAULT_LIMIT = 20


def services() -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return the services that can be connected. Protocol 9.1."""
    known = catalogue()
    return {
        "countries": [{"id": entry.id, "code": entry.code, "name": entry.name} for entry in known.countries.values()],
        "serviceGroups": [{"id": entry.id, "name": entry.name} for entry in known.service_groups.values()],
        "services": [
            {
                "id": entry.id,
                "name": entry.name,
                "serviceGroups": [{"id": group} for group in entry.groups],
                "publishedStatus": "approved",
                "publishedDate": PUBLISHED,
                "serviceId": entry.service_type,
                "reference": entry.reference,
                "resources": [],
                "countries": [{"id": country} for country in entry.countries],
                "platform": {"windows": {"availability": "production", "currentStatus": "available"}},
            }
            for entry in known.sources.values()
        ],
    }


def find_records(kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Query sources, categories, countries, platforms or source types. Raise NotFound or InvalidRequest."""
    index = _sources() if kind == "sources" else catalogue_indexes().get(kind)
    if index is None:
        raise NotFound("Not Found")
    asked = body.get("query", {})
    filters, include = dict(flatten_filters(asked.get("filter", {}))), asked.get("include", [])
    records = index.find(
        RecordQuery(asked.get("search", {}), asked.get("queryString", ""), filters, include, body.get("sort", {}))
    )
    if kind != "sources":
        return {"data": [project(record, include) for record in records]}
    limit, offset = body.get("limit", DEFAULT_LIMIT), body.get("offset", 0)
    page = [project(record, include) for record in records[offset : offset + limit]]
    return {"data": page, "limit": limit, "offset": offset, "total": len(records)}


@cache
def _sources() -> RecordIndex:
    return RecordIndex(source_record(source, "approved", PUBLISHED) for source in catalogue().sources.values())
