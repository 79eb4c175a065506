"""The counts of requests that all processes share, for the rate limits. The table is not logged, so it is fast."""

import time
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database
from privateshare.platform.db.tables import CallCountRow

KEPT_MINUTES = 5
WARNING_INTERVAL_SECONDS = 60.0

log = structlog.get_logger()


class CallCounts:
    """The shared counts in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._warned_at = -WARNING_INTERVAL_SECONDS

    async def add(self, caller: bytes, minute: int, number: int) -> tuple[int, int]:
        """Add requests to a caller's count of a minute. Return this count, and that of the minute before.

        Without the database only this process counts: the request itself will find out that the database is away.
        """
        new = insert(CallCountRow).values(caller=caller, minute=minute, number=number)
        before = select(CallCountRow.number).where(CallCountRow.caller == caller, CallCountRow.minute == minute - 1)
        added = new.on_conflict_do_update(
            index_elements=[CallCountRow.caller, CallCountRow.minute],
            set_={"number": CallCountRow.number + new.excluded.number},
        ).returning(CallCountRow.number, before.scalar_subquery())
        try:
            async with self._database.transaction() as db:
                total, last = (await db.execute(added)).one()
        except SQLAlchemyError as error:
            self._warn(error)
            return number, 0
        return total, last or 0

    def _warn(self, error: SQLAlchemyError) -> None:
        if time.monotonic() - self._warned_at >= WARNING_INTERVAL_SECONDS:
            self._warned_at = time.monotonic()
            log.warning("requests are counted by this process alone", error=type(error).__name__)


async def delete_old_counts(db: AsyncSession, now: datetime) -> None:
    """Delete the counts that no limit uses any more."""
    oldest = int((now - timedelta(minutes=KEPT_MINUTES)).astimezone(UTC).timestamp()) // 60
    await db.execute(delete(CallCountRow).where(CallCountRow.minute < oldest))
