"""Rows in the forms that programs take: records, Arrow, pandas, polars and Parquet. Most need `privateshare[data]`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from privateshare.errors import ConfigurationError, printable
from privateshare.sdk.lazy import LazyModule, load
from privateshare.sdk.local_files.safe_files import replaced_file
from privateshare.sdk.tables.contents import Record
from privateshare.sdk.tables.shapes import Nested

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow
    from pyarrow import parquet
else:  # Optional extras.
    pandas, polars, pyarrow = LazyModule("pandas"), LazyModule("polars"), LazyModule("pyarrow")
    parquet = LazyModule("pyarrow.parquet")

BATCH_ROWS = 20_000
COMPRESSION = "zstd"
FINGERPRINT = b"privateshare"
"""The key of Parquet's own metadata that tells what a file was made of."""
FORM = "1"
"""The version of the form of tables. It changes when a file of the same objects would be another one."""


class Rows(ABC):
    """Rows with the same columns. `name` is the name of their table."""

    name: str

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """Yield the rows one by one as dictionaries, for a table that does not fit into memory."""

    @abstractmethod
    def schema(self, nested: Nested) -> "pyarrow.Schema":
        """Return the types of the columns."""

    @abstractmethod
    def batches(self, nested: Nested, size: int) -> Iterator["pyarrow.RecordBatch"]:
        """Yield the rows as Arrow batches of up to `size` rows."""

    @abstractmethod
    def source(self) -> bytes:
        """Return what identifies the content that the rows are made of."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {printable(self.name)} of {len(self)} rows>"

    def to_records(self) -> list[Record]:
        """Return the rows as dictionaries. Dates are datetimes, and `time` is when each object happened."""
        return list(self.records())

    def to_arrow(self, *, nested: Nested = "structs") -> "pyarrow.Table":
        """Return the rows as an Arrow table.

        A column of mixed kinds is text. So is one of whole numbers that do not fit into 64 bits, or into floats where
        other numbers are beside them, so that no number is changed.

        Args:
            nested: The form of nested objects and lists: Arrow structs and lists, or JSON text.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: A file cannot be read any more.
        """
        need(pyarrow)
        return pyarrow.Table.from_batches(self.batches(_checked(nested), BATCH_ROWS), self.schema(nested))

    def to_pandas(self, *, nested: Nested = "structs") -> "pandas.DataFrame":
        """Return the rows as a pandas data frame, with the columns of `to_arrow`. Structs are dictionaries.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: A file cannot be read any more.
        """
        need(pandas)
        arrow = self.to_arrow(nested=nested)
        nullable = {"int64": pandas.Int64Dtype(), "bool": pandas.BooleanDtype()}
        frame: pandas.DataFrame = arrow.to_pandas(types_mapper=lambda kind: nullable.get(str(kind)))
        return frame

    def to_polars(self, *, nested: Nested = "structs") -> "polars.DataFrame":
        """Return the rows as a polars data frame, with the columns of `to_arrow`.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: A file cannot be read any more.
        """
        need(polars)
        frame = polars.from_arrow(self.to_arrow(nested=nested))
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_parquet(self, path: str | Path, *, nested: Nested = "structs") -> Path:
        """Write the rows to a Parquet file with the columns of `to_arrow`, compressed with zstd, and return its path.

        The file is complete or not there. A file that was made of the same content before is left as it is.

        Raises:
            ConfigurationError: The extra `privateshare[data]` is not installed.
            OSError: The file cannot be written, or a file of the rows cannot be read any more.
        """
        need(parquet)
        target, fingerprint = Path(path), self.fingerprint(nested).encode()
        if parquet_fingerprint(target) == fingerprint:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        schema = self.schema(_checked(nested)).with_metadata({FINGERPRINT: fingerprint})
        with (
            replaced_file(target) as file,
            parquet.ParquetWriter(file, schema, compression=COMPRESSION) as writer,
        ):
            for batch in self.batches(nested, BATCH_ROWS):
                writer.write_batch(batch)
        return target

    def fingerprint(self, nested: Nested) -> str:
        """Return what identifies a file of these rows: the content that they are made of, and their form."""
        parts = (FORM, type(self).__name__, self.name, nested)
        return blake2b("\0".join(parts).encode("utf-8", "replace") + self.source(), digest_size=16).hexdigest()


def parquet_fingerprint(path: Path) -> bytes | None:
    """Return what a Parquet file of ours was made of; None if there is none, or if it is not ours."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        metadata: dict[bytes, bytes] = parquet.read_metadata(path).metadata or {}
    except (OSError, ValueError):
        return None
    return metadata.get(FINGERPRINT)


def check_available(form: str) -> None:
    """Raise ConfigurationError if the packages for a form of files are not installed, before work is done in vain."""
    need(parquet)
    if form == "duckdb":
        need(LazyModule("duckdb"))


def need(module: ModuleType, extra: Literal["data", "fhir"] = "data") -> None:
    """Import an optional module. Raise ConfigurationError if its extra is not installed."""
    try:
        load(module)
    except ModuleNotFoundError as error:
        hint = f"Install it: pip install 'privateshare[{extra}]'"
        raise ConfigurationError(f"This needs the package {module.__name__}", hint=hint) from error


def _checked(nested: Nested) -> Nested:
    if nested not in ("structs", "json"):
        raise ConfigurationError(f'nested must be "structs" or "json", not {nested!r}')
    return nested
