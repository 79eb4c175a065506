"""What is read from an archive, as a part of a sync."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from privateshare.platform.sync.sync_run import AccountSync, check_may_fetch
from privateshare.sources.failures import LeftOut
from privateshare.sources.frames import EntryPage

SECONDS_BETWEEN_ACCESS_CHECKS = 0.5


async def pages_while_allowed(
    run: AccountSync, found: AsyncGenerator[EntryPage | LeftOut]
) -> AsyncGenerator[EntryPage]:
    """Yield the objects of an archive while the sync has time and may fetch, and report what is left out."""
    checked_at = 0.0
    async with aclosing(found) as pages:
        async for page in pages:
            run.require_time()
            if isinstance(page, LeftOut):
                run.left_out.add(page)
                continue
            if time.monotonic() > checked_at + SECONDS_BETWEEN_ACCESS_CHECKS:
                await check_may_fetch(run)
                checked_at = time.monotonic()
            yield page
