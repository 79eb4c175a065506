"""How long tests wait for what must come: a condition, never a time that usually is enough.

The limit is only there to end a test of something broken. It is far beyond what a machine needs that is busy with
other things.
"""

import asyncio
import time
from collections.abc import Callable

GIVE_UP_SECONDS = 300
LOOK_SECONDS = 0.1  # Looking takes CPU, which what is waited for needs.


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(LOOK_SECONDS)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, and let others work meanwhile."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while not condition():
            await asyncio.sleep(LOOK_SECONDS)
