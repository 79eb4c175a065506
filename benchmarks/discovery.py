"""A benchmark of discovery queries with 1,000 and 100,000 sources in the catalogue. Protocol 9.2.

Prints milliseconds a query, and the ratio to only walking over the records.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

from privateshare.protocol.catalogue import CatalogueSource
from privateshare.protocol.catalogue_index import RecordIndex, RecordQuery, project, source_record

QUERIES = {
    "page sorted by name": RecordQuery({}, "", {}, [], {"name": "asc"}),
    "search by name": RecordQuery({"name": ["hospital 77"]}, "", {}, ["id", "name"], {"name": "asc"}),
    "filter by service and country": RecordQuery(
        {}, "", {"service.id": [19], "country.id": [3]}, ["id", "service.name"], {}
    ),
    "filter by id": RecordQuery({}, "", {"id": [1500]}, [], {}),
}
PAGE = 20
RUNS = 20


def made_up(number: int) -> CatalogueSource:
    """Generate an invented source."""
    service = (19, 22, 37, 31)[number % 4]
    group = {19: 5, 22: 2, 37: 2, 31: 5}[service]
    return CatalogueSource(
        number,
        f"Hospital {number * 7919 % 100_003}",
        f"source{number}",
        service,
        (group,),
        (number % 11 + 1,),
        (1,),
        (5,),
    )


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of some runs."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[RUNS // 2]


def count(records: Sequence[object]) -> int:
    """Look at each record once: what the queries are compared with."""
    return sum(1 for _ in records)


def main() -> None:
    """Prints one line for each query and size."""
    for size in (1_000, 100_000):
        records = [source_record(made_up(number), "approved", 0) for number in range(1, size + 1)]
        index = RecordIndex(records)
        walk = milliseconds(partial(count, records))
        for name, query in QUERIES.items():

            def ask(index: RecordIndex = index, query: RecordQuery = query) -> object:
                return [project(record, query.include) for record in index.find(query)[:PAGE]]

            took = milliseconds(ask)
            print(f"{size:>7} sources  {name:<30} {took:8.3f} ms  {took / walk:8.1f} times walking over them")


if __name__ == "__main__":
    main()
