"""The columns of a table: their types, and how the JSON of objects is converted to them."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from privateshare.protocol.object_time import FHIR, object_time
from privateshare.sdk.lazy import LazyModule

if TYPE_CHECKING:
    import pyarrow
else:  # An optional extra.
    pyarrow = LazyModule("pyarrow")

Record = dict[str, Any]

TIME = "time"
"""The column that tells when each object happened."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MILLISECOND, LAST_MILLISECOND = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999, in milliseconds since 1970."""
INT64 = range(-(2**63), 2**63)

# The kinds of values that a column may have.
DATE, FLAG, INTEGER, NUMBER, TEXT, NESTED = "date", "flag", "integer", "number", "text", "nested"


class Columns:
    """The columns of the objects that were added, in the order of their first appearance. The first is `time`."""

    def __init__(self, standard: str) -> None:
        self._standard = standard
        self._kinds: dict[str, set[str]] = {}
        self._labels: dict[str, str] = {}  # The name of each field's column.
        self._taken = {TIME}

    def add(self, thing: Record) -> None:
        """Add the fields of an object."""
        for name, value in thing.items():
            if name not in self._kinds:
                self._kinds[name] = set()
                self._labels[name] = self._label(name)
            if value is not None:
                self._kinds[name].add(self._kind(name, value))

    def record(self, thing: Record) -> Record:
        """Return an object as a dictionary with `time`, and with dates as datetimes in UTC."""
        dated = {self._labels.get(name, name): self._dated(name, value) for name, value in thing.items()}
        return {**dated, TIME: _datetime(object_time(self._standard, thing))}

    def schema(self) -> "pyarrow.Schema":
        """Return the types of all columns."""
        types = {
            DATE: pyarrow.timestamp("ms", tz="UTC"),
            FLAG: pyarrow.bool_(),
            INTEGER: pyarrow.int64(),
            NUMBER: pyarrow.float64(),
            TEXT: pyarrow.string(),
        }
        fields = [(self._labels[name], types[_type_of_column(kinds)]) for name, kinds in self._kinds.items()]
        return pyarrow.schema([(TIME, types[DATE]), *fields])

    def batch(self, things: Sequence[Record]) -> "pyarrow.RecordBatch":
        """Return some objects as rows of these columns."""
        schema = self.schema()
        columns: list[list[Any]] = [[_in_range(object_time(self._standard, thing)) for thing in things]]
        for name, kinds in self._kinds.items():
            columns.append(_converted([thing.get(name) for thing in things], _type_of_column(kinds)))
        arrays = []
        for column, values in zip(schema, columns, strict=True):
            try:
                arrays.append(pyarrow.array(values, column.type))
            except UnicodeEncodeError:  # JSON may have half of a surrogate pair, text may not.
                arrays.append(pyarrow.array([_encodable(value) for value in values], column.type))
        return pyarrow.record_batch(arrays, schema=schema)

    def _label(self, name: str) -> str:
        """Return a name for the column of a field: the field's own, if that is text and no other column has it."""
        label = name.encode("utf-8", "replace").decode()
        while label in self._taken:
            label += "_"
        self._taken.add(label)
        return label

    def _kind(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            return FLAG
        if isinstance(value, int | float):
            if self._is_date(name):
                return DATE
            if isinstance(value, float):
                return NUMBER
            return INTEGER if value in INT64 else TEXT
        return TEXT if isinstance(value, str) else NESTED

    def _is_date(self, name: str) -> bool:
        return self._standard != FHIR and name.endswith(("date", "datetime"))

    def _dated(self, name: str, value: Any) -> Any:
        return _datetime(value) if self._is_date(name) and self._kind(name, value) == DATE else value


def _type_of_column(kinds: set[str]) -> str:
    """Return the type of a column with values of these kinds. Nested values and mixed kinds become text."""
    if kinds == {INTEGER, NUMBER}:
        return NUMBER
    return next(iter(kinds)) if len(kinds) == 1 and NESTED not in kinds else TEXT


def _converted(values: Iterable[Any], kind: str) -> list[Any]:
    if kind == DATE:
        return [_in_range(value) for value in values]
    if kind == NUMBER:
        return [None if value is None else float(value) for value in values]
    if kind == TEXT:
        return [value if value is None or isinstance(value, str) else _json(value) for value in values]
    return list(values)


def _in_range(milliseconds: float | None) -> int | None:
    """Return a date in whole milliseconds, or None if it is NaN or outside of the years 1 to 9999."""
    return (
        int(milliseconds)
        if milliseconds is not None and FIRST_MILLISECOND <= milliseconds <= LAST_MILLISECOND
        else None
    )


def _datetime(milliseconds: float | None) -> datetime | None:
    return EPOCH + timedelta(milliseconds=milliseconds) if _in_range(milliseconds) is not None else None  # type: ignore[arg-type]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encodable(value: str | None) -> str | None:
    return None if value is None else value.encode("utf-8", "replace").decode()
