"""Tests of the limits of requests to sources, which all workers share."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.source_limits import SourceLimits, delete_old_uses
from privateshare.sources.contract import RequestLimit, SourceInfo, TryLater
from tests.flow.people import SPOTIFY

YEAR_SECONDS = 365 * 24 * 3600  # Its windows do not end while a test runs.


def source_of(platform: Platform, *limits: RequestLimit) -> SourceInfo:
    """Return a source with an id of its own, so that tests do not share counts."""
    info = platform.sources.connectable[SPOTIFY].info
    return replace(info, id=uuid4().int % 1_000_000_000, limits=limits)


def at(platform: Platform, info: SourceInfo) -> SourceLimits:
    """Return the limits as a worker has them that fetches another account."""
    return SourceLimits(platform.database, info, AccountRow(id=uuid4()))


async def test_workers_share_the_limit_of_a_client(platform: Platform) -> None:
    """Together they send as many requests as the source allows, and then none until the window ends."""
    info = source_of(platform, RequestLimit(10, YEAR_SECONDS))
    workers = [at(platform, info) for _ in range(4)]
    taken = await asyncio.gather(*(workers[number % 4].take() for number in range(25)), return_exceptions=True)
    refused = [one for one in taken if isinstance(one, TryLater)]
    assert len(taken) - len(refused) == 10
    assert all(0 < one.retry_after <= YEAR_SECONDS for one in refused)


async def test_accounts_have_limits_of_their_own(platform: Platform) -> None:
    info = source_of(platform, RequestLimit(2, YEAR_SECONDS, of_client=False))
    one, other = at(platform, info), at(platform, info)
    for _ in range(2):
        await one.take()
    with pytest.raises(TryLater):
        await one.take()
    await other.take()


async def test_a_window_that_has_ended_does_not_count(platform: Platform) -> None:
    info = source_of(platform, RequestLimit(1, 1))
    worker = at(platform, info)
    await worker.take()
    # The second may end in between once, and not twenty times.
    taken = await asyncio.gather(*(worker.take() for _ in range(20)), return_exceptions=True)
    assert any(isinstance(one, TryLater) for one in taken)
    await asyncio.sleep(1.1)
    await worker.take()


@pytest.mark.parametrize("of_client", [True, False])
async def test_a_requested_pause_applies_to_other_workers(platform: Platform, of_client: bool) -> None:
    """If the limit is that of the client id, other accounts of the source wait too. A shorter pause changes nothing."""
    info = source_of(platform, RequestLimit(1000, YEAR_SECONDS, of_client=of_client))
    one, other = at(platform, info), at(platform, info)
    await one.pause(500)
    await one.pause(5)
    for check in (one.check_pause, one.take):
        with pytest.raises(TryLater) as told:
            await check()
        assert 400 < told.value.retry_after <= 500
    if of_client:
        with pytest.raises(TryLater):
            await other.take()
    else:
        await other.take()


async def test_old_counts_are_deleted(platform: Platform) -> None:
    """Counts are kept as long as the longest window."""
    info = source_of(platform, RequestLimit(1, YEAR_SECONDS))
    worker = at(platform, info)
    await worker.take()
    async with platform.database.transaction() as db:
        await delete_old_uses(db, datetime.now(UTC), info.limits)
    with pytest.raises(TryLater):
        await worker.take()
    async with platform.database.transaction() as db:
        await delete_old_uses(db, datetime.now(UTC) + timedelta(days=800), info.limits)
    await worker.take()
