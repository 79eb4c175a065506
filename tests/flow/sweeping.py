"""Waiting until what was erased is gone from the disk too."""

import asyncio

from sqlalchemy import func, select

from privateshare.platform.db.tables import BlobToDeleteRow
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sweep import sweep
from tests.patience import GIVE_UP_SECONDS


async def sweep_whole(platform: Platform) -> None:
    """Sweeps, and waits for what the running server sweeps: of two, the second passes over what the first has taken."""
    await sweep(platform)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while await _blobs_to_delete(platform):  # A row is deleted after its blobs.
            await asyncio.sleep(0.02)


async def _blobs_to_delete(platform: Platform) -> int:
    async with platform.database.session() as db:
        return await db.scalar(select(func.count()).select_from(BlobToDeleteRow)) or 0
