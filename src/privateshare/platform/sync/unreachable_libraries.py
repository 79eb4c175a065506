"""Libraries that nobody can open any more, and their end.

A browser proves for half a year after its last use whose a library is. Whoever has no other way to sign in, and does
not come back, can neither see nor erase their data afterwards. It must not stay for ever.
"""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import Select, exists, func, or_, select

from privateshare.platform.db.tables import (
    AccountRow,
    BrowserRow,
    ConsentRow,
    JourneyRow,
    LibraryRow,
    PasskeyRow,
    RecoveryCodeRow,
)
from privateshare.platform.grants.consent_events import announce_erasure
from privateshare.platform.library.erasure import erase_library, lock_for_erasure
from privateshare.platform.library.libraries import LibraryGone
from privateshare.platform.runtime import Platform

LIBRARIES_PER_SWEEP = 100

log = structlog.get_logger()


async def erase_unreachable(platform: Platform, now: datetime) -> int:
    """Erase libraries that nobody could open for the time that the operator set, and return their number.

    Apps are told, as with every erasure. Raises KeyStoreUnavailable and NotDestroyed.
    """
    unused_since = now - platform.settings.unreachable_retention
    async with platform.database.transaction() as db:
        found = list(await db.scalars(_unreachable(unused_since).limit(LIBRARIES_PER_SWEEP)))
    erased = 0
    for library_id in found:
        erased += await _erase(platform, library_id, unused_since, now)
    return erased


async def _erase(platform: Platform, library_id: UUID, unused_since: datetime, now: datetime) -> bool:
    async with platform.database.transaction() as db:
        try:
            await lock_for_erasure(db, library_id)
        except LibraryGone:
            return False
        still = await db.scalar(_unreachable(unused_since).where(LibraryRow.id == library_id))
        if still is None:  # Somebody signed in, or an app read, since the library was found.
            return False
        await announce_erasure(db, platform, library_id, now)
        await erase_library(db, platform, library_id)
    log.info("a library that nobody can open was erased", library=str(library_id))
    return True


def _unreachable(unused_since: datetime) -> Select[UUID]:
    """Find libraries that nothing proves to be somebody's, and in which nothing has happened since."""
    proofs = [exists().where(row.library_id == LibraryRow.id) for row in (BrowserRow, PasskeyRow, RecoveryCodeRow)]
    accounts = AccountRow.library_id == LibraryRow.id
    consents = ConsentRow.library_id == LibraryRow.id
    # The last consent also says how long the last browser has been gone: each consent adds or uses one.
    used = func.greatest(ConsentRow.created_at, ConsentRow.used_at, ConsentRow.revoked_at)
    in_use = [
        *proofs,
        exists().where(accounts, AccountRow.signed_in, AccountRow.unproven_on.is_(None)),
        exists().where(accounts, AccountRow.updated_at > unused_since),
        exists().where(consents, used > unused_since),
        exists().where(JourneyRow.library_id == LibraryRow.id, JourneyRow.undone_at.is_(None)),
    ]
    return select(LibraryRow.id).where(LibraryRow.created_at < unused_since, ~or_(*in_use)).order_by(LibraryRow.id)
