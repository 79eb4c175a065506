"""Calls to sources while a person waits, in threads of their own.

Anybody can name a server that answers slowly. In the threads that the rest of the process uses, a few such calls would
keep everybody from reading files.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from privateshare.sources.contract import TryLater

MAX_CALLS = 32

ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")

_threads = ThreadPoolExecutor(MAX_CALLS, "source-calls")
_in_progress: set["asyncio.Future[Any]"] = set()


async def call_source(
    function: Callable[ParametersT, ResultT], *args: ParametersT.args, **kwargs: ParametersT.kwargs
) -> ResultT:
    """Call a function of a source that blocks.

    Raises:
        TryLater: Too many such calls are in progress. Also raises what the function raises.
    """
    if len(_in_progress) >= MAX_CALLS:
        raise TryLater("too many sources are slow at the moment")
    called = partial(copy_context().run, partial(function, *args, **kwargs))
    call = asyncio.get_running_loop().run_in_executor(_threads, called)
    _in_progress.add(call)
    call.add_done_callback(_in_progress.discard)
    return await asyncio.shield(call)  # Its thread is in use until it ends, even if the request was cancelled.
