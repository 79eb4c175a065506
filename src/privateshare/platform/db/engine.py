"""Connections to PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from select import POLLIN, poll
from time import perf_counter

from psycopg import AsyncConnection
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from privateshare.platform.db.slow_statements import log_slow_statements, note_statement
from privateshare.platform.db.statement_connections import StatementConnections
from privateshare.platform.db.statements import (
    CONNECTION_ERRORS,
    ResultT,
    Runnable,
    StatementTransaction,
    run_statement,
)
from privateshare.platform.db.watched_connection import WatchedConnection
from privateshare.platform.operating.settings import statement_connections

POOL_TIMEOUT_SECONDS = 5
_AFTER_COMMIT = "after commit"
# The defaults of libpq are minutes. A request must fail sooner when the database is not reachable.
CONNECTION_DEFAULTS = {
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",  # This setting is in milliseconds, the others are in seconds.
}


class Database:
    """A pool of connections to one database, and sessions that use it.

    Behind a pooler in transaction mode each transaction may be on another connection of PostgreSQL, so nothing may be
    kept on a connection: statements are not prepared.
    """

    def __init__(
        self, url: str, pool_size: int, *, has_pooler: bool = False, slow_statement_ms: int | None = None
    ) -> None:
        self.engine: AsyncEngine = create_async_engine(
            _with_defaults(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            connect_args={"prepare_threshold": None} if has_pooler else {},
            hide_parameters=True,  # Errors are logged, and stored values must not appear in logs.
        )
        event.listen(self.engine.sync_engine, "checkout", _refuse_lost_connection)
        self._slow_seconds = slow_statement_ms / 1000 if slow_statement_ms is not None else None
        if self._slow_seconds is not None:
            log_slow_statements(self.engine, self._slow_seconds)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._connections = StatementConnections(
            _with_defaults(url).set(drivername="postgresql").render_as_string(hide_password=False),
            statement_connections(pool_size),
            timeout_seconds=POOL_TIMEOUT_SECONDS,
            keeps_prepared=not has_pooler,
        )

    async def rows(self, statement: Runnable[ResultT], parameters: Mapping[str, object]) -> list[ResultT]:
        """Run a statement that only reads, on a connection of its own, and return its rows.

        It is repeated once if its connection was lost, such as by a restart of PostgreSQL.
        """
        try:
            return await self._rows(statement, parameters)
        except CONNECTION_ERRORS:
            self._connections.discard_free()
            return await self._rows(statement, parameters)

    async def _rows(self, statement: Runnable[ResultT], parameters: Mapping[str, object]) -> list[ResultT]:
        began, connection = perf_counter(), await self._connections.take()
        try:
            rows = await run_statement(connection, statement, parameters)
        finally:
            self._connections.give_back(connection)
        if self._slow_seconds is not None:
            note_statement(statement.sql.decode(), perf_counter() - began, self._slow_seconds)
        return rows

    def statements(self) -> "OpenStatements":
        """Open a transaction of named statements, which is committed at the end, or rolled back on an error.

        It costs a fifth of the CPU time of a session of the ORM. If its connection was lost before anything ran on it,
        such as by a restart of PostgreSQL, it runs on another one.
        """
        return OpenStatements(self._connections, self._slow_seconds)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a session that is committed at the end, or rolled back on an error.

        Work passed to `after_commit` runs before this returns, and its errors are raised.
        """
        session = self._sessions()
        try:
            yield session
            if session.in_transaction():  # Otherwise nothing used the session. That is cheap, and calls rely on it.
                await session.commit()
        finally:
            if session.in_transaction():
                await session.rollback()
            await session.close()
        for work in session.info.pop(_AFTER_COMMIT, ()):
            await work()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """Open a read-only transaction that sees the state of the database at one moment."""
        async with self.transaction() as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a session that the caller commits, and that is rolled back otherwise."""
        async with self._sessions() as session:
            yield session

    async def close(self) -> None:
        """Close all connections."""
        self._connections.close()
        await self.engine.dispose()


class OpenStatements:
    """The context of a transaction of named statements. It is no generator, since that would take longer."""

    def __init__(self, connections: StatementConnections, slow_seconds: float | None) -> None:
        self._connections, self._slow_seconds = connections, slow_seconds
        self._taken: list[WatchedConnection] = []

    async def __aenter__(self) -> StatementTransaction:
        connection = await self._take()
        self._transaction = StatementTransaction(connection, reconnect=self._reconnect, slow_seconds=self._slow_seconds)
        return self._transaction

    async def __aexit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        try:
            if error is None:
                await self._transaction.commit()
        finally:
            try:
                await self._transaction.rollback()  # After a commit, this does nothing.
            finally:
                for connection in self._taken:
                    self._connections.give_back(connection)

    async def _take(self) -> WatchedConnection:
        self._taken.append(await self._connections.take())
        return self._taken[-1]

    async def _reconnect(self) -> WatchedConnection:
        self._connections.discard_free()
        return await self._take()


def _refuse_lost_connection(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    """Have the pool replace a connection that PostgreSQL or the network closed while nothing used it.

    PostgreSQL sends nothing to an idle connection except that it ends, and keepalives find out about dead networks. So
    it is enough to look whether there is something to read: a query would cost as much as each of the others.
    """
    driver = connection.driver_connection
    assert isinstance(driver, AsyncConnection)
    if driver.closed:
        raise DisconnectionError("the connection is closed")
    received = poll()
    received.register(driver.fileno(), POLLIN)
    if received.poll(0):
        raise DisconnectionError("PostgreSQL has closed the connection")


def after_commit(session: AsyncSession, work: Callable[[], Awaitable[None]]) -> None:
    """Run work after the session's `transaction` is committed, before the `async with` block that opened it ends."""
    session.info.setdefault(_AFTER_COMMIT, []).append(work)


async def driver_connection(session: AsyncSession) -> AsyncConnection:
    """Return the psycopg connection of a session's transaction, for code that uses psycopg, such as the job queue."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, AsyncConnection)
    return driver


AnyTransaction = AsyncSession | StatementTransaction
"""A transaction, whether it was opened by `Database.transaction` or by `Database.statements`."""


async def statements_of(transaction: AnyTransaction) -> StatementTransaction:
    """Return a transaction as one in which named statements run.

    What a session of the ORM holds is written first. It does not notice what the statements change.
    """
    if isinstance(transaction, StatementTransaction):
        return transaction
    await transaction.flush()
    return StatementTransaction(await driver_connection(transaction), transaction)


def _with_defaults(url: str) -> URL:
    given = make_url(url).set(drivername="postgresql+psycopg")
    return given.update_query_dict({name: v for name, v in CONNECTION_DEFAULTS.items() if name not in given.query})
