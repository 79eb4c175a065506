"""Files as tables, one for each object type. Data frames and Parquet need `privateshare[data]`.

A table may have more objects than fit into memory: one file at a time is parsed, and a table remembers only in which
file the newest version of each object is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from privateshare.errors import ConfigurationError, printable
from privateshare.protocol.catalogue import catalogue, object_type_of
from privateshare.protocol.object_time import DIGIME, FHIR
from privateshare.sdk.files.file import File
from privateshare.sdk.lazy import LazyModule, load
from privateshare.sdk.local_files.safe_files import replaced_file, safe_name
from privateshare.sdk.reading.manifest import updated_dates
from privateshare.sdk.tables.columns import Columns, Record

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from pyarrow import parquet
else:  # Optional extras.
    pandas, polars, pyarrow = LazyModule("pandas"), LazyModule("polars"), LazyModule("pyarrow")
    parquet = LazyModule("pyarrow.parquet")

BATCH_ROWS = 20_000


class Tables(Mapping[str, "Table"]):
    """Tables by object type, such as `tables["playhistory"]`.

    `left_out` tells, by the name of a file, what of it is in no table and why. This concerns pushed files, and files or
    entries that cannot be parsed.
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
        """Write each table to a Parquet file in a folder.

        Args:
            folder: The folder. It is made if it is missing.

        Returns:
            The files. Each has the name of its table, or a similar one that every system can have.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: A file cannot be written.
        """
        return [table.to_parquet(Path(folder) / safe_name(f"{name}.parquet")) for name, table in self.items()]


class Table:
    """The objects of one type, from several files. `standard` is their schema: `digime` or `fhir`."""

    def __init__(self, name: str, standard: str) -> None:
        self.name: str = name
        self.standard: str = standard
        self._columns = Columns(standard)
        self._contents: dict[int, _Content] = {}  # Files with objects of this table, oldest first.
        self._newest: dict[int, int] = {}  # The newest file of each object, by its identity.
        self._more: dict[int, int] = {}  # How many more objects of one identity that file has.

    def __len__(self) -> int:
        return len(self._newest) + sum(self._more.values())

    def __repr__(self) -> str:
        return f"<Table {printable(self.name)} of {len(self)} objects>"

    def to_records(self) -> list[Record]:
        """Return the objects as dictionaries, with dates as datetimes in UTC, and with `time`: when each happened."""
        return list(self.records())

    def records(self) -> Iterator[Record]:
        """Yield the objects one by one, for a table that does not fit into memory. See `to_records`."""
        return map(self._columns.record, self._objects())

    def to_arrow(self) -> "pyarrow.Table":
        """Return the objects as an Arrow table.

        Nested values are JSON text. A column of mixed kinds is text too, and one of whole and other numbers is float.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
        """
        _need(pyarrow)
        return pyarrow.Table.from_batches(self._batches(), self._columns.schema())

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the objects as a pandas data frame, with the columns of `to_arrow`.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
        """
        _need(pandas)
        arrow = self.to_arrow()
        nullable = {"int64": pandas.Int64Dtype(), "bool": pandas.BooleanDtype()}
        frame: pandas.DataFrame = arrow.to_pandas(types_mapper=lambda kind: nullable.get(str(kind)))
        return frame

    def to_polars(self) -> "polars.DataFrame":
        """Return the objects as a polars data frame, with the columns of `to_arrow`.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
        """
        _need(polars)
        frame = polars.from_arrow(self.to_arrow())
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_parquet(self, path: str | Path) -> Path:
        """Write the objects to a Parquet file, with the columns of `to_arrow`, and return its path.

        The file is complete or not there.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: The file cannot be written.
        """
        _need(parquet)
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
                self._more[identity] = self._more.get(identity, 0) + 1
            else:
                self._newest[identity] = number
                self._more.pop(identity, None)
            self._columns.add(thing)

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
            if len(waiting) == BATCH_ROWS:
                yield self._columns.batch(waiting)
                waiting = []
        if waiting:
            yield self._columns.batch(waiting)


@dataclass(frozen=True, slots=True)
class _Objects:
    """The objects of a file, and what of the file is not an object and why."""

    objects: list[Record]
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    """A file with objects. `kind` is the name of their type."""

    name: str
    kind: str
    file: File | Path

    @property
    def account(self) -> str:
        """The part of the file's name that identifies the account, 18_group_service_account, or "" if it has none."""
        parts = self.name.split("_")
        return "_".join(parts[:4]) if len(parts) > 4 and parts[0] == "18" else ""

    def read(self) -> _Objects:
        """Parse the objects. What is not an object does not hide the others."""
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
        """Return the identity of an object: its id within the account that it came from, or else all of it.

        Two accounts may have different objects with the same id, such as two hospitals that count from 1. So may two
        patients or two systems in one account.
        """
        if "entityid" in thing:
            return hash((self.account, str(thing["entityid"])))
        if "resourceType" in thing and "id" in thing:
            parts = [("subject", "reference"), ("patient", "reference"), ("meta", "source")]
            places = [
                str(part[name]) for where, name in parts if isinstance(part := thing.get(where), dict) and name in part
            ]
            return hash((self.account, str(thing["resourceType"]), str(thing["id"]), *places))
        return hash(json.dumps(thing, sort_keys=True))


def tables(files: Iterable[File] | str | Path) -> Tables:
    """Make tables of files that were read.

    An object that is in several files of an account, as after an update, is in its table once, in its newest version.
    Files are read again when a table is used.

    Args:
        files: The files, a reading, or a folder that `read_all_files(into=…)` has filled.

    Returns:
        The tables by object type. `left_out` tells what is in no table.

    Raises:
        FilesNotRead: `files` is a reading, and some of its files could not be read.
        ConfigurationError: A symbolic link is in the place of the folder's manifest.
        OSError: A file cannot be read.
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
    """Return the name of a file's object type, or `other` if it is unknown."""
    number = object_type_of(reference, file_name)
    return catalogue().object_types[number].reference if number is not None else reference or "other"


def _table_of(name: str, thing: Record) -> tuple[str, str]:
    """Return the name and the schema of the table that an object belongs to."""
    kind = thing.get("resourceType")
    return (kind.lower(), FHIR) if isinstance(kind, str) else (name, DIGIME)


def _named(found: Mapping[tuple[str, str], "Table"]) -> dict[str, "Table"]:
    """Return the tables by their types, and by their schemas too if two have the same name."""
    named = {name: table for (name, standard), table in found.items() if standard != FHIR}
    for (name, standard), table in found.items():
        if standard == FHIR:
            while name in named:
                name = f"{name}_{FHIR}"
            named[name] = table
    return named


def check_parquet_available() -> None:
    """Raise ConfigurationError if the extra `privateshare[data]` is not installed, before work is done in vain."""
    _need(parquet)


def _need(module: ModuleType) -> None:
    try:
        load(module)
    except ModuleNotFoundError as error:
        hint = "Install it: pip install 'privateshare[data]'"
        raise ConfigurationError(f"This needs the package {module.__name__}", hint=hint) from error
