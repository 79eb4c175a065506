"""An index that filters, searches and sorts the records of discovery in memory. Protocol 9.2, 9.3."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, overload

from privateshare.errors import InvalidRequest
from privateshare.protocol.catalogue import CatalogueSource, catalogue

Record = dict[str, Any]

MAX_FILTER_VALUES = 1000
SEARCH_FIELDS = ("name", "abbreviation", "alias", "medicalCenter", "practitioner", "address.city", "address.zipCode")
# The fields that a query can filter by, and the path of each in a record.
FILTER_PATHS = {
    "id": "id",
    "id.id": "id",  # The iOS client writes it like this.
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


def source_record(source: CatalogueSource, status: str, published: int) -> Record:
    """Build the complete record of a source; `published` is in milliseconds since the epoch."""
    entries = catalogue()
    service = entries.service_types[source.service_type]
    return {
        "id": source.id,
        "name": source.name,
        "reference": source.reference,
        "alias": [source.reference],
        "abbreviation": None,
        "publishedStatus": status,
        "publishedDate": published,
        "service": _named(service) | {"publishedStatus": status, "publishedDate": published},
        "category": [_named(entries.service_groups[group]) for group in source.groups],
        "country": [
            {"id": entries.countries[id_].id, "code": entries.countries[id_].code, "name": entries.countries[id_].name}
            for id_ in source.countries
        ],
        "platform": [_named(entries.platforms[id_]) for id_ in source.platforms],
        "type": [_named(entries.source_types[id_]) for id_ in source.types],
        "json": {},
    }


def _named(entry: Any) -> Record:
    return {"id": entry.id, "name": entry.name, "reference": entry.reference}


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """A query for records.

    Attributes:
        search: Texts by field, of which at least one must occur in the field.
        text: A text that must occur in the name; empty for any.
        filters: Values by field, of which one must be equal to the field.
        include: The fields to return, by dotted path; empty for all.
        sort: The direction of the order by name: `{"name": "asc"}` or `{"name": "desc"}`.

    """

    search: Mapping[str, Sequence[str]]
    text: str
    filters: Mapping[str, Sequence[Any]]
    include: Sequence[str]
    sort: Mapping[str, str]


def flatten_filters(filters: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Convert filters to dotted fields: clients send `{"service": {"id": [1]}}` as well as `{"service.id": [1]}`."""
    for name, value in filters.items():
        fields = (
            {f"{name}.{field}": values for field, values in value.items()} if isinstance(value, dict) else {name: value}
        )
        for field, values in fields.items():
            listed = values if isinstance(values, list) else [values]
            if len(listed) > MAX_FILTER_VALUES or not all(isinstance(item, str | int | None) for item in listed):
                raise InvalidRequest(f"query.filter: {field} must be at most {MAX_FILTER_VALUES} texts or numbers")
            yield field, listed


class RecordIndex:
    """Records in the order of their names, with precomputed values for each filter and search."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = sorted(records, key=lambda record: str(record["name"]).casefold())
        self._holding: dict[str, dict[str, set[int]]] = {name: {} for name in FILTER_PATHS}
        for name, path in FILTER_PATHS.items():
            for position, record in enumerate(self._records):
                for value in _values(record, path.split(".")):
                    self._holding[name].setdefault(str(value), set()).add(position)
        self._texts = {name: [_text(record, name) for record in self._records] for name in SEARCH_FIELDS}

    def find(self, query: RecordQuery) -> Sequence[Record]:
        """Find the records that match, in the order of their names, with all their fields.

        Raises:
            InvalidRequest: The query names an unknown field.
        """
        _check_known("query.filter", query.filters, FILTER_PATHS)
        _check_known("query.search", query.search, SEARCH_FIELDS)
        positions = self._filtered(query.filters)
        for name, texts in query.search.items():
            positions = self._searched(positions, self._texts[name], texts)
        if query.text:
            positions = self._searched(positions, self._texts["name"], [query.text])
        if query.sort.get("name") == "desc":
            positions = positions[::-1]
        return _Found(self._records, positions)

    def _filtered(self, filters: Mapping[str, Sequence[Any]]) -> Sequence[int]:
        if not filters:
            return range(len(self._records))
        chosen = [
            set[int]().union(*(self._holding[name].get(str(value), set()) for value in values))
            for name, values in filters.items()
        ]
        return sorted(set.intersection(*chosen))

    def _searched(self, positions: Sequence[int], column: Sequence[str], texts: Sequence[str]) -> Sequence[int]:
        wanted = [text.casefold() for text in texts]
        return [position for position in positions if any(text in column[position] for text in wanted)]


class _Found(Sequence[Record]):
    """A lazy sequence of the records at some positions."""

    def __init__(self, records: Sequence[Record], positions: Sequence[int]) -> None:
        self._records, self._positions = records, positions

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, at: int) -> Record: ...

    @overload
    def __getitem__(self, at: slice) -> list[Record]: ...

    def __getitem__(self, at: int | slice) -> Record | list[Record]:
        if isinstance(at, int):
            return self._records[self._positions[at]]
        return [self._records[position] for position in self._positions[at]]


@cache
def catalogue_indexes() -> Mapping[str, RecordIndex]:
    """Build the indexes of categories, countries, platforms and source types."""
    entries = catalogue()
    return {
        "categories": RecordIndex(_named(entry) for entry in entries.service_groups.values()),
        "countries": RecordIndex({"id": c.id, "code": c.code, "name": c.name} for c in entries.countries.values()),
        "platforms": RecordIndex(_named(entry) for entry in entries.platforms.values()),
        "sourceTypes": RecordIndex(_named(entry) for entry in entries.source_types.values()),
    }


def _check_known(where: str, asked: Iterable[str], known: Iterable[str]) -> None:
    for name in asked:
        if name not in known:
            raise InvalidRequest(f"{where}: {name} is not known; known are {', '.join(known)}")


def _text(record: Record, name: str) -> str:
    return " ".join(str(value) for value in _values(record, [name])).casefold()


def _values(value: Any, path: Sequence[str]) -> list[Any]:
    if isinstance(value, list):
        return [found for entry in value for found in _values(entry, path)]
    if not path:
        return [] if value is None else [value]
    return _values(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


def project(record: Record, include: Sequence[str]) -> Record:
    """Reduce a record to the fields in `include`, by dotted path; without any, return the whole record.

    `id` is always kept, and `service.id` whenever `service` is: clients reject a response without them. Protocol 9.2.
    """
    if not include:
        return record
    paths = [path.split(".") for path in include]
    needed = [["id"]] + [["service", "id"]] * any(path[0] == "service" for path in paths)
    projected: Record = _projected(record, [*needed, *paths])
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
