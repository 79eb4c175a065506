"""The catalogue that discovery answers from, as plain records. Protocol 9.2, 9.3.

Records are built once; a query filters, searches, sorts and projects them in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from privateshare.errors import InvalidRequest
from privateshare.protocol.catalogue import CatalogueSource, catalogue
from privateshare.sources.registry import all_sources

Record = dict[str, Any]

PUBLISHED = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp() * 1000)
APPROVED, PENDING, SAMPLE_DATA_ONLY = "approved", "pending", "sampledataonly"
SEARCHED = ("name", "abbreviation", "alias", "medicalCenter", "practitioner")
FILTERED = {
    "id": "id",
    "sourceId": "id",
    "publishedStatus": "publishedStatus",
    "service.id": "service.id",
    "country.id": "country.id",
    "category.id": "category.id",
    "platform.id": "platform.id",
    "type.id": "type.id",
    "reference": "reference",
    "alias": "alias",
}


def published_status(source_id: int) -> str:
    """Whether this platform can connect a source: approved, sampledataonly, or pending for want of a connector."""
    source = all_sources().get(source_id)
    if source is None:
        return PENDING
    return APPROVED if source.info.upload is not None else SAMPLE_DATA_ONLY


def source_record(source: CatalogueSource) -> Record:
    """A source with everything that can be asked of it."""
    entries = catalogue()
    service = entries.service_types[source.service_type]
    return {
        "id": source.id,
        "name": source.name,
        "reference": source.reference,
        "alias": [source.reference],
        "abbreviation": None,
        "publishedStatus": published_status(source.id),
        "publishedDate": PUBLISHED,
        "service": {"id": service.id, "name": service.name, "reference": service.reference},
        "category": [_named(entries.service_groups[group]) for group in source.groups],
        "country": [
            {"id": entries.countries[id_].id, "code": entries.countries[id_].code, "name": entries.countries[id_].name}
            for id_ in source.countries
        ],
        "platform": [_named(entries.platforms[id_]) for id_ in source.platforms],
        "type": [_named(entries.source_types[id_]) for id_ in source.types],
        "resource": {},
        "json": {},
    }


def _named(entry: Any) -> Record:
    return {"id": entry.id, "name": entry.name, "reference": entry.reference}


@cache
def source_records() -> Sequence[Record]:
    """Every source of the catalogue."""
    return [source_record(source) for source in catalogue().sources.values()]


@cache
def other_records() -> Mapping[str, Sequence[Record]]:
    """Categories, countries, platforms and source types."""
    entries = catalogue()
    return {
        "categories": [_named(entry) for entry in entries.service_groups.values()],
        "countries": [{"id": c.id, "code": c.code, "name": c.name} for c in entries.countries.values()],
        "platforms": [_named(entry) for entry in entries.platforms.values()],
        "sourceTypes": [_named(entry) for entry in entries.source_types.values()],
    }


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted: `search` and `filter` by field, any of the values each; `include` projects the answer."""

    search: Mapping[str, Sequence[str]]
    text: str
    filters: Mapping[str, Sequence[Any]]
    include: Sequence[str]
    sort: Mapping[str, str]


def find(records: Iterable[Record], query: Query) -> list[Record]:
    """The records that match, sorted, not yet projected. Raises InvalidRequest for a field that is not known."""
    for name in query.filters:
        if name not in FILTERED:
            raise InvalidRequest(f"query.filter: {name} is not known; known are {', '.join(FILTERED)}")
    for name in query.search:
        if name not in SEARCHED:
            raise InvalidRequest(f"query.search: {name} is not known; known are {', '.join(SEARCHED)}")
    filters = [(FILTERED[name].split("."), {str(value) for value in values}) for name, values in query.filters.items()]
    searches = [(name, [text.casefold() for text in texts]) for name, texts in query.search.items()]
    words = query.text.casefold()
    found = [record for record in records if _matches(record, filters, searches, words)]
    for name, direction in query.sort.items():
        found.sort(key=lambda record: str(record.get(name) or "").casefold(), reverse=direction == "desc")
    return found


def _matches(
    record: Record, filters: list[tuple[list[str], set[str]]], searches: list[tuple[str, list[str]]], words: str
) -> bool:
    for path, wanted in filters:
        if wanted.isdisjoint(str(value) for value in _values(record, path)):
            return False
    for name, texts in searches:
        held = " ".join(str(value) for value in _values(record, [name])).casefold()
        if not any(text in held for text in texts):
            return False
    return not words or words in str(record["name"]).casefold()


def _values(value: Any, path: Sequence[str]) -> list[Any]:
    if isinstance(value, list):
        return [found for entry in value for found in _values(entry, path)]
    if not path:
        return [] if value is None else [value]
    return _values(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


def project(record: Record, include: Sequence[str]) -> Record:
    """Only the fields asked for, by dotted path; the whole record if none is."""
    if not include:
        return record
    projected: Record = _projected(record, [path.split(".") for path in include])
    return projected


def _projected(value: Any, paths: Sequence[Sequence[str]]) -> Any:
    if isinstance(value, list):
        return [_projected(entry, paths) for entry in value]
    if not isinstance(value, dict) or any(not path for path in paths):
        return value
    deeper: dict[str, list[Sequence[str]]] = {}
    for path in paths:
        deeper.setdefault(path[0], []).append(path[1:])
    return {name: _projected(value[name], rest) for name, rest in deeper.items() if name in value}
