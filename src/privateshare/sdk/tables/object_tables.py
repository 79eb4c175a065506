"""Files as tables, one for each object type. Data frames and databases need `privateshare[data]`."""

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from privateshare.errors import ConfigurationError, printable
from privateshare.protocol.catalogue import object_type_of
from privateshare.protocol.object_time import DIGIME, FHIR
from privateshare.sdk.files.file import File
from privateshare.sdk.local_files.safe_files import safe_name
from privateshare.sdk.reading.folders import read_folders
from privateshare.sdk.tables.contents import Content, Objects, Record, content_of, digest_of, read_objects
from privateshare.sdk.tables.databases import write_duckdb, write_sqlite
from privateshare.sdk.tables.outputs import Rows
from privateshare.sdk.tables.shapes import Nested
from privateshare.sdk.tables.table import Table

NOT_JSON = "its name does not end in .json"
FOREIGN = "it is not a file of objects that privateshare read"


class NoSuchTable(KeyError):
    """There is no table of this name. The message lists the tables that there are."""

    def __init__(self, name: object, names: Iterable[str]) -> None:
        known = ", ".join(printable(known) for known in sorted(names)) or "none"
        super().__init__(f"There is no table {name!r}. There are: {known}")

    def __str__(self) -> str:
        return str(self.args[0])


class Tables(Mapping[str, Table]):
    """Tables by object type, such as `tables["playhistory"]`.

    `left_out` tells, by the name of a file, what of it is in no table and why. This concerns pushed files, files that
    the platform no longer has, and files or entries that cannot be parsed.
    """

    def __init__(self, tables: Mapping[str, Table], left_out: Mapping[str, str] | None = None) -> None:
        self._tables = dict(tables)
        self.left_out: dict[str, str] = dict(left_out or {})

    def __getitem__(self, name: str) -> Table:
        try:
            return self._tables[name]
        except KeyError:
            raise NoSuchTable(name, self._tables) from None

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        parts = [f"{printable(name)} ({len(table)})" for name, table in self.items()]
        if self.left_out:
            parts.append(f"{len(self.left_out)} files left out: see left_out")
        return f"<Tables {', '.join(parts)}>"

    def view(self, definition: Mapping[str, Any]) -> Rows:
        """Return the rows of a ViewDefinition of SQL on FHIR, from the table of its `resource`. See `Table.view`.

        Raises:
            ConfigurationError: The definition is invalid, or the extra `privateshare[fhir]` is not installed.
            NoSuchTable: There is no table of this resource type.
        """
        kind = str(definition.get("resource", "")).lower()
        name = f"{kind}_{FHIR}" if f"{kind}_{FHIR}" in self else kind
        return self[name].view(definition)

    def to_parquet(self, folder: str | Path, *, flat: bool = False, nested: Nested = "structs") -> list[Path]:
        """Write each table to a Parquet file in a folder.

        Args:
            folder: The folder. It is made if it is missing.
            flat: Whether the flat form of the tables is written, see `Table.flat`.
            nested: The form of nested objects and lists: Arrow structs and lists, or JSON text.

        Returns:
            The files. Each has the name of its table, or a similar one that every system can have. A file that was made
            of the same content before is left as it is.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: A file cannot be written, or a file of the tables cannot be read any more.
        """
        return [
            rows.to_parquet(Path(folder) / safe_name(f"{name}.parquet"), nested=nested)
            for name, rows in self._rows(flat=flat).items()
        ]

    def to_duckdb(self, path: str | Path, *, flat: bool = False, nested: Nested = "structs") -> Path:
        """Write the tables to a DuckDB database, which replaces the file, and return its path.

        The file is complete or not there. A file that was made of the same content before is left as it is.

        Args:
            path: The file.
            flat: Whether the flat form of the tables is written, see `Table.flat`.
            nested: The form of nested objects and lists: structs and lists, or JSON text.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: The file cannot be written, or a file of the tables cannot be read any more.
        """
        return write_duckdb(Path(path), self._rows(flat=flat), nested)

    def to_sqlite(self, path: str | Path, *, flat: bool = False) -> Path:
        """Write the tables to an SQLite database, which replaces the file, and return its path.

        Times are text such as "2026-05-17T21:30:00.000Z", flags are 0 and 1, and nested data is JSON text. The file is
        complete or not there. A file that was made of the same content before is left as it is.

        Args:
            path: The file.
            flat: Whether the flat form of the tables is written, see `Table.flat`.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: The file cannot be written, or a file of the tables cannot be read any more.
        """
        return write_sqlite(Path(path), self._rows(flat=flat))

    def _rows(self, *, flat: bool) -> dict[str, Rows]:
        return {name: table.flat() if flat else table for name, table in self._tables.items()}


