"""The forms in which the command `read` writes what it has read."""

from enum import StrEnum


class Format(StrEnum):
    """The form in which `read` writes what it has read. All but JSON are tables beside the files of JSON."""

    JSON = "json"
    PARQUET = "parquet"
    DUCKDB = "duckdb"
    SQLITE = "sqlite"
