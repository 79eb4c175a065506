"""Taking out what is over: keys and blobs that are listed for it, rows that have expired, jobs and syncs that ended."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Delete, delete, exists, select
from sqlalchemy.orm import aliased

from privateshare.platform.db.tables import (
    AuthorizationCodeRow,
    BlobToDeleteRow,
    JourneyRow,
    NonceRow,
    ReferenceRow,
    SessionRow,
    SessionSyncRow,
    SyncRow,
    TokenRow,
)
from privateshare.platform.grants.tokens import MAX_REFRESH_DURATION
from privateshare.platform.keystore.store import KeyStoreUnavailable
from privateshare.platform.library.erasure import destroy_listed_keys, undo_journey
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.clock import LONGEST_JUMP, check_clock
from privateshare.platform.sync.sessions import end_session

BATCH = 1000
LINK_EXPIRED = "INVALID_CODE"  # protocol 8.3
# "is expired" can be told apart from "is invalid" for a while, and a clock that is wrong by less deletes nothing good.
KEPT_AFTER_EXPIRY = LONGEST_JUMP
KEPT_FOR_RENEWAL = timedelta(days=365)  # an expired access token renews a lapsed grant (protocol 4.1, 4.4)
KEPT_AFTER_END = timedelta(days=1)  # syncs and jobs; a session that just joined a sync has long been recorded

log = structlog.get_logger()


async def sweep(platform: Platform, now: datetime | None = None) -> None:
    """One round. What is deleted by its age stays while the clock is doubted."""
    moment = now or datetime.now(UTC)
    async with platform.database.transaction() as db:
        believed = await check_clock(db, moment)
    if believed:
        await _sweep_by_age(platform, moment)
    await delete_listed(platform)


async def _sweep_by_age(platform: Platform, now: datetime) -> None:
    await _sweep_rows(platform, now)
    try:
        await _sweep_journeys(platform, now)
    except KeyStoreUnavailable as error:
        log.error("journeys that nobody finished wait: their keys cannot be destroyed now", reason=error.message)
    await platform.queue.job_manager.delete_old_jobs(
        nb_hours=KEPT_AFTER_END // timedelta(hours=1),
        include_failed=True,
        include_cancelled=True,
        include_aborted=True,
    )


async def delete_listed(platform: Platform) -> None:
    """Destroy every listed key, and delete every listed blob."""
    try:
        await destroy_listed_keys(platform)
    except KeyStoreUnavailable as error:
        log.error("keys of erased libraries are not destroyed yet; this is tried again", reason=error.message)
    while await sweep_blobs(platform) == BATCH:
        pass


async def sweep_blobs(platform: Platform) -> int:
    """Delete some listed blobs, and return how many rows that took. A row goes after its blobs: a crash loses none."""
    async with platform.database.transaction() as db:
        keys = list(await db.scalars(select(BlobToDeleteRow.key).limit(BATCH).with_for_update(skip_locked=True)))
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
        await db.execute(delete(NonceRow).where(NonceRow.expires_at < now))
        for table in (AuthorizationCodeRow, ReferenceRow, SessionRow):
            await db.execute(delete(table).where(table.expires_at < now - KEPT_AFTER_EXPIRY))
        await db.execute(_over_tokens(now))
        of_sync = (SessionSyncRow.library_id == SyncRow.library_id, SessionSyncRow.sync_id == SyncRow.id)
        over = delete(SyncRow).where(SyncRow.finished_at < now - KEPT_AFTER_END)
        await db.execute(over.where(~exists().where(*of_sync)))  # what a session shows of it goes with the session


def _over_tokens(now: datetime) -> Delete:
    """Expired tokens, but for the last access token of each family: with it a person's lapsed grant is renewed.

    Tokens of one refresh that many downloads asked for at once (protocol 4.3) count as one: a client holds any of them.
    """
    newer = aliased(TokenRow)
    followed = exists().where(
        newer.family_id == TokenRow.family_id,
        newer.use == TokenRow.use,
        newer.expires_at > TokenRow.expires_at + MAX_REFRESH_DURATION,
    )
    renews = (
        (TokenRow.use == "access") & TokenRow.revoked_at.is_(None) & (TokenRow.expires_at >= now - KEPT_FOR_RENEWAL)
    )
    return delete(TokenRow).where(TokenRow.expires_at < now - KEPT_AFTER_EXPIRY, followed | ~renews)


async def _sweep_journeys(platform: Platform, now: datetime) -> None:
    """A journey that nobody finished takes with it what it brought about."""
    swept = BATCH
    while swept == BATCH:
        async with platform.database.transaction() as db:
            over = select(JourneyRow).where(JourneyRow.expires_at < now).limit(BATCH).with_for_update(skip_locked=True)
            journeys = list(await db.scalars(over))
            for journey in journeys:
                if journey.finished_at is None:
                    await undo_journey(db, platform, journey)
                    await end_session(db, journey.session_id, LINK_EXPIRED)
                await db.delete(journey)
        swept = len(journeys)
