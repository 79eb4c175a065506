"""Connections to PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from psycopg import AsyncConnection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

POOL_PATIENCE_SECONDS = 5  # for a connection that others use; then the answer is that it may work later
_AFTER_COMMIT = "after commit"  # the name of a list in a session's own information
CONNECTION_DEFAULTS = {  # libpq's own are minutes: who asks must learn soon that the database is away
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "5000",  # milliseconds
}


class Database:
    """A pool of connections, and sessions on it."""

    def __init__(self, url: str, pool_size: int) -> None:
        self.engine: AsyncEngine = create_async_engine(
            _with_defaults(url),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_PATIENCE_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # errors are logged, and what is stored must not be
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose work is committed at the end, or rolled back if an error passes.

        What was passed to `after_commit` is done before this ends, and its errors pass too.
        """
        async with self._sessions() as session:
            async with session.begin():
                yield session
            for work in session.info.pop(_AFTER_COMMIT, ()):
                await work()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncSession]:
        """A transaction that only reads, all of it as it was at one moment."""
        async with self.transaction() as session:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session that commits when it is told to, and else rolls back."""
        async with self._sessions() as session:
            yield session

    async def close(self) -> None:
        """Closes all connections."""
        await self.engine.dispose()


def after_commit(session: AsyncSession, work: Callable[[], Awaitable[None]]) -> None:
    """Have work done once the session's `transaction` is committed, and before whoever opened it goes on."""
    session.info.setdefault(_AFTER_COMMIT, []).append(work)


async def driver_connection(session: AsyncSession) -> AsyncConnection:
    """The psycopg connection under a session's transaction, for what speaks psycopg itself, such as the job queue."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    assert isinstance(driver, AsyncConnection)
    return driver


def _with_defaults(url: str) -> URL:
    given = make_url(url).set(drivername="postgresql+psycopg")
    return given.update_query_dict({name: v for name, v in CONNECTION_DEFAULTS.items() if name not in given.query})
