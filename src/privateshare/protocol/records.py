"""The catalogue as the plain records that discovery answers with. Protocol 9.2, 9.3.

Records are laid out once; a query filters, searches, sorts and projects them in memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, overload

from privateshare.errors import InvalidRequest
from privateshare.protocol.catalogue import CatalogueSource, catalogue

Record = dict[str, Any]

MAX_FILTERED = 1000  # values of one field
SEARCHED = ("name", "abbreviation", "alias", "medicalCenter", "practitioner", "address.city", "address.zipCode")
FILTERED = {
    "id": "id",
    "id.id": "id",  # as iOS writes it
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
    """A source with everything that can be asked of it; `published` in milliseconds since the epoch."""
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
class Query:
    """What is wanted: `search` and `filters` by field, any of the values of each; `text` anywhere in the name.

    `include` projects the answer; `sort` says in which direction of the name.
    """

    search: Mapping[str, Sequence[str]]
    text: str
    filters: Mapping[str, Sequence[Any]]
    include: Sequence[str]
    sort: Mapping[str, str]


def flat_filters(filters: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Filters by dotted field: clients write `{"service": {"id": [1]}}` as well as `{"service.id": [1]}`."""
    for name, value in filters.items():
        fields = (
            {f"{name}.{field}": values for field, values in value.items()} if isinstance(value, dict) else {name: value}
        )
        for field, values in fields.items():
            listed = values if isinstance(values, list) else [values]
            if len(listed) > MAX_FILTERED or not all(isinstance(item, str | int | None) for item in listed):
                raise InvalidRequest(f"query.filter: {field} must be at most {MAX_FILTERED} texts or numbers")
            yield field, listed


class Index:
    """Records by name, with what each filter and search needs laid out beforehand: a query never walks a record."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = sorted(records, key=lambda record: str(record["name"]).casefold())
        self._holding: dict[str, dict[str, set[int]]] = {name: {} for name in FILTERED}
        for name, path in FILTERED.items():
            for position, record in enumerate(self._records):
                for value in _values(record, path.split(".")):
                    self._holding[name].setdefault(str(value), set()).add(position)
        self._texts = {name: [_text(record, name) for record in self._records] for name in SEARCHED}

    def find(self, query: Query) -> Sequence[Record]:
        """The records that match, by name, not yet projected. Raises InvalidRequest for a field that is not known."""
        _check_known("query.filter", query.filters, FILTERED)
        _check_known("query.search", query.search, SEARCHED)
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
    """Records at positions, taken out only when asked for."""

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
def other_records() -> Mapping[str, Index]:
    """Categories, countries, platforms and source types."""
    entries = catalogue()
    return {
        "categories": Index(_named(entry) for entry in entries.service_groups.values()),
        "countries": Index({"id": c.id, "code": c.code, "name": c.name} for c in entries.countries.values()),
        "platforms": Index(_named(entry) for entry in entries.platforms.values()),
        "sourceTypes": Index(_named(entry) for entry in entries.source_types.values()),
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
    """Keep only the fields asked for, by dotted path, or the whole record if none is.

    `id` is always kept, and `service.id` wherever `service` is: clients refuse an answer without them. Protocol 9.2.
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
