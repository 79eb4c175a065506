"""The audit log: whether its chain is whole, and whether entries still get into it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.audit.verification import verify_log
from privateshare.platform.db.tables import AuditEntryRow
from privateshare.platform.diagnosis.findings import Finding, State
from privateshare.platform.runtime import Platform

AUDIT_LOG = "audit log"
LONG_WAIT = timedelta(minutes=10)


async def audit_log(db: AsyncSession, platform: Platform) -> Finding:
    """Verify the whole audit log."""
    found = await verify_log(db, platform.master_key)
    if found.problems:
        more = f", and {len(found.problems) - 1} more" if found.problems[1:] else ""
        advice = "Run privateshare audit verify with saved heads, and find out who can write to the database"
        return Finding(State.PROBLEM, AUDIT_LOG, f"{found.problems[0]}{more}", advice)
    waiting = select(func.min(AuditEntryRow.created_at)).where(AuditEntryRow.number.is_(None))
    oldest = await db.scalar(waiting)
    if oldest is not None and datetime.now(UTC) - oldest > LONG_WAIT:
        advice = "Look at the log: a serving process appends them every few seconds"
        return Finding(
            State.PROBLEM, AUDIT_LOG, f"{found.waiting} entries wait since {oldest:%Y-%m-%d %H:%M} UTC", advice
        )
    return Finding(State.OK, AUDIT_LOG, f"{found.entries} entries, none was changed")
