"""Finding rows of a library that was moved into another one since the caller learned its id."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from privateshare.platform.db.statements import RowT, Statement, StatementTransaction


class _LibraryNow(NamedTuple):
    library_id: UUID


FORMER_LIBRARY = Statement("former_library", _LibraryNow)


async def first_of_library(
    sql: StatementTransaction,
    statement: Statement[RowT],
    parameters: Mapping[str, object],
    *,
    library: str = "library_id",
    begin: bool = True,
) -> RowT | None:
    """Run a statement of a library, which is the parameter `library`, and return its first row.

    If there is none, look in the library into which that one was moved. Without `begin`, the transaction need not begin
    for it, since it only reads.
    """
    rows = sql.rows if begin else sql.read
    for found in await rows(statement, parameters):
        return found
    for moved in await rows(FORMER_LIBRARY, {"id": parameters[library]}):
        return next(iter(await rows(statement, {**parameters, library: moved.library_id})), None)
    return None
