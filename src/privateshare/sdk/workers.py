"""Worker threads for what takes processor time: signing, opening, decompressing. As many as there are cores."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="privateshare")


async def on_worker(work: Callable[[], T]) -> T:
    """The outcome of some work, done on a worker thread. OpenSSL lets go of the interpreter, so cores work at once."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), work)
