"""Statements that PostgreSQL prepares once for each connection, and that are then only sent their parameters.

A cursor of psycopg does the same, but looks up, counts, locks and converts more for each statement than PostgreSQL does
for a small one. Here the parts of psycopg below its cursors are used: libpq, and the conversion of values.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any, TypeVar

from psycopg import AsyncConnection, InternalError
from psycopg.abc import Buffer
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

MAX_PREPARED = (
    200  # Combined statements differ by the number of their parts, so there is no limit to how many there are.
)
# Somebody else has deallocated the statement, or a migration has changed the types of its columns.
OUT_OF_DATE = (InvalidSqlStatementName, FeatureNotSupported)
SUCCEEDED = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_PARAMETER = re.compile(rb"%\((\w+)\)s")

RowT = TypeVar("RowT")


class PreparedStatements:
    """The statements that are prepared on one connection, by their text and the types of their parameters.

    Behind a pooler they must not be kept: then each is sent as a whole.
    """

    def __init__(self, connection: AsyncConnection[Any], *, are_kept: bool) -> None:
        self._connection, self._are_kept = connection, are_kept
        self._names: dict[tuple[bytes, tuple[int, ...]], bytes] = {}
        self._numbers = count()
        self._values = Transformer(connection)  # It remembers how the types that it has seen are converted.

    async def run(self, sql: bytes, parameters: Mapping[str, object]) -> PGresult:
        """Run a statement with parameters such as `%(name)s`, and return its result."""
        numbered, names = _with_numbers(sql)
        values = self._values
        sent = values.dump_sequence([parameters[name] for name in names], [PyFormat.AUTO] * len(names))
        types, formats = values.types or (), values.formats
        if not self._are_kept:
            self._connection.pgconn.send_query_params(numbered, sent, types, formats)
            return await self._result()
        try:
            return await self._run_prepared(numbered, types, sent, formats)
        except OUT_OF_DATE:
            # The statement did nothing. Without this, it would fail for as long as the connection lives.
            if self._names.pop((numbered, types), None) is None or self._is_in_transaction:
                raise
            return await self._run_prepared(numbered, types, sent, formats)

    def rows(self, result: PGresult, make_row: Callable[[Sequence[Any]], RowT]) -> list[RowT]:
        """Return the rows of the result of the last statement."""
        self._values.set_pgresult(result)
        return self._values.load_rows(0, result.ntuples, make_row)

    async def command(self, sql: bytes) -> PGresult:
        """Run a statement without parameters that cannot be prepared, such as BEGIN."""
        self._connection.pgconn.send_query(sql)
        return await self._result()

    @property
    def _is_in_transaction(self) -> bool:
        return self._connection.pgconn.transaction_status != TransactionStatus.IDLE

    async def _run_prepared(
        self,
        sql: bytes,
        types: tuple[int, ...],
        sent: Sequence[Buffer | None],
        formats: Sequence[int] | None,
    ) -> PGresult:
        name = self._names.get((sql, types)) or await self._prepare(sql, types)
        self._connection.pgconn.send_query_prepared(name, sent, formats)
        return await self._result()

    async def _prepare(self, sql: bytes, types: tuple[int, ...]) -> bytes:
        if len(self._names) >= MAX_PREPARED:
            self._names.clear()  # This comes first: if the task is cancelled, PostgreSQL has none of them any more.
            await self.command(b"DEALLOCATE ALL")
        name = b"statement_%d" % next(self._numbers)
        self._connection.pgconn.send_prepare(name, sql, types)
        await self._result()
        self._names[sql, types] = name
        return name

    async def _result(self) -> PGresult:
        results: list[PGresult] = await self._connection.wait(execute(self._connection.pgconn))
        if not results:
            raise InternalError("PostgreSQL sent no result")
        result = results[-1]
        if result.status not in SUCCEEDED:
            raise error_from_result(result, encoding=self._connection.info.encoding)
        return result


@cache
def _with_numbers(sql: bytes) -> tuple[bytes, Sequence[str]]:
    """Replace the names of a statement's parameters by numbers. Return it, and the names in the order of these."""
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    numbered = _PARAMETER.sub(lambda found: b"$%d" % (names.index(found[1]) + 1), sql)
    return numbered, [name.decode() for name in names]
