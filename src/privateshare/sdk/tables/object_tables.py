"""Files as tables, one for each object type: for data frames. Needs `privateshare[data]` beyond plain records.

Of any number of objects: one file at a time is unpacked, and what is kept of each object is where its newest form is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privateshare.errors import ConfigurationError, printable
from privateshare.protocol.catalogue import catalogue, object_type_of
from privateshare.protocol.object_time import DIGIME, FHIR
from privateshare.sdk.files.file import File
from privateshare.sdk.local_files.safe_files import replaced_file, safe_name
from privateshare.sdk.reading.manifest import updated_dates
from privateshare.sdk.tables.columns import Columns, Record

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

BATCH = 20_000  # objects that become rows at a time


class Tables(Mapping[str, "Table"]):
    """Tables by object type, such as `tables["playhistory"]`.

    `left_out` says by the name of a file what in it is in no table, and why: pushed files, and what cannot be read.
    """

    def __init__(self, tables: Mapping[str, "Table"], left_out: Mapping[str, str] | None = None) -> None:
        self._tables = dict(tables)
        self.left_out: dict[str, str] = dict(left_out or {})

    def __getitem__(self, name: str) -> "Table":
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        parts = [f"{printable(name)} ({len(table)})" for name, table in self.items()]
        if self.left_out:
            parts.append(f"{len(self.left_out)} files left out: see left_out")
        return f"<Tables {', '.join(parts)}>"

    def to_parquet(self, folder: str | Path) -> list[Path]:
        """Write each table to a Parquet file in a folder, and return the files.

        A file is named after its table, as far as every system can have a file of that name. Raises ConfigurationError
        without the extra.
        """
        return [table.to_parquet(Path(folder) / safe_name(f"{name}.parquet")) for name, table in self.items()]


class Table:
    """The objects of one type, across files. `standard` is the schema they follow: `digime` or `fhir`."""

    def __init__(self, name: str, standard: str) -> None:
        self.name: str = name
        self.standard: str = standard
        self._columns = Columns(standard)
        self._contents: dict[int, _Content] = {}  # files that hold some of it, by number, oldest first
        self._newest: dict[int, int] = {}  # by an object's identity, the number of the newest file that holds it
        self._namesakes: dict[int, int] = {}  # by identity, how many more objects of it that file holds

    def __len__(self) -> int:
        return len(self._newest) + sum(self._namesakes.values())

    def __repr__(self) -> str:
        return f"<Table {printable(self.name)} of {len(self)} objects>"

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
        """Write the objects to a Parquet file, as `to_arrow` lays them out, and return its path.

        The file is whole, or not there. Raises ConfigurationError.
        """
        parquet = _needed("pyarrow.parquet")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(Path(path)) as file, parquet.ParquetWriter(file, self._columns.schema()) as writer:
            for batch in self._batches():
                writer.write_batch(batch)
        return Path(path)

    def _add(self, number: int, content: "_Content", things: Iterable[Record]) -> None:
        self._contents[number] = content
        for thing in things:
            identity = content.identity(thing)
            if self._newest.get(identity) == number:
                self._namesakes[identity] = self._namesakes.get(identity, 0) + 1
            else:
                self._newest[identity] = number
                self._namesakes.pop(identity, None)
            self._columns.note(thing)

    def _objects(self) -> Iterator[Record]:
        for number, content in self._contents.items():
            for thing in content.read().objects:
                is_here = _table_of(content.kind, thing) == (self.name, self.standard)
                if is_here and self._newest.get(content.identity(thing)) == number:
                    yield thing

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
class _Objects:
    """The objects of a file, and what of the file is none."""

    objects: list[Record]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    """A file. `kind` names the type of its objects, `account` is the account that they came from, if the name tells."""

    name: str
    kind: str
    file: File | Path

    @property
    def account(self) -> str:
        """The part of the name that stands for the account: 18_group_service_account."""
        parts = self.name.split("_")
        return "_".join(parts[:4]) if len(parts) > 4 and parts[0] == "18" else ""

    def read(self) -> _Objects:
        """Read the objects. What is none of them is told and does not take the others with it."""
        try:
            content = json.loads(self.file.read_bytes())
        except (ValueError, RecursionError):
            return _Objects([], "it does not hold JSON")
        if not isinstance(content, list):
            return _Objects([], "it does not hold a list of objects")
        objects = [thing for thing in content if isinstance(thing, dict)]
        others = len(content) - len(objects)
        return _Objects(objects, f"{others} of {len(content)} entries are not objects" if others else "")

    def identity(self, thing: Record) -> int:
        """Identify an object across files: by its id within the account that it came from, or else by all of it.

        Two accounts may have different objects of one id, such as two hospitals that count from 1. So may two patients
        or two systems in one account.
        """
        if "entityid" in thing:
            return hash((self.account, str(thing["entityid"])))
        if "resourceType" in thing and "id" in thing:
            told = [("subject", "reference"), ("patient", "reference"), ("meta", "source")]
            places = [
                str(part[name]) for where, name in told if isinstance(part := thing.get(where), dict) and name in part
            ]
            return hash((self.account, str(thing["resourceType"]), str(thing["id"]), *places))
        return hash(json.dumps(thing, sort_keys=True))


def tables(files: Iterable[File] | str | Path) -> Tables:
    """Make tables of files that were read, or of a folder that `read_all_files(into=…)` filled.

    An object that is in several files of an account, as after an update, is there once: as the newest file has it.
    What is in no table, such as a pushed file that is no list of objects, is in `left_out`. Files are read again when a
    table is made use of. Raises FilesNotRead if `files` is a reading of which some files could not be read.
    """
    found: dict[tuple[str, str], Table] = {}
    empty: set[str] = set()
    left_out: dict[str, str] = {}
    for number, content in enumerate(_contents(files)):
        read = content.read()
        if read.left_out:
            left_out[content.name] = read.left_out
        elif not read.objects:
            empty.add(content.kind)
        by_table: dict[tuple[str, str], list[Record]] = {}
        for thing in read.objects:
            by_table.setdefault(_table_of(content.kind, thing), []).append(thing)
        for key, things in by_table.items():
            found.setdefault(key, Table(*key))._add(number, content, things)
    for kind in empty.difference(kind for kind, _ in found):
        found[kind, DIGIME] = Table(kind, DIGIME)
    return Tables(_named(found), left_out)


def _contents(files: Iterable[File] | str | Path) -> Iterator[_Content]:
    if isinstance(files, str | Path):
        dates = updated_dates(Path(files))
        for path in sorted(Path(files).glob("*.json"), key=lambda path: (dates.get(path.name, 0), path.name)):
            yield _Content(path.name, _type_of(None, path.name), path)
        return
    for file in sorted(files, key=lambda file: file.updated_date or 0):
        yield _Content(file.name, _type_of(file.metadata.object_type, file.name), file)


def _type_of(reference: str | None, file_name: str) -> str:
    """The name of a file's object type, `other` if it tells none."""
    number = object_type_of(reference, file_name)
    return catalogue().object_types[number].reference if number is not None else reference or "other"


def _table_of(name: str, thing: Record) -> tuple[str, str]:
    """The name and the schema of the table that an object belongs to."""
    kind = thing.get("resourceType")
    return (kind.lower(), FHIR) if isinstance(kind, str) else (name, DIGIME)


def _named(found: Mapping[tuple[str, str], "Table"]) -> dict[str, "Table"]:
    """Name each table after its type; with its schema too if there are two of that name."""
    named = {name: table for (name, standard), table in found.items() if standard != FHIR}
    for (name, standard), table in found.items():
        if standard == FHIR:
            while name in named:
                name = f"{name}_{FHIR}"
            named[name] = table
    return named


def needs_data() -> None:
    """Raises ConfigurationError without the extra, before work that would be for nothing."""
    _needed("pyarrow.parquet")


def _needed(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"this needs {module}: pip install 'privateshare[data]'") from error
