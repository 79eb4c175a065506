"""Cleaning up: listed keys and blobs, expired rows, and finished jobs and syncs are deleted."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Delete, delete, exists, select
from sqlalchemy.orm import aliased

from privateshare.platform.db.call_counts import delete_old_counts
from privateshare.platform.db.tables import (
    AuthorizationCodeRow,
    BlobToDeleteRow,
    BrowserRow,
    JourneyRow,
    NonceRow,
    PasskeyChallengeRow,
    ReferenceRow,
    SessionRow,
    SessionSyncRow,
    SyncRow,
    TokenRow,
)
from privateshare.platform.db.usage_counts import delete_old_usage
from privateshare.platform.grants.tokens import MAX_REFRESH_DURATION
from privateshare.platform.keystore.store import KeyStoreUnavailable
from privateshare.platform.library.dropped_files import delete_old_parts
from privateshare.platform.library.erasure import delete_exports, destroy_listed_keys, write_journal
from privateshare.platform.library.undecided_accounts import undo_journey
from privateshare.platform.person.browsers import LIFETIME
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.blob_deletion import may_delete_blobs
from privateshare.platform.sync.clock import MAX_CLOCK_JUMP, check_clock
from privateshare.platform.sync.sessions import end_session
from privateshare.platform.sync.source_limits import delete_old_uses
from privateshare.platform.sync.unreachable_libraries import erase_unreachable
from privateshare.platform.webhooks.messages import delete_old_messages

ROWS_PER_TRANSACTION = 1000
JOURNEY_RETENTION = timedelta(days=1)
LINK_EXPIRED = "INVALID_CODE"  # This is the error code of an expired link in protocol 8.3.
# Expired rows are kept for a while. So the API can distinguish "expired" from "invalid", and a clock that is wrong by
# less than this deletes nothing that is still valid.
RETENTION_AFTER_EXPIRY = MAX_CLOCK_JUMP
RENEWAL_RETENTION = timedelta(days=365)  # An expired access token renews a lapsed grant (protocol 4.1, 4.4).
# Finished syncs and jobs are kept for so long that every session that joined a sync is recorded.
RETENTION_AFTER_END = timedelta(days=1)
EXPORT_LIFETIME = timedelta(days=7)
WEBHOOK_RETENTION = timedelta(days=30)

log = structlog.get_logger()


async def sweep(platform: Platform, now: datetime | None = None) -> None:
    """Clean up once. Nothing is deleted by its age while the clock is suspect."""
    moment = now or datetime.now(UTC)
    async with platform.database.transaction() as db:
        is_trusted = await check_clock(db, moment)
    if is_trusted:
        await _sweep_by_age(platform, moment)
    await delete_listed(platform)


async def _sweep_by_age(platform: Platform, now: datetime) -> None:
    await _sweep_rows(platform, now)
    try:
        await _sweep_journeys(platform, now)
    except KeyStoreUnavailable as error:
        log.error("unfinished journeys are not deleted yet: their keys cannot be destroyed now", reason=error.message)
    try:
        await erase_unreachable(platform, now)
    except KeyStoreUnavailable as error:
        log.error("libraries that nobody can open are not erased yet", reason=error.message)
    async with platform.database.transaction() as db:
        if await may_delete_blobs(db):
            await asyncio.to_thread(delete_old_parts, platform, now)
    async with platform.database.transaction() as db:
        await delete_old_messages(db, now - WEBHOOK_RETENTION)
    await platform.queue.job_manager.delete_old_jobs(
        nb_hours=RETENTION_AFTER_END // timedelta(hours=1),
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )


async def delete_listed(platform: Platform) -> None:
    """Destroy every listed key, record in the journal of erasures what is listed for it, delete every listed blob."""
    try:
        await destroy_listed_keys(platform)
    except KeyStoreUnavailable as error:
        log.error("keys of erased libraries are not destroyed yet; this is tried again", reason=error.message)
    try:
        await write_journal(platform)
    except KeyStoreUnavailable as error:
        log.error("erasures are not in the journal yet; this is tried again", reason=error.message)
    while await delete_some_blobs(platform) == ROWS_PER_TRANSACTION:
        pass


async def delete_some_blobs(platform: Platform) -> int:
    """Delete a batch of listed blobs, and return their number.

    The rows that list them are deleted afterwards, so that a crash in between forgets no blob. While a backup copies
    blobs, none is deleted.
    """
    async with platform.database.transaction() as db:
        if not await may_delete_blobs(db):
            return 0
        keys = list(
            await db.scalars(select(BlobToDeleteRow.key).limit(ROWS_PER_TRANSACTION).with_for_update(skip_locked=True))
        )
        await asyncio.to_thread(_delete_blobs, platform, keys)
        await db.execute(delete(BlobToDeleteRow).where(BlobToDeleteRow.key.in_(keys)))
    return len(keys)


def _delete_blobs(platform: Platform, keys: list[str]) -> None:
    platform.blobs.delete(key for key in keys if not key.endswith("/"))
    for prefix in keys:
        if prefix.endswith("/"):
            platform.blobs.delete_prefix(prefix)


async def _sweep_rows(platform: Platform, now: datetime) -> None:
    async with platform.database.transaction() as db:
        for short_lived in (NonceRow, PasskeyChallengeRow):
            await db.execute(delete(short_lived).where(short_lived.expires_at < now))
        await delete_old_counts(db, now)
        sources = platform.sources.connectable.values()
        await delete_old_uses(db, now, [limit for source in sources for limit in source.info.limits])
        await delete_old_usage(db, now)
        for table in (AuthorizationCodeRow, ReferenceRow, SessionRow):
            await db.execute(delete(table).where(table.expires_at < now - RETENTION_AFTER_EXPIRY))
        await db.execute(_delete_expired_tokens(now))
        await db.execute(delete(BrowserRow).where(BrowserRow.used_at < now - LIFETIME))
        await delete_exports(db, platform, now - EXPORT_LIFETIME, None)
        of_sync = (SessionSyncRow.library_id == SyncRow.library_id, SessionSyncRow.sync_id == SyncRow.id)
        over = delete(SyncRow).where(SyncRow.finished_at < now - RETENTION_AFTER_END)
        # A session shows the outcomes of its syncs, so they are kept until the session is deleted.
        await db.execute(over.where(~exists().where(*of_sync)))


def _delete_expired_tokens(now: datetime) -> Delete:
    """Build the deletion of expired tokens, except the last access token of each family, which renews a lapsed grant.

    Parallel refreshes (protocol 4.3) create several tokens at about the same time. All of them count as the last one,
    because the client may hold any of them.
    """
    newer = aliased(TokenRow)
    followed = exists().where(
        newer.library_id == TokenRow.library_id,
        newer.family_id == TokenRow.family_id,
        newer.use == TokenRow.use,
        newer.expires_at > TokenRow.expires_at + MAX_REFRESH_DURATION,
    )
    renews = (
        (TokenRow.use == "access") & TokenRow.revoked_at.is_(None) & (TokenRow.expires_at >= now - RENEWAL_RETENTION)
    )
    return delete(TokenRow).where(TokenRow.expires_at < now - RETENTION_AFTER_EXPIRY, followed | ~renews)


async def _sweep_journeys(platform: Platform, now: datetime) -> None:
    """Erase what expired journeys created that were not finished, and delete journeys that expired long ago.

    A journey is kept for a day after it expired, so that its pages can say so and name the app to return to.
    """
    async with platform.database.transaction() as db:
        old = (JourneyRow.undone_at.is_not(None), JourneyRow.expires_at < now - JOURNEY_RETENTION)
        await db.execute(delete(JourneyRow).where(*old))
    swept = ROWS_PER_TRANSACTION
    while swept == ROWS_PER_TRANSACTION:
        async with platform.database.transaction() as db:
            over = (
                select(JourneyRow)
                .where(JourneyRow.expires_at < now, JourneyRow.undone_at.is_(None))
                .limit(ROWS_PER_TRANSACTION)
                .with_for_update(skip_locked=True)
            )
            journeys = list(await db.scalars(over))
            for journey in journeys:
                if journey.finished_at is None:
                    await undo_journey(db, platform, journey)
                    await end_session(db, journey.session_id, LINK_EXPIRED)
                journey.undone_at = now
        swept = len(journeys)
