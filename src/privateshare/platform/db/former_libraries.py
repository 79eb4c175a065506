"""Finding rows of a library that was moved into another one since the caller learned its id."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from privateshare.platform.db.statements import RowT, Statement, StatementTransaction


class _LibraryNow(NamedTuple):
    library_id: UUID


FORMER_LIBRARY = Statement("former_library", _LibraryNow)


async def first_of_library(
    sql: StatementTransaction, statement: Statement[RowT], parameters: Mapping[str, object]
) -> RowT | None:
    """Run a statement of a library, `library_id`, and return its first row.

    If there is none, look in the library into which that one was moved.
    """
    found = await sql.first(statement, parameters)
    if found is not None:
        return found
    moved = await sql.first(FORMER_LIBRARY, {"id": parameters["library_id"]})
    return await sql.first(statement, {**parameters, **moved._asdict()}) if moved is not None else None
