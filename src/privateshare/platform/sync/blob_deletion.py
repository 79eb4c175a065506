"""The lock that lets a backup copy all blobs of its snapshot before any of them is deleted."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

BACKUP_LOCK = 0x707362  # A backup holds this advisory lock alone; deletions of blobs share it.

_MAY_DELETE = text("SELECT pg_try_advisory_xact_lock_shared(:lock)")


async def may_delete_blobs(db: AsyncSession) -> bool:
    """Return whether blobs may be deleted. Then no backup begins to copy until this transaction ends."""
    return bool(await db.scalar(_MAY_DELETE, {"lock": BACKUP_LOCK}))
