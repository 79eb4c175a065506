"""Calls to sources while a person waits: slow ones do not stop anything else."""

import asyncio
import threading
from contextlib import suppress

import pytest
from tests.patience import GIVE_UP_SECONDS

from privateshare.platform.library.source_calls import MAX_CALLS, call_source
from privateshare.sources.contract import TryLater


async def test_slow_sources_stop_nothing_else() -> None:
    """The process goes on, further people are asked to try again, and cancelled calls still count."""
    ended = threading.Event()
    calls = [asyncio.create_task(call_source(ended.wait, 60)) for _ in range(MAX_CALLS)]
    try:
        await asyncio.sleep(0)
        calls[0].cancel()
        assert await asyncio.to_thread(lambda: "read") == "read"
        with pytest.raises(TryLater):
            await call_source(lambda: "slow")
    finally:
        ended.set()
    assert await asyncio.gather(*calls[1:]) == [True] * (MAX_CALLS - 1)
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            with suppress(TryLater):  # The thread of the cancelled call may not have ended yet.
                assert await call_source(lambda: "works again") == "works again"
                break
            await asyncio.sleep(0.01)
