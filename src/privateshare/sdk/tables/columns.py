"""The columns of a table: their names and types, and how the JSON of objects is converted to them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from privateshare.protocol.object_time import FHIR, object_time
from privateshare.sdk.lazy import LazyModule
from privateshare.sdk.tables.contents import Content, Record
from privateshare.sdk.tables.fhir_times import time_of_resource
from privateshare.sdk.tables.shapes import Converter, Nested, Shape, encodable

if TYPE_CHECKING:
    import pyarrow

    from privateshare import objects as models
else:  # An optional extra, and the models of all object types.
    pyarrow = LazyModule("pyarrow")
    models = LazyModule("privateshare.objects")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MILLISECOND, LAST_MILLISECOND = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999, in milliseconds since 1970."""
UNAMBIGUOUS_MILLISECONDS = range(100_000_000_000, LAST_MILLISECOND)
"""A date in this range is certainly in milliseconds. One before 1973 may also be in seconds."""
CREATED = "createddate"

# The columns that say when an object happened, and where it is from.
TIME, USER, ACCOUNT, SOURCE, FILE, UPDATED = "time", "user", "account", "source", "file", "updated"
ORIGIN = (USER, ACCOUNT, SOURCE, FILE, UPDATED)
TIME_PRECISION, TIME_OFFSET = "time_precision", "time_offset"
OWN_COLUMNS = (TIME, TIME_PRECISION, TIME_OFFSET, *ORIGIN)
"""The columns of ours. A field of an object with such a name gets another one."""


class ObjectInFile(NamedTuple):
    """An object, and the file that it is from."""

    content: Content
    thing: Record


class Columns:
    """The columns of the objects that were added: those of ours, and then fields in the order of their appearance."""

    def __init__(self, standard: str) -> None:
        self._standard = standard
        self.shape: Shape = Shape()
        """The shape of the objects that were added."""
        self.add: Callable[[Record], None] = self.shape.add_object
        """Add the fields of an object."""

    def record(self, row: ObjectInFile) -> Record:
        """Return an object as a dictionary with the columns of ours, and with dates as datetimes in UTC."""
        labels, dates = self._labels(), self._dates()
        record = self.origin(row)
        for name, value in row.thing.items():
            is_date = name in dates and isinstance(value, int | float) and not isinstance(value, bool)
            record[labels.get(name, name)] = _datetime(value) if is_date else value
        return record

    def origin(self, row: ObjectInFile) -> Record:
        """Return when an object happened and where it is from, as a dictionary of the columns of ours."""
        record: Record = {TIME: _datetime(self._time(row.thing))}
        if self._standard == FHIR:
            told = time_of_resource(row.thing)
            record |= {TIME_PRECISION: told and told.precision, TIME_OFFSET: told and told.offset}
        return record | dict(row.content.origin)

    def schema(self, nested: Nested) -> "pyarrow.Schema":
        """Return the types of all columns."""
        labels, dates = self._labels(), self._dates()
        fields = [*own_fields(is_fhir=self._standard == FHIR).items()]
        for name, shape in self.shape.fields.items():
            fields.append((labels[name], moment_type() if name in dates else shape.arrow_type(nested)))
        return pyarrow.schema(fields)

    def batch(self, rows: Sequence[ObjectInFile], nested: Nested) -> "pyarrow.RecordBatch":
        """Return some objects as rows of these columns."""
        arrays = [*self._time_arrays(rows), *_origin_arrays(rows), *self._field_arrays(rows, nested)]
        return pyarrow.record_batch(arrays, schema=self.schema(nested))

    def _time_arrays(self, rows: Sequence[ObjectInFile]) -> "list[pyarrow.Array]":
        """Return the columns that say when each object happened."""
        arrays = [pyarrow.array(_dates_in_range([self._time(row.thing) for row in rows]), moment_type())]
        if self._standard == FHIR:
            told = [time_of_resource(row.thing) for row in rows]
            arrays.append(pyarrow.array([time and time.precision for time in told], pyarrow.string()))
            arrays.append(pyarrow.array([time and time.offset for time in told], pyarrow.int64()))
        return arrays

    def _field_arrays(self, rows: Sequence[ObjectInFile], nested: Nested) -> "list[pyarrow.Array]":
        """Return the columns of the objects' own fields."""
        dates = self._dates()
        converters = {name: shape.converter(nested) for name, shape in self.shape.fields.items() if name not in dates}
        plain = [name for name, converter in converters.items() if converter is None]
        found = dict(zip(plain, self._plain_arrays(plain, rows, nested), strict=True))
        for name in self.shape.fields.keys() - found.keys():
            values = [row.thing.get(name) for row in rows]
            if name in dates:
                found[name] = pyarrow.array(_dates_in_range(values), moment_type())
            else:
                found[name] = arrow_array(values, self.shape.fields[name].arrow_type(nested), converters[name])
        return [found[name] for name in self.shape.fields]

    def _plain_arrays(
        self, names: Sequence[str], rows: Sequence[ObjectInFile], nested: Nested
    ) -> "list[pyarrow.Array]":
        """Return the columns of fields whose values need no conversion. Arrow takes all of them at once."""
        kinds = [self.shape.fields[name].arrow_type(nested) for name in names]
        try:
            together = pyarrow.struct(list(zip(names, kinds, strict=True)))
            return list(pyarrow.array([row.thing for row in rows], together).flatten())
        except UnicodeEncodeError:  # A name or a value has half of a surrogate pair.
            values = ([row.thing.get(name) for row in rows] for name in names)
            return [arrow_array(each, kind, None) for each, kind in zip(values, kinds, strict=True)]

    def _time(self, thing: Record) -> float | None:
        """Return when an object happened, in milliseconds since 1970."""
        if self._standard == FHIR:
            return object_time(FHIR, thing)
        created = thing.get(CREATED)
        if type(created) is int and created in UNAMBIGUOUS_MILLISECONDS:
            return created
        dates = date_names()
        dated = {name: value for name, value in thing.items() if name in dates or not isinstance(value, int | float)}
        return object_time(self._standard, dated)

    def _dates(self) -> frozenset[str]:
        """Return the fields that hold dates as numbers. A field where some are text is text."""
        if self._standard == FHIR:
            return frozenset()
        dates = date_names()
        return frozenset(name for name, shape in self.shape.fields.items() if name in dates and shape.is_number)

    def _labels(self) -> Mapping[str, str]:
        return labels_of(self.shape.fields)