def tables(files: Iterable[File] | str | PathLike[str], *, include_gone: bool = False) -> Tables:
    """Make tables of files that were read.

    An object that is in several files of an account, as after an update, is in its table once, in its newest version.
    Files are read again when a table is used.

    Args:
        files: The files, a reading, a folder that `read_all_files(into=…)` has filled, or a pattern of several such
            folders, such as `"study/*"`.
        include_gone: Whether a folder's files are included that the platform no longer has, see `ReadResult.gone`.

    Returns:
        The tables by object type. `left_out` tells what is in no table.

    Raises:
        FilesNotRead: `files` is a reading, and some of its files could not be read.
        ConfigurationError: There is no such folder, nothing was read into it, or a symbolic link is in the place of its
            manifest.
        OSError: A file cannot be read.
    """
    found = _TableMaker()
    if isinstance(files, str | PathLike):
        found.add_folders(fspath(files), include_gone=include_gone)
    else:
        for file in sorted(_checked(files), key=_age):
            found.add(file, file.name)
    return found.made()


class _TableMaker:
    """Makes tables of files that are added from the oldest to the newest."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], Table] = {}
        self._likely: dict[str, tuple[str, str]] = {}  # The table that had the last objects of a file of each kind.
        self._empty: set[str] = set()
        self._left_out: dict[str, str] = {}
        self._count = 0

    def add_folders(self, pattern: str, *, include_gone: bool) -> None:
        """Add the files of folders. Raise ConfigurationError if nothing was read into them."""
        folders = list(read_folders(pattern, include_gone=include_gone))
        for folder in folders:
            # Files of two folders may have the same name.
            prefix = f"{folder.folder.name}/" if len(folders) > 1 else ""
            self._left_out |= {prefix + name: reason for name, reason in folder.left_out.items()}
            for file in sorted(folder.files, key=_age):
                if file.path is None or file.path.suffix != ".json":  # A pushed file of any kind and size.
                    self._left_out[prefix + file.name] = NOT_JSON
                    continue
                self.add(file, prefix + file.name, is_ours=folder.has_manifest)
        if not self._count and not any(folder.has_manifest for folder in folders):
            raise ConfigurationError(
                f"Nothing was read into the folder {printable(pattern)}: its JSON files are not of objects",
                hint='Name the folder that read_all_files(into=…) or "privateshare read --into" filled',
            )

    def add(self, file: File, name: str, *, is_ours: bool = True) -> None:
        """Add a file. `is_ours` tells whether it is certainly one that was read."""
        content, data = content_of(file), file.read_bytes()
        table = self._tables.get(self._likely.get(content.kind, ("", "")))
        is_named = is_ours or object_type_of(None, file.name) is not None
        if is_named and table is not None and table.add_checked(self._count, content, data):
            self._count += 1
            return
        read = read_objects(data, digest_of(data))
        if not is_ours and not _is_of_objects(file.name, read):
            self._left_out[name] = read.left_out or FOREIGN
            return
        if read.left_out:
            self._left_out[name] = read.left_out
        elif not read.objects:
            self._empty.add(content.kind)
        number = self._count
        self._count += 1
        by_table = _by_table(content, read)
        for key, things in by_table.items():
            self._likely[content.kind] = key
            table = self._tables.setdefault(key, Table(*key))
            table.add(number, content, read.digest, things, is_shared=len(by_table) > 1)

    def made(self) -> Tables:
        """Return the tables."""
        for kind in self._empty.difference(kind for kind, _ in self._tables):
            self._tables[kind, DIGIME] = Table(kind, DIGIME)
        return Tables(_named(self._tables), self._left_out)


def _by_table(content: Content, read: Objects) -> dict[tuple[str, str], list[Record]]:
    by_table: dict[tuple[str, str], list[Record]] = {}
    for thing in read.objects:
        by_table.setdefault(content.table_of(thing), []).append(thing)
    return by_table


def _is_of_objects(name: str, read: Objects) -> bool:
    """Tell whether a file that no manifest lists is one of objects."""
    if object_type_of(None, name) is not None:
        return True
    return bool(read.objects) and all("entityid" in thing or "resourceType" in thing for thing in read.objects)


def _checked(files: Iterable[File]) -> Iterator[File]:
    for file in files:
        if not isinstance(file, File):
            raise TypeError(f"tables() takes files, a folder, or a pattern of folders, not {type(file).__name__}")
        yield file


def _age(file: File) -> tuple[int, str]:
    return file.updated_date or 0, file.name


def _named(found: Mapping[tuple[str, str], Table]) -> dict[str, Table]:
    """Return the tables by their types, and by their schemas too if two have the same name."""
    named = {name: table for (name, standard), table in found.items() if standard != FHIR}
    for (name, standard), table in found.items():
        if standard == FHIR:
            while name in named:
                name = f"{name}_{FHIR}"
            named[name] = table
    return named
