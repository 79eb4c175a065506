"""Connections to PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

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
    """A pool of connections to one database, and sessions that use it."""

    def __init__(self, url: str, pool_size: int) -> None:
        self.engine: AsyncEngine = create_async_engine(
            _with_defaults(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # Errors are logged, and stored values must not appear in logs.
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a session that is committed at the end, or rolled back on an error.

        Work passed to `after_commit` runs before this returns, and its errors are raised.
        """
        async with self._sessions() as session:
            async with session.begin():
                yield session
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
        await self.engine.dispose()


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


def _with_defaults(url: str) -> URL:
    given = make_url(url).set(drivername="postgresql+psycopg")
    return given.update_query_dict({name: v for name, v in CONNECTION_DEFAULTS.items() if name not in given.query})
