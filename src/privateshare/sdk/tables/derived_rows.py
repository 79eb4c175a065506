"""Rows that are made of the objects of a table, such as their flat form or a view."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from privateshare.sdk.lazy import LazyModule
from privateshare.sdk.tables.columns import ObjectInFile, arrow_array
from privateshare.sdk.tables.contents import Record
from privateshare.sdk.tables.outputs import Rows
from privateshare.sdk.tables.shapes import Nested, Shape, json_text

if TYPE_CHECKING:
    import pyarrow
else:  # An optional extra.
    pyarrow = LazyModule("pyarrow")

Make = Callable[[ObjectInFile], Iterable[Record]]
KnownKind = Literal["text", "whole", "number", "flag", "moment", "local time"]
"""The kind of a column whose values are known before they are seen. A moment is in UTC, a local time has no offset."""


class DerivedRows(Rows):
    """Rows that a function makes of each object.

    Args:
        name: The name of the rows, such as "observation_flat".
        objects: Yields the objects.
        make: Makes the rows of an object.
        source: Returns what identifies the content that the objects are from.
        kinds: The columns whose kinds are known. Others get the type that takes their values.
        form: A text that identifies what `make` does.
    """

    def __init__(
        self,
        name: str,
        objects: Callable[[], Iterator[ObjectInFile]],
        make: Make,
        source: Callable[[], bytes],
        kinds: Mapping[str, KnownKind],
        form: str,
    ) -> None:
        self.name = name
        self._objects, self._make, self._source = objects, make, source
        self._kinds, self._form = kinds, form

    def __len__(self) -> int:
        return self._summary[0]

    def records(self) -> Iterator[Record]:
        """Yield the rows one by one, for a table that does not fit into memory. All have the same fields."""
        names = list(self._summary[1])
        for record in self._made():
            yield {name: record.get(name) for name in names}

    def schema(self, nested: Nested) -> "pyarrow.Schema":
        """Return the types of the columns."""
        known = {name: _arrow_type(kind) for name, kind in self._kinds.items()}
        return pyarrow.schema(
            [(name, known[name] if name in known else shape.arrow_type(nested)) for name, shape in self._shapes()]
        )

    def batches(self, nested: Nested, size: int) -> Iterator["pyarrow.RecordBatch"]:
        """Yield the rows as Arrow batches of up to `size` rows."""
        waiting: list[Record] = []
        for record in self._made():
            waiting.append(record)
            if len(waiting) == size:
                yield self._batch(waiting, nested)
                waiting = []
        if waiting:
            yield self._batch(waiting, nested)

    def source(self) -> bytes:
        """Return what identifies the content that the rows are made of."""
        return self._source() + self._form.encode("utf-8", "replace")

    def _made(self) -> Iterator[Record]:
        for row in self._objects():
            yield from self._make(row)

    def _shapes(self) -> Iterable[tuple[str, Shape]]:
        return self._summary[1].items()

    def _batch(self, records: list[Record], nested: Nested) -> "pyarrow.RecordBatch":
        schema, known = self.schema(nested), self._kinds
        arrays = []
        for column, (name, shape) in zip(schema, self._shapes(), strict=True):
            values = [record.get(name) for record in records]
            arrays.append(arrow_array(values, column.type, None if name in known else shape.converter(nested)))
        return pyarrow.record_batch(arrays, schema=schema)

    @cached_property
    def _summary(self) -> tuple[int, dict[str, Shape]]:
        """How many rows there are, and the kinds of values in each column."""
        count, shapes = 0, {name: Shape() for name in self._kinds}
        for record in self._made():
            count += 1
            for name, value in record.items():
                if name not in self._kinds:
                    shapes.setdefault(name, Shape()).add(value)
        return count, shapes


def _arrow_type(kind: KnownKind) -> "pyarrow.DataType":
    types = {"whole": pyarrow.int64(), "number": pyarrow.float64(), "flag": pyarrow.bool_()}
    types |= {"moment": pyarrow.timestamp("ms", tz="UTC"), "local time": pyarrow.timestamp("us")}
    return types.get(kind, pyarrow.string())


def plain(value: Any) -> Any:
    """Return a value as JSON has it. Dates and numbers of libraries become text, or numbers of Python."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return json_text(str(value))
