"""Whether the clock can be believed: nothing is deleted by a time that may be wrong.

The database remembers the newest time at which it was swept. A clock that is more than a day from it is doubted, and
nothing that is deleted by its age goes meanwhile. If the clock is set right, the next look believes it again. If it was
right, since the platform was off for long, it is believed once it has gone on for some days without another jump.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ClockReadingRow

LONGEST_JUMP = timedelta(days=1)  # what has expired is kept as long: within it nothing goes that is still good
BELIEVED_AFTER = timedelta(days=3)  # of going on steadily

ONLY = 1  # the id of the one row

log = structlog.get_logger()


async def check_clock(db: AsyncSession, now: datetime) -> bool:
    """Return whether this time can be believed, and remember it."""
    await db.execute(insert(ClockReadingRow).values(id=ONLY, seen_at=now).on_conflict_do_nothing())
    known = await db.get_one(ClockReadingRow, ONLY, with_for_update=True)
    if _is_near(now, known.seen_at):
        known.seen_at, known.doubted_from, known.doubted_at = max(now, known.seen_at), None, None
        return True
    if known.doubted_from is None or known.doubted_at is None or not _is_near(now, known.doubted_at):
        known.doubted_from = now
    known.doubted_at = now
    if now - known.doubted_from >= BELIEVED_AFTER:
        log.warning("the clock was doubted, and has gone on steadily: it is believed now", now=now.isoformat())
        known.seen_at, known.doubted_from, known.doubted_at = now, None, None
        return True
    log.error(
        "the clock is far from the newest time that the database knows: nothing is deleted by age; set the clock right",
        now=now.isoformat(),
        newest=known.seen_at.isoformat(),
        believed_from=(known.doubted_from + BELIEVED_AFTER).isoformat(),
    )
    return False


async def is_doubted(db: AsyncSession, now: datetime) -> bool:
    """Return whether this time is doubted, without remembering it."""
    known = await db.get(ClockReadingRow, ONLY)
    return known is not None and not _is_near(now, known.seen_at)


def _is_near(one: datetime, other: datetime) -> bool:
    return abs(one - other) <= LONGEST_JUMP