def _origin_arrays(rows: Sequence[ObjectInFile]) -> "list[pyarrow.Array]":
    """Return the columns that say where each object is from, which are the same for all objects of a file."""
    runs = [(content, sum(1 for _ in run)) for content, run in groupby(row.content for row in rows)]
    kinds = own_fields(is_fhir=False)
    return [
        pyarrow.concat_arrays(
            [pyarrow.repeat(pyarrow.scalar(content.origin[name], kinds[name]), count) for content, count in runs]
        )
        for name in ORIGIN
    ]


@cache
def date_names() -> frozenset[str]:
    """Return the fields that the schemas of objects declare as dates."""
    return models.date_names()


def own_fields(*, is_fhir: bool) -> "dict[str, pyarrow.DataType]":
    """Return the types of the columns that say when an object happened and where it is from."""
    text = pyarrow.string()
    times = {TIME: moment_type()}
    if is_fhir:
        times |= {TIME_PRECISION: text, TIME_OFFSET: pyarrow.int64()}
    return times | {USER: text, ACCOUNT: text, SOURCE: text, FILE: text, UPDATED: moment_type()}


def moment_type() -> "pyarrow.DataType":
    """Return the type of a moment in UTC."""
    return pyarrow.timestamp("ms", tz="UTC")


def arrow_array(values: list[Any], kind: "pyarrow.DataType", converter: Converter | None) -> "pyarrow.Array":
    """Return values as an Arrow array, converted if need be."""
    converted = values if converter is None else [converter(value) for value in values]
    try:
        return pyarrow.array(converted, kind)
    except UnicodeEncodeError:
        return pyarrow.array([encodable(value) for value in converted], kind)


def labels_of(names: Iterable[str]) -> dict[str, str]:
    """Return the name of the column of each field: its own, if that is text and no other column has it.

    The case of letters does not set columns apart, because databases ignore it.
    """
    taken = set(OWN_COLUMNS)
    labels = {}
    for name in names:
        label = name.encode("utf-8", "replace").decode() or "_"
        while label.casefold() in taken:
            label += "_"
        taken.add(label.casefold())
        labels[name] = label
    return labels


def _in_range(milliseconds: Any) -> int | None:
    """Return a date in whole milliseconds, or None if it is NaN or outside of the years 1 to 9999."""
    is_date = milliseconds is not None and FIRST_MILLISECOND <= milliseconds <= LAST_MILLISECOND
    return int(milliseconds) if is_date else None


def _dates_in_range(milliseconds: list[Any]) -> list[int | None]:
    """Return dates in whole milliseconds, or None for those that are not dates."""
    plain = UNAMBIGUOUS_MILLISECONDS
    return [value if type(value) is int and value in plain else _in_range(value) for value in milliseconds]


def _datetime(milliseconds: float | None) -> datetime | None:
    return EPOCH + timedelta(milliseconds=milliseconds) if _in_range(milliseconds) is not None else None  # type: ignore[arg-type]
