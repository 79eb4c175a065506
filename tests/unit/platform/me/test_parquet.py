"""Tables of any size and of any objects: nothing is left out, and all values can be read back."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from privateshare.platform.me.parquet import MAX_COLUMNS, OTHER_FIELDS, ParquetColumns, parquet_pieces

VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=4)
THINGS = st.dictionaries(st.sampled_from(["a", "b", OTHER_FIELDS]), VALUES | st.lists(VALUES, max_size=2), max_size=3)


def table_of(things: list[Any]) -> list[dict[str, Any]]:
    columns = ParquetColumns()
    for thing in things:
        columns.see(thing)
    written = b"".join(parquet_pieces(columns, map(orjson.dumps, things)))
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(written)).to_pylist()
    return rows


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, None, False], [True, None, False]),
        ([1, 2**62], [1, 2**62]),
        ([1, 2.5], [1.0, 2.5]),
        ([1, "two"], ["1", "two"]),
        ([True, 1], ["true", "1"]),
        ([{"x": [1]}, "y"], ['{"x":[1]}', "y"]),
        ([None, None], [None, None]),
        ([2**64 - 1, 1], [float(2**64 - 1), 1.0]),
    ],
)
def test_a_column_has_the_type_of_all_of_its_values(values: list[Any], expected: list[Any]) -> None:
    assert [row["field"] for row in table_of([{"field": value} for value in values])] == expected


def test_fields_beyond_the_limit_are_in_one_column() -> None:
    thing = {f"field{number}": number for number in range(MAX_COLUMNS + 7)}
    (row,) = table_of([thing])
    others = json.loads(row.pop(OTHER_FIELDS))
    assert row | others == thing
    assert len(others) == 7


@settings(max_examples=50)
@given(st.lists(THINGS, min_size=1, max_size=5).filter(any))
def test_any_objects_become_rows(things: list[dict[str, Any]]) -> None:
    """Also with a field that has the name of our own column."""
    assert len(table_of(things)) == len(things)


def test_memory_does_not_grow_with_the_table() -> None:
    """Ten times as many objects take no more memory than some row groups."""
    columns = ParquetColumns()
    columns.see({"id": 1, "text": "x"})

    def lines(number: int) -> Iterator[bytes]:
        return (orjson.dumps({"id": one, "text": "x" * 1000}) for one in range(number))

    tracemalloc.start()
    size = sum(map(len, parquet_pieces(columns, lines(60_000))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 10_000
    assert peak < 50_000_000
