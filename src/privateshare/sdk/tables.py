"""Files as tables, one for each object type: for data frames. Needs `privateshare[data]` beyond plain records."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privateshare.errors import ConfigurationError
from privateshare.protocol.catalogue import catalogue, object_type_of
from privateshare.protocol.object_time import FHIR, object_time
from privateshare.sdk.sinks import File

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Record = dict[str, Any]

TIME = "time"  # the column that says when each object happened
DATES = frozenset({"createddate", "updateddate", "startdate", "enddate", "postdate", "transactiondate", "releasedate"})


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

    def __init__(self, name: str, standard: str, objects: list[Record]) -> None:
        self.name, self.standard, self._objects = name, standard, objects

    def __len__(self) -> int:
        return len(self._objects)

    def __repr__(self) -> str:
        return f"<Table {self.name} of {len(self)} objects>"

    def to_records(self) -> list[Record]:
        """The objects as dictionaries: dates as datetimes (UTC), and one more field, `time`: when each happened."""
        return [self._record(thing) for thing in self._objects]

    def to_arrow(self) -> "pyarrow.Table":
        """The objects as an Arrow table; what is nested is a column of JSON text. Raises ConfigurationError."""
        arrow = _needed("pyarrow")
        columns: dict[str, list[Any]] = {}
        records = [self._record(thing) for thing in self._objects]
        for name in dict.fromkeys(name for record in records for name in record):
            columns[name] = _column([record.get(name) for record in records])
        return arrow.table(columns)

    def to_pandas(self) -> "pandas.DataFrame":
        """The objects as a pandas data frame, as `to_arrow` lays them out. Raises ConfigurationError."""
        _needed("pandas")
        frame: pandas.DataFrame = self.to_arrow().to_pandas()
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
        parquet.write_table(self.to_arrow(), path)
        return Path(path)

    def _record(self, thing: Record) -> Record:
        moment = object_time(self.standard, thing)
        dated = {name: _date(name, value) for name, value in thing.items()} if self.standard != FHIR else dict(thing)
        return {TIME: _moment(moment), **dated}


def tables(files: Iterable[File] | str | Path) -> Tables:
    """The tables of files that were read, or of a folder that `read_all_files(into=…)` filled.

    An object that is in several files, as after an update, is there once: as the newest file has it. Pushed files,
    which are not lists of objects, are left out.
    """
    found: dict[tuple[str, str], dict[str, Record]] = {}
    for name, objects in _contents(files):
        for thing in objects:
            standard = FHIR if "resourceType" in thing else "digime"
            kind = str(thing["resourceType"]).lower() if standard == FHIR else name
            found.setdefault((kind, standard), {})[_identity(thing)] = thing
    return Tables({kind: Table(kind, standard, list(held.values())) for (kind, standard), held in found.items()})


def _contents(files: Iterable[File] | str | Path) -> Iterator[tuple[str, list[Record]]]:
    if isinstance(files, str | Path):
        for path in sorted(Path(files).glob("*.json")):
            yield from _objects(_type_of(None, path.name), path.read_bytes())
        return
    for file in sorted(files, key=lambda file: file.updated_date or 0):
        yield from _objects(_type_of(file.metadata.object_type, file.name), file.read_bytes())


def _objects(name: str, data: bytes) -> Iterator[tuple[str, list[Record]]]:
    try:
        content = json.loads(data)
    except ValueError:
        return
    if isinstance(content, list) and all(isinstance(thing, dict) for thing in content):
        yield name, content


def _type_of(reference: str | None, file_name: str) -> str:
    """The name of a file's object type, `other` if it tells none."""
    number = object_type_of(reference, file_name)
    return catalogue().object_types[number].reference if number is not None else reference or "other"


def _identity(thing: Record) -> str:
    if "entityid" in thing:
        return str(thing["entityid"])
    if "resourceType" in thing and "id" in thing:
        return f"{thing['resourceType']}/{thing['id']}"
    return json.dumps(thing, sort_keys=True)


def _date(name: str, value: Any) -> Any:
    return _moment(value) if name in DATES and isinstance(value, int) and not isinstance(value, bool) else value


def _moment(milliseconds: int | None) -> datetime | None:
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _column(values: list[Any]) -> list[Any]:
    """Values that one column can hold: nested ones as JSON, and where kinds are mixed all as text."""
    flat = [json.dumps(value) if isinstance(value, dict | list) else value for value in values]
    kinds = {float if isinstance(value, int | float) and not isinstance(value, bool) else type(value) for value in flat}
    kinds.discard(type(None))
    if len(kinds) > 1:
        return [value if value is None or isinstance(value, str) else json.dumps(value) for value in flat]
    return flat


def _needed(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"this needs {module}: pip install 'privateshare[data]'") from error
