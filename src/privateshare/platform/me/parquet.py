"""Objects as a Parquet table, if pyarrow is installed. The table is written in row groups, so its size does not matter.

A table needs the types of its columns before its first row. So all objects are seen once, to choose the types, and the
rows are written in a second pass.
"""

import importlib.util
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

MAX_COLUMNS = 500
OTHER_FIELDS = "other_fields"  # The column of all fields beyond MAX_COLUMNS, as a JSON object.
ROW_GROUP_BYTES = 8 * 1024 * 1024
BOOLEAN, WHOLE, NUMBER, TEXT = "bool", "int64", "float64", "string"
LARGEST_WHOLE = 2**63


def is_available() -> bool:
    """Return whether tables can be written here."""
    return importlib.util.find_spec("pyarrow") is not None


@dataclass(slots=True)
class ParquetColumns:
    """The columns of a table: one for each field, with the type that fits all of its values.

    A column is of booleans, of numbers, or of texts if it has anything else; nested values are JSON texts.
    """

    types: dict[str, str | None] = field(default_factory=dict)
    has_others: bool = False

    def see(self, thing: Mapping[str, Any]) -> None:
        """Take note of an object."""
        for name, value in thing.items():
            if name == OTHER_FIELDS or (name not in self.types and len(self.types) >= MAX_COLUMNS):
                self.has_others = True
                continue
            self.types[name] = _wider(self.types.get(name), value)

    def row(self, thing: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of an object that was seen, as its row."""
        row = {name: _value(thing.get(name), type_) for name, type_ in self.types.items()}
        if self.has_others:
            row[OTHER_FIELDS] = orjson.dumps({key: val for key, val in thing.items() if key not in self.types}).decode()
        return row

    def names_and_types(self) -> list[tuple[str, str]]:
        """Return the columns. One whose values are all empty is of texts."""
        columns = [(name, type_ or TEXT) for name, type_ in self.types.items()]
        return [*columns, (OTHER_FIELDS, TEXT)] if self.has_others else columns


def parquet_pieces(columns: ParquetColumns, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Write a table of these JSON objects, piece by piece. Lines that are no objects have no row."""
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema([(name, pyarrow.type_for_alias(type_)) for name, type_ in columns.names_and_types()])
    sink = PieceSink()
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for rows in _groups(columns, lines):
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
            yield from sink.take()
    yield from sink.take()


def _groups(columns: ParquetColumns, lines: Iterable[bytes]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    size = 0
    for line in lines:
        thing = orjson.loads(line)
        if isinstance(thing, dict):
            rows.append(columns.row(thing))
            size += len(line)
        if size > ROW_GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _wider(known: str | None, value: object) -> str | None:
    """Return the type of a column that has had values of one type, with one more value."""
    if value is None:
        return known
    found = _type_of(value)
    if known in (None, found):
        return found
    return NUMBER if {known, found} == {WHOLE, NUMBER} else TEXT


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return WHOLE if abs(value) < LARGEST_WHOLE else NUMBER
    return NUMBER if isinstance(value, float) else TEXT


def _value(value: Any, type_: str | None) -> Any:
    if value is None:
        return None
    if type_ == NUMBER:
        return float(value)
    if type_ in (BOOLEAN, WHOLE) or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


class PieceSink(io.RawIOBase):
    """A file that keeps what is written until somebody takes it away. It cannot be rewound."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return how much was written."""
        return self._size

    def write(self, data: Any) -> int:
        """Keep a piece."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._size += len(piece)
        return len(piece)

    def take(self) -> list[bytes]:
        """Return the pieces that were written since the last time."""
        taken, self._pieces = self._pieces, []
        return taken
