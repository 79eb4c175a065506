"""Files as tables, one for each object type: for data frames. Needs `privateshare[data]` beyond plain records.

Of any number of objects: one file at a time is unpacked, and what is kept of each object is where its newest form is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privateshare.errors import ConfigurationError
from privateshare.protocol.catalogue import catalogue, object_type_of
from privateshare.protocol.object_time import DIGIME, FHIR
from privateshare.sdk.columns import Columns, Record
from privateshare.sdk.manifest import updated_dates
from privateshare.sdk.sinks import File

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

BATCH = 20_000  # objects that become rows at a time


class Tables(Mapping[str, "Table"]):
    """Tables by object type, such as `tables["playhistory"]`."""

    def __init__(self, tables: Mapping[str, "Table"]) -> None:
        self._tables = dict(tables)

    def __getitem__(self, name: str) -> "Table":
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        return f"<Tables {', '.join(f'{name} ({len(table)})' for name, table in self.items())}>"

    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Writes each table to a Parquet file in a folder; the files. Raises ConfigurationError without the extra."""
        return [table.to_parquet(Path(folder) / f"{name}.parquet") for name, table in self.items()]


class Table:
    """The objects of one type, across files. `standard` is the schema they follow: `digime` or `fhir`."""

    def __init__(self, name: str, standard: str) -> None:
        self.name: str = name
        self.standard: str = standard
        self._columns = Columns(standard)
        self._contents: dict[int, _Content] = {}  # files that hold some of it, by number, oldest first
        self._newest: dict[int, int] = {}  # by an object's identity, the number of the newest file that holds it

    def __len__(self) -> int:
        return len(self._newest)

    def __repr__(self) -> str:
        return f"<Table {self.name} of {len(self)} objects>"

    def to_records(self) -> list[Record]:
        """The objects as dictionaries: dates as datetimes (UTC), and one more field, `time`: when each happened."""
        return list(self.records())

    def records(self) -> Iterator[Record]:
        """The same, one by one: for more than fit into memory."""
        return map(self._columns.record, self._objects())

    def to_arrow(self) -> "pyarrow.Table":
        """The objects as an Arrow table; what is nested is a column of JSON text. Raises ConfigurationError.

        Whole numbers stay whole, unless others are among them; a column of mixed kinds is text.
        """
        arrow = _needed("pyarrow")
        return arrow.Table.from_batches(self._batches(), self._columns.schema())

    def to_pandas(self) -> "pandas.DataFrame":
        """The objects as a pandas data frame, as `to_arrow` lays them out. Raises ConfigurationError."""
        library = _needed("pandas")
        arrow = self.to_arrow()
        nullable = {"int64": library.Int64Dtype(), "bool": library.BooleanDtype()}
        frame: pandas.DataFrame = arrow.to_pandas(types_mapper=lambda kind: nullable.get(str(kind)))
        return frame

    def to_polars(self) -> "polars.DataFrame":
        """The objects as a polars data frame, as `to_arrow` lays them out. Raises ConfigurationError."""
        library = _needed("polars")
        frame: polars.DataFrame = library.from_arrow(self.to_arrow())
        return frame

    def to_parquet(self, path: str | Path) -> Path:
        """Writes the objects to a Parquet file, as `to_arrow` lays them out; its path. Raises ConfigurationError."""
        parquet = _needed("pyarrow.parquet")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with parquet.ParquetWriter(path, self._columns.schema()) as writer:
            for batch in self._batches():
                writer.write_batch(batch)
        return Path(path)

    def _add(self, number: int, content: "_Content", things: Iterable[Record]) -> None:
        self._contents[number] = content
        for thing in things:
            self._newest[_identity(thing)] = number
            self._columns.note(thing)

    def _objects(self) -> Iterator[Record]:
        for number, content in self._contents.items():
            mine = (
                thing
                for thing in content.objects() or ()
                if _table_of(content.name, thing) == (self.name, self.standard)
            )
            yield from {key: thing for thing in mine if self._newest.get(key := _identity(thing)) == number}.values()

    def _batches(self) -> Iterator["pyarrow.RecordBatch"]:
        waiting: list[Record] = []
        for thing in self._objects():
            waiting.append(thing)
            if len(waiting) == BATCH:
                yield self._columns.batch(waiting)
                waiting = []
        if waiting:
            yield self._columns.batch(waiting)


@dataclass(frozen=True, slots=True)
class _Content:
    """A file, and the name of what it holds."""

    name: str
    file: File | Path

    def objects(self) -> list[Record] | None:
        """Its objects; None if it is no list of objects."""
        try:
            content = json.loads(self.file.read_bytes())
        except ValueError:
            return None
        return content if isinstance(content, list) and all(isinstance(thing, dict) for thing in content) else None


def tables(files: Iterable[File] | str | Path) -> Tables:
    """The tables of files that were read, or of a folder that `read_all_files(into=…)` filled.

    An object that is in several files, as after an update, is there once: as the newest file has it. Pushed files,
    which are not lists of objects, are left out. Files are unpacked again when a table is made use of.
    """
    found: dict[tuple[str, str], Table] = {}
    empty: set[str] = set()
    for number, content in enumerate(_contents(files)):
        objects = content.objects()
        if objects == []:
            empty.add(content.name)
        by_table: dict[tuple[str, str], list[Record]] = {}
        for thing in objects or ():
            by_table.setdefault(_table_of(content.name, thing), []).append(thing)
        for key, things in by_table.items():
            found.setdefault(key, Table(*key))._add(number, content, things)
    for name in empty.difference(name for name, _ in found):
        found[name, DIGIME] = Table(name, DIGIME)
    return Tables({_told(key, found): table for key, table in found.items()})


def _contents(files: Iterable[File] | str | Path) -> Iterator[_Content]:
    if isinstance(files, str | Path):
        dates = updated_dates(Path(files))
        for path in sorted(Path(files).glob("*.json"), key=lambda path: (dates.get(path.name, 0), path.name)):
            yield _Content(_type_of(None, path.name), path)
        return
    for file in sorted(files, key=lambda file: file.updated_date or 0):
        yield _Content(_type_of(file.metadata.object_type, file.name), file)


def _type_of(reference: str | None, file_name: str) -> str:
    """The name of a file's object type, `other` if it tells none."""
    number = object_type_of(reference, file_name)
    return catalogue().object_types[number].reference if number is not None else reference or "other"


def _table_of(name: str, thing: Record) -> tuple[str, str]:
    """The name and the schema of the table that an object belongs to."""
    kind = thing.get("resourceType")
    return (kind.lower(), FHIR) if isinstance(kind, str) else (name, DIGIME)


def _told(key: tuple[str, str], found: Mapping[tuple[str, str], object]) -> str:
    """A table's name; with its schema if there are two of that name."""
    name, standard = key
    return f"{name}_{FHIR}" if standard == FHIR and (name, DIGIME) in found else name


def _identity(thing: Record) -> int:
    if "entityid" in thing:
        return hash(str(thing["entityid"]))
    if "resourceType" in thing and "id" in thing:
        return hash((str(thing["resourceType"]), str(thing["id"])))
    return hash(json.dumps(thing, sort_keys=True))


def needs_data() -> None:
    """Raises ConfigurationError without the extra, before work that would be for nothing."""
    _needed("pyarrow.parquet")


def _needed(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"this needs {module}: pip install 'privateshare[data]'") from error
