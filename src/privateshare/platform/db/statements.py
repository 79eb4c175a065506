"""SQL statements that are run by psycopg alone, for calls that apps make very often.

The ORM needs several times as much CPU time for a small query as PostgreSQL does.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from time import perf_counter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from psycopg import AsyncConnection, InterfaceError, InternalError, OperationalError
from psycopg.errors import InFailedSqlTransaction
from psycopg.rows import args_row
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db import queries
from privateshare.platform.db.slow_statements import note_statement
from privateshare.platform.db.watched_connection import WatchedConnection

# The connection was lost, or the server cannot do now what was asked. psycopg raises InternalError if a connection ends
# between two results, and if a server that was the primary does not write any more.
CONNECTION_ERRORS = (OperationalError, InterfaceError, InternalError)

RowT = TypeVar("RowT", bound=NamedTuple)
FirstT = TypeVar("FirstT", bound=NamedTuple)
ResultT = TypeVar("ResultT", covariant=True)


@dataclass(frozen=True, slots=True)
class Statement(Generic[RowT]):
    """The statement in `queries/{name}.sql`, and the type of its rows, whose fields are its columns in their order."""

    name: str
    row: type[RowT]

    @property
    def sql(self) -> bytes:
        """Return the text of the statement."""
        return _read(self.name)


class Runnable(Protocol[ResultT]):
    """A statement with the function that makes a result of the columns of a row."""

    @property
    def sql(self) -> bytes:
        """Return the text of the statement."""
        ...

    @property
    def row(self) -> Callable[..., ResultT]:
        """Return the function."""
        ...


@dataclass(frozen=True, slots=True)
class CallerWith(Generic[FirstT, RowT]):
    """The statement that finds the rows of a call, and one that reads something else, for example about the consent.

    Both run as one, which takes half the time of two. Each row of the second has the row of the first before it. If the
    second has none, there is one row with None.
    """

    caller: Statement[FirstT]
    other: Statement[RowT]

    @property
    def sql(self) -> bytes:
        """Return the text of both as one statement."""
        return _caller_with(self.caller.name, self.other.name)

    def row(self, *columns: Any) -> tuple[FirstT, RowT | None]:
        """Make both rows of the columns. No row of the second begins with NULL."""
        first, second = columns[: self._split], columns[self._split :]
        return self.caller.row(*first), None if second[0] is None else self.other.row(*second)

    @property
    def _split(self) -> int:
        return len(self.caller.row._fields)


@cache
def _caller_with(caller: str, other: str) -> bytes:
    of_consent = _read(other)
    for column in (b"consent_id", b"library_id", b"session_id"):
        of_consent = of_consent.replace(b"%%(%b)s" % column, b"caller.%b" % column)
    return b"WITH caller AS (%b) SELECT * FROM caller LEFT JOIN LATERAL (%b) AS other ON true" % (
        _read(caller),
        of_consent,
    )


@cache
def _read(name: str) -> bytes:
    return files(queries).joinpath(f"{name}.sql").read_bytes()


class NoRows(NamedTuple):
    """The type of the rows of a statement that returns none."""


async def run_statement(
    connection: AsyncConnection[Any], statement: Runnable[ResultT], parameters: Mapping[str, object]
) -> list[ResultT]:
    """Run a statement on a connection, and return its rows."""
    make_row = statement.row
    if isinstance(connection, WatchedConnection):
        result = await connection.statements.run(statement.sql, parameters)
        return connection.statements.rows(result, lambda columns: make_row(*columns))
    cursor = connection.cursor(row_factory=args_row(make_row))
    await cursor.execute(statement.sql, parameters)
    return await cursor.fetchall()


async def _run(
    connection: AsyncConnection[Any], sql: bytes, parameters: Mapping[str, object] | None = None
) -> bytes | None:
    """Run a statement that returns no rows, and return PostgreSQL's word for what it did."""
    if not isinstance(connection, WatchedConnection):
        status = (await connection.cursor().execute(sql, parameters)).statusmessage
        return status.encode() if status is not None else None
    if parameters is None:
        return (await connection.statements.command(sql)).command_status
    return (await connection.statements.run(sql, parameters)).command_status


@cache
def combined(names: tuple[str, ...]) -> bytes:
    """Combine statements that only write into one, in which each parameter has the number of its statement before it.

    PostgreSQL runs all of them or none, and checks foreign keys after the last one. A statement may use what one before
    it returns, by its name.
    """
    parts = (
        b"%s AS (%s)"
        % (
            name.encode() if names.index(name) == number else b"%s_%d" % (name.encode(), number),
            _read(name).replace(b"%(", b"%%(%d_" % number),
        )
        for number, name in enumerate(names)
    )
    return b"WITH " + b", ".join(parts) + b" SELECT"


