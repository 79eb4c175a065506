"""SQL statements that are run by psycopg alone, for calls that apps make very often.

The ORM needs several times as much CPU time for a small query as PostgreSQL does.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Generic, NamedTuple, TypeVar

from privateshare.platform.db import queries

RowT = TypeVar("RowT", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Statement(Generic[RowT]):
    """The statement in `queries/{name}.sql`, and the type of its rows, whose fields are its columns in their order."""

    name: str
    row: type[RowT]

    @property
    def sql(self) -> bytes:
        """Return the text of the statement."""
        return _read(self.name)


@cache
def _read(name: str) -> bytes:
    return files(queries).joinpath(f"{name}.sql").read_bytes()
