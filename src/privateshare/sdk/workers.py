"""Between threads and an event loop: heavy work off the loop, and an app's callbacks, plain or coroutine functions."""

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import TypeVar

T = TypeVar("T")


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="privateshare")


async def on_worker(work: Callable[[], T]) -> T:
    """The outcome of some work, done on a worker thread. OpenSSL lets go of the interpreter, so cores work at once.

    Whoever is cancelled meanwhile still waits for it: what it works on must not be taken away from under it.
    """
    future = asyncio.get_running_loop().run_in_executor(_pool(), work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise


async def finished(told: Awaitable[T] | T) -> T:
    """What a callback returned, or what came of that if it was a coroutine function."""
    return await told if inspect.isawaitable(told) else told


async def finish(told: object) -> None:
    """Waits for what a callback returned, if it was a coroutine function."""
    if inspect.isawaitable(told):
        await told


def on_loop(callback: Callable[[T], object] | None) -> Callable[[T], object] | None:
    """The callback for threads to call; if it is a coroutine function it runs on the loop that runs now."""
    return None if callback is None else partial(_tell, asyncio.get_running_loop(), callback)


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[T], object], value: T) -> None:
    told = callback(value)
    if inspect.isawaitable(told):
        asyncio.run_coroutine_threadsafe(finish(told), loop).result()