class StatementTransaction:
    """A transaction in which named statements run. It begins with the first statement whose result somebody needs.

    `session` is the one of the ORM that it is of, if there is one. `reconnect` opens another connection in place of one
    that was lost.
    """

    def __init__(
        self,
        connection: AsyncConnection[Any],
        session: AsyncSession | None = None,
        reconnect: Callable[[], Awaitable[AsyncConnection[Any]]] | None = None,
        slow_seconds: float | None = None,
    ) -> None:
        self.connection, self._session, self._reconnect = connection, session, reconnect
        self._slow_seconds = slow_seconds
        self._has_begun, self._has_ended = session is not None, False
        self._writes: list[tuple[Statement[NoRows], Mapping[str, object]]] = []

    async def rows(self, statement: Runnable[ResultT], parameters: Mapping[str, object]) -> list[ResultT]:
        """Run a statement, and return its rows."""
        await self.begin()
        return await self.read(statement, parameters)

    async def read(self, statement: Runnable[ResultT], parameters: Mapping[str, object]) -> list[ResultT]:
        """Run a statement that only reads and locks nothing, and return its rows. The transaction need not begin."""
        began = perf_counter()
        rows = await run_statement(self.connection, statement, parameters)
        self._note(statement.sql, began)
        return rows

    async def first(self, statement: Statement[RowT], parameters: Mapping[str, object]) -> RowT | None:
        """Run a statement, and return its first row, if there is one."""
        rows = await self.rows(statement, parameters)
        return rows[0] if rows else None

    async def write(self, statement: Statement[NoRows], parameters: Mapping[str, object]) -> None:
        """Write something at the end of the transaction: then all writes run as one statement.

        In a session of the ORM, which can read it before, it is written at once.
        """
        self._writes.append((statement, parameters))
        if self._session is not None:
            await self.write_now()

    async def write_now(self) -> None:
        """Begin the transaction, and write what waits, since a statement that follows reads it or refers to it."""
        await self.begin()
        await self._write()

    @property
    def has_begun(self) -> bool:
        """Return whether the transaction has begun. Otherwise it can go on after a statement that failed."""
        return self._has_begun

    async def begin(self) -> None:
        """Begin the transaction, if it has not begun."""
        if not self._has_begun:
            self._has_begun = True
            await self._execute(b"BEGIN")

    async def commit(self) -> None:
        """Commit at once, even if the caller raises an error next. Nothing may run in the transaction after this."""
        if self._has_ended:
            return
        await self._write()
        self._has_ended = True
        if self._session is not None:
            await self._session.commit()
        elif self._has_begun:
            done = await _run(self.connection, b"COMMIT")
            if done != b"COMMIT":  # PostgreSQL answers a commit after an error with a rollback.
                raise InFailedSqlTransaction("the transaction failed before it was committed")

    async def rollback(self) -> None:
        """Take everything back, unless it was committed. A connection that was lost has done so itself."""
        if self._has_begun and not self._has_ended:
            self._has_ended = True
            with suppress(*CONNECTION_ERRORS):
                await _run(self.connection, b"ROLLBACK")

    async def _write(self) -> None:
        writes, self._writes = self._writes, []
        if len(writes) == 1:
            await self._execute(writes[0][0].sql, writes[0][1])
        elif writes:
            values = {f"{number}_{name}": v for number, (_, part) in enumerate(writes) for name, v in part.items()}
            await self._execute(combined(tuple(statement.name for statement, _ in writes)), values)

    async def _execute(self, sql: bytes, parameters: Mapping[str, object] | None = None) -> None:
        """Run a statement. If its connection was lost, and nothing ran on it before, it runs on another one."""
        is_first, began = sql == b"BEGIN" or not self._has_begun, perf_counter()
        try:
            await _run(self.connection, sql, parameters)
            self._note(sql, began)
        except CONNECTION_ERRORS:
            if not is_first or not self.connection.closed or self._reconnect is None:
                raise
            self.connection = await self._reconnect()
            await _run(self.connection, sql, parameters)

    def _note(self, sql: bytes, began: float) -> None:
        if self._slow_seconds is not None:
            note_statement(sql.decode(), perf_counter() - began, self._slow_seconds)
