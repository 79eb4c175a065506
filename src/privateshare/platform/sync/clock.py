"""A check of the system clock, so that a wrong clock cannot delete data by its age.

The database stores the newest time at which expired data was deleted. A clock that differs from it by more than
MAX_CLOCK_JUMP is suspect, and nothing is deleted by age meanwhile. Once the clock is corrected, the next check trusts
it again. If the clock was right because the platform was off for a long time, it is trusted after TRUSTED_AFTER without
another jump.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ClockReadingRow

# Expired data is kept for as long as this, so that a jump within the limit deletes nothing that is still valid.
MAX_CLOCK_JUMP = timedelta(days=1)
TRUSTED_AFTER = timedelta(days=3)

ROW_ID = 1  # The table has a single row.

log = structlog.get_logger()


async def check_clock(db: AsyncSession, now: datetime) -> bool:
    """Return whether this time can be trusted, and store it."""
    await db.execute(insert(ClockReadingRow).values(id=ROW_ID, seen_at=now).on_conflict_do_nothing())
    known = await db.get_one(ClockReadingRow, ROW_ID, with_for_update=True)
    if _is_near(now, known.seen_at):
        known.seen_at, known.doubted_from, known.doubted_at = max(now, known.seen_at), None, None
        return True
    if known.doubted_from is None or known.doubted_at is None or not _is_near(now, known.doubted_at):
        known.doubted_from = now
    known.doubted_at = now
    if now - known.doubted_from >= TRUSTED_AFTER:
        log.warning("the clock was suspect and has run steadily since: it is trusted again", now=now.isoformat())
        known.seen_at, known.doubted_from, known.doubted_at = now, None, None
        return True
    log.error(
        "the clock is far from the newest time that the database knows: nothing is deleted by age; correct the clock",
        now=now.isoformat(),
        newest=known.seen_at.isoformat(),
        trusted_from=(known.doubted_from + TRUSTED_AFTER).isoformat(),
    )
    return False


async def is_clock_suspect(db: AsyncSession, now: datetime) -> bool:
    """Return whether this time is suspect, without storing it."""
    known = await db.get(ClockReadingRow, ROW_ID)
    return known is not None and not _is_near(now, known.seen_at)


def _is_near(one: datetime, other: datetime) -> bool:
    return abs(one - other) <= MAX_CLOCK_JUMP
