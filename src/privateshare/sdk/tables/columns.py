"""What the columns of a table hold, and how the JSON of objects becomes it."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from privateshare.protocol.object_time import FHIR, object_time

if TYPE_CHECKING:
    import pyarrow

Record = dict[str, Any]

TIME = "time"  # the column that says when each object happened
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999  # milliseconds: the years 1 to 9999
WHOLE = range(-(2**63), 2**63)

# what values of a column are
DATE, FLAG, INTEGER, NUMBER, TEXT, NESTED = "date", "flag", "integer", "number", "text", "nested"


class Columns:
    """The columns of the objects that were noted, in the order in which they were met. The first is `time`."""

    def __init__(self, standard: str) -> None:
        self._standard = standard
        self._kinds: dict[str, set[str]] = {}
        self._labels: dict[str, str] = {}  # names of fields as columns have them
        self._taken = {TIME}

    def note(self, thing: Record) -> None:
        """Take an object's fields into account."""
        for name, value in thing.items():
            if name not in self._kinds:
                self._kinds[name] = set()
                self._labels[name] = self._label(name)
            if value is not None:
                self._kinds[name].add(self._kind(name, value))

    def record(self, thing: Record) -> Record:
        """Make a dictionary of an object: `time`, and its fields with dates as datetimes in UTC."""
        dated = {self._labels.get(name, name): self._dated(name, value) for name, value in thing.items()}
        return {**dated, TIME: _datetime(object_time(self._standard, thing))}

    def schema(self) -> "pyarrow.Schema":
        """Return the types of all columns."""
        import pyarrow

        types = {
            DATE: pyarrow.timestamp("ms", tz="UTC"),
            FLAG: pyarrow.bool_(),
            INTEGER: pyarrow.int64(),
            NUMBER: pyarrow.float64(),
            TEXT: pyarrow.string(),
        }
        fields = [(self._labels[name], types[_layout(kinds)]) for name, kinds in self._kinds.items()]
        return pyarrow.schema([(TIME, types[DATE]), *fields])

    def batch(self, things: Sequence[Record]) -> "pyarrow.RecordBatch":
        """Make rows of these columns of some objects."""
        import pyarrow

        schema = self.schema()
        columns: list[list[Any]] = [[_in_range(object_time(self._standard, thing)) for thing in things]]
        for name, kinds in self._kinds.items():
            columns.append(_laid_out([thing.get(name) for thing in things], _layout(kinds)))
        arrays = []
        for column, values in zip(schema, columns, strict=True):
            try:
                arrays.append(pyarrow.array(values, column.type))
            except UnicodeEncodeError:  # half of a surrogate pair, which is JSON, and no text
                arrays.append(pyarrow.array([_encodable(value) for value in values], column.type))
        return pyarrow.record_batch(arrays, schema=schema)

    def _label(self, name: str) -> str:
        """Name the column of a field: as the field, if that is text and `time` or another column is not called so."""
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
            return INTEGER if value in WHOLE else TEXT
        return TEXT if isinstance(value, str) else NESTED

    def _is_date(self, name: str) -> bool:
        return self._standard != FHIR and name.endswith(("date", "datetime"))

    def _dated(self, name: str, value: Any) -> Any:
        return _datetime(value) if self._is_date(name) and self._kind(name, value) == DATE else value


def _layout(kinds: set[str]) -> str:
    """How a column with values of these kinds is laid out: what is nested, or of mixed kinds, is text."""
    if kinds == {INTEGER, NUMBER}:
        return NUMBER
    return next(iter(kinds)) if len(kinds) == 1 and NESTED not in kinds else TEXT


def _laid_out(values: Iterable[Any], layout: str) -> list[Any]:
    if layout == DATE:
        return [_in_range(value) for value in values]
    if layout == NUMBER:
        return [None if value is None else float(value) for value in values]
    if layout == TEXT:
        return [value if value is None or isinstance(value, str) else _json(value) for value in values]
    return list(values)


def _in_range(milliseconds: float | None) -> int | None:
    """The milliseconds of a date, if there is such a date; not for NaN."""
    return int(milliseconds) if milliseconds is not None and FIRST <= milliseconds <= LAST else None


def _datetime(milliseconds: float | None) -> datetime | None:
    return EPOCH + timedelta(milliseconds=milliseconds) if _in_range(milliseconds) is not None else None  # type: ignore[arg-type]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encodable(value: str | None) -> str | None:
    return None if value is None else value.encode("utf-8", "replace").decode()
