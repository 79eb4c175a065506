"""Reports and metrics that read from a replica of the database, so that the primary has less to do.

What decides about anything is never read from it: consents, tokens, contracts and limits must not be late. A report is
read from the replica only once that has everything that the primary had when the report began.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Literal, NamedTuple, TypeVar

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database

POOL_SIZE = 2
MAX_WAIT_SECONDS = 1.0  # A replica in the same place is some milliseconds late.
LOOK_SECONDS = 0.02
PAUSE_SECONDS = 15.0  # A replica that does not respond is not used again for this long.
# Return how far the primary has written durably, and which cluster of databases it is. What was inserted after that and
# is no commit may stay in memory for long, so no replica would have it.
_WRITTEN = text("SELECT pg_current_wal_flush_lsn()::text, system_identifier FROM pg_control_system()")
# Return whether a server is a replica of this cluster, and whether it has everything up to a position.
_REPLAYED = text(
    "SELECT pg_is_in_recovery() AND system_identifier = :cluster, pg_last_wal_replay_lsn() >= CAST(:written AS pg_lsn) "
    "FROM pg_control_system()"
)

T = TypeVar("T")
Answering = Literal["primary", "replica"]
Work = Callable[[AsyncSession], Awaitable[T]]

log = structlog.get_logger()


class WrittenPosition(NamedTuple):
    """How far a primary has written, and its cluster."""

    position: str
    cluster: int


class NotCurrent(Exception):
    """The replica cannot be used now, for the reason in its text."""


class ReportDatabase:
    """The database for reports: the replica if the settings name one and it is current, or else the primary.

    Args:
        primary: The database that is written to.
        replica_url: The URL of its replica.
        count: A function that is told which of the two answered, if there is a replica.
    """

    def __init__(self, primary: Database, replica_url: str | None, count: Callable[[Answering], None]) -> None:
        self._primary, self._count = primary, count
        self._replica = Database(replica_url, POOL_SIZE, has_pooler=True) if replica_url is not None else None
        self._not_before = 0.0

    async def read(self, work: Work[T]) -> T:
        """Run `work`, which only reads, in a transaction of the replica or of the primary, and return its result.

        If the replica fails meanwhile, `work` runs again on the primary.
        """
        if self._replica is not None and monotonic() >= self._not_before:
            async with self._primary.transaction() as db:
                written = WrittenPosition(*(await db.execute(_WRITTEN)).one())
            try:
                result = await _read(self._replica, written, work)
            except (NotCurrent, SQLAlchemyError, TimeoutError, OSError) as error:
                self._not_before = monotonic() + PAUSE_SECONDS
                reason = str(error) if isinstance(error, NotCurrent) else type(error).__name__
                log.warning("a report is read from the primary, since the replica cannot be used", reason=reason)
            else:
                self._count("replica")
                return result
        if self._replica is not None:
            self._count("primary")
        async with self._primary.transaction() as db:
            return await work(db)

    async def close(self) -> None:
        """Close the connections to the replica."""
        if self._replica is not None:
            await self._replica.close()


async def _read(replica: Database, written: WrittenPosition, work: Work[T]) -> T:
    async with replica.transaction() as db:
        # Each statement sees what was replayed before it, since the isolation level is READ COMMITTED. All are in one
        # transaction, since the URL may lead to several replicas.
        async with asyncio.timeout(2 * MAX_WAIT_SECONDS):
            await _until_current(db, written)
        return await work(db)


async def _until_current(db: AsyncSession, written: WrittenPosition) -> None:
    """Wait until a replica has everything up to a position. Raises NotCurrent."""
    give_up = monotonic() + MAX_WAIT_SECONDS
    while True:
        is_ours, is_current = (
            await db.execute(_REPLAYED, {"cluster": written.cluster, "written": written.position})
        ).one()
        if not is_ours:
            raise NotCurrent("it is no replica of this database")
        if is_current:
            return
        if monotonic() > give_up:
            raise NotCurrent("it is behind the primary")
        await asyncio.sleep(LOOK_SECONDS)
