"""Waiting until what was erased is gone from the disk too, and recorded."""

import asyncio

from sqlalchemy import func, select

from privateshare.platform.db.tables import BlobToDeleteRow, KeyToDestroyRow, UnjournaledRow
from privateshare.platform.library.erasure import destroy_listed_keys, write_journal
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sweep import sweep
from tests.patience import GIVE_UP_SECONDS


async def sweep_whole(platform: Platform) -> None:
    """Sweeps, and waits for what the running server sweeps: of two, the second passes over what the first has taken."""
    await sweep(platform)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while await _blobs_to_delete(platform):  # A row is deleted after its blobs.
            await asyncio.sleep(0.02)


async def record_erasures(platform: Platform) -> None:
    """Destroy all listed keys, and record all erasures in the journal.

    Waits for what the running server takes of them: this process passes over it.
    """
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            await destroy_listed_keys(platform)
            await write_journal(platform)
            if not await _erasures_to_record(platform):
                return
            await asyncio.sleep(0.02)


async def _erasures_to_record(platform: Platform) -> int:
    async with platform.database.session() as db:
        counts = [select(func.count()).select_from(table) for table in (KeyToDestroyRow, UnjournaledRow)]
        return sum([await db.scalar(count) or 0 for count in counts])


async def _blobs_to_delete(platform: Platform) -> int:
    async with platform.database.session() as db:
        return await db.scalar(select(func.count()).select_from(BlobToDeleteRow)) or 0
