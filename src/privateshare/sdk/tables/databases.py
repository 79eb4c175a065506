"""Tables as one database: DuckDB or SQLite. A database is complete or not there."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privateshare.sdk.lazy import LazyModule
from privateshare.sdk.local_files.safe_files import partial_path, sync_file
from privateshare.sdk.tables.outputs import BATCH_ROWS, Rows, need
from privateshare.sdk.tables.shapes import Nested

if TYPE_CHECKING:
    import duckdb
    import pyarrow
else:  # Optional extras.
    duckdb, pyarrow = LazyModule("duckdb"), LazyModule("pyarrow")

FINGERPRINTS = "privateshare_tables"
"""The table that says what the other tables were made of."""


def write_duckdb(path: Path, tables: Mapping[str, Rows], nested: Nested) -> Path:
    """Write tables to a DuckDB database, unless the file has the same content already."""
    need(duckdb)
    need(pyarrow)
    made_of = {name: rows.fingerprint(nested) for name, rows in tables.items()}
    if path.is_file() and _duckdb_fingerprints(path) == made_of:
        return path
    with _replaced_database(path) as partial, duckdb.connect(str(partial)) as database:
        for name, rows in tables.items():
            # Batches are inserted one by one, because DuckDB hides the errors of what it reads batches from.
            database.register("incoming", rows.schema(nested).empty_table())
            database.execute(f"CREATE TABLE {_quoted(name)} AS SELECT * FROM incoming")  # noqa: S608 - It is quoted.
            for batch in rows.batches(nested, BATCH_ROWS):
                database.register("incoming", pyarrow.Table.from_batches([batch]))
                database.execute(f"INSERT INTO {_quoted(name)} SELECT * FROM incoming")  # noqa: S608 - It is quoted.
        database.execute(f"CREATE TABLE {FINGERPRINTS} (name TEXT, fingerprint TEXT)")
        for item in made_of.items():
            database.execute(f"INSERT INTO {FINGERPRINTS} VALUES (?, ?)", list(item))  # noqa: S608 - A constant.
    return path


def write_sqlite(path: Path, tables: Mapping[str, Rows]) -> Path:
    """Write tables to an SQLite database, unless the file has the same content already."""
    need(pyarrow)
    made_of = {name: rows.fingerprint("json") for name, rows in tables.items()}
    if path.is_file() and _sqlite_fingerprints(path) == made_of:
        return path
    with _replaced_database(path) as partial, closing(sqlite3.connect(partial)) as database:
        for name, rows in tables.items():
            _write_table(database, name, rows)
        database.execute(f"CREATE TABLE {FINGERPRINTS} (name TEXT, fingerprint TEXT)")
        database.executemany(f"INSERT INTO {FINGERPRINTS} VALUES (?, ?)", made_of.items())  # noqa: S608 - A constant.
        database.commit()
    return path


def _write_table(database: sqlite3.Connection, name: str, rows: Rows) -> None:
    schema = rows.schema("json")
    types = {"int64": "INTEGER", "double": "REAL", "bool": "INTEGER"}
    columns = ", ".join(f"{_quoted(field.name)} {types.get(str(field.type), 'TEXT')}" for field in schema)
    database.execute(f"CREATE TABLE {_quoted(name)} ({columns})")
    places = ", ".join("?" for _ in schema)
    insert = f"INSERT INTO {_quoted(name)} VALUES ({places})"  # noqa: S608 - The name is quoted.
    for batch in rows.batches("json", BATCH_ROWS):
        values = ([_sqlite_value(value) for value in column.to_pylist()] for column in batch.columns)
        database.executemany(insert, zip(*values, strict=True))


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, datetime):
        is_utc = value.tzinfo is not None
        moment = value.astimezone(UTC).replace(tzinfo=None) if is_utc else value
        return moment.isoformat(timespec="milliseconds") + ("Z" if is_utc else "")
    return json.dumps(value) if isinstance(value, dict | list) else value


@contextmanager
def _replaced_database(path: Path) -> Iterator[Path]:
    """Give the path of a new database that replaces `path` once it is complete, and that is removed if it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    try:
        yield partial
        sync_file(partial)
        partial.replace(path)
    except BaseException:  # This includes Ctrl-C: an incomplete file must not stay.
        partial.unlink(missing_ok=True)
        raise
    finally:
        for beside in (".wal", "-wal", "-shm", "-journal"):
            partial.with_name(partial.name + beside).unlink(missing_ok=True)


def _duckdb_fingerprints(path: Path) -> dict[str, str] | None:
    try:
        with duckdb.connect(str(path), read_only=True) as database:
            return dict(database.execute(f"SELECT * FROM {FINGERPRINTS}").fetchall())  # noqa: S608 - A constant.
    except duckdb.Error:
        return None


def _sqlite_fingerprints(path: Path) -> dict[str, str] | None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return dict(database.execute(f"SELECT * FROM {FINGERPRINTS}").fetchall())  # noqa: S608 - A constant.
    except sqlite3.Error:
        return None


def _quoted(name: str) -> str:
    """Return a name as databases quote it."""
    text = name.encode("utf-8", "replace").decode().replace("\0", "?")
    return '"' + text.replace('"', '""') + '"'
