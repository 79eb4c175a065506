"""A run of `read_all_files` for asyncio. The run itself has threads of its own, see `run.py`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Self

from privateshare.sdk.run import ReadResult, Run
from privateshare.sdk.sinks import File


class AsyncReading:
    """A run of `read_all_files`: iterate over it for the files as they become ready, or wait for its `result`."""

    def __init__(self, begin: Callable[[Callable[[], object]], Run]) -> None:
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._run = begin(self._wake)

    def stop_polling(self) -> None:
        """Ends it soon: no further file is begun, those under way are finished."""
        self._run.stop()

    async def result(self) -> ReadResult:
        """How it ended, once it has; files that nobody took are let go. Raises what ended it early."""
        self._run.discard()
        try:
            return await asyncio.wrap_future(self._run.ended)
        except asyncio.CancelledError:
            self._run.abandon()
            raise

    async def close(self) -> None:
        """Stops, and waits until nothing runs any more; safe to call at any time."""
        self.stop_polling()
        await self.result()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[File]:
        while True:
            self._woken.clear()
            ended = self._run.ended.done()
            files = self._run.take()
            for file in files:
                yield file
            if not files and ended:
                self._run.ended.result()
                return
            if not files:
                await self._woken.wait()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._woken.set)
