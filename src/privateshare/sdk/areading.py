"""A run of `read_all_files` for asyncio. The run itself has threads of its own, see `run.py`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from privateshare.sdk.results import ReadResult, ReadTimeout
from privateshare.sdk.run import Run
from privateshare.sdk.sinks import File


class AsyncReading:
    """A run of `read_all_files`: iterate over it for the files as they become ready, or wait for its `result`."""

    def __init__(self, begin: Callable[[Callable[[], object]], Run]) -> None:
        self._woken = asyncio.Event()
        self._run = begin(partial(_wake, asyncio.get_running_loop(), self._woken))  # without a way back to this handle
        self._run.end_without(self)

    async def __aiter__(self) -> AsyncIterator[File]:
        """Give each file as soon as it is ready.

        Raises:
            FilesNotRead: At the end, if any file could not be read and no `on_file_error` was given.
            ReadTimeout: The `timeout` of `read_all_files` has passed.
            SessionNeverStarted: The person declined, or did not consent in time.
        """
        while True:
            self._woken.clear()
            ended = self._run.ended.done()
            files = self._run.take()
            for file in files:
                yield file
            if not files and ended:
                break
            if not files:
                await self._woken.wait()
        self._run.check_complete()

    def stop_polling(self) -> None:
        """End it soon: no further file is begun, those under way are finished."""
        self._run.stop()

    async def result(self, timeout: float | None = None) -> ReadResult:  # noqa: ASYNC109 - as the blocking one has it
        """Wait for the end and return how it ended, files that failed included. Files that nobody took are let go.

        Args:
            timeout: The seconds to wait. The run goes on after that: wait again, or close it.

        Raises:
            ReadTimeout: These seconds have passed, or the `timeout` of `read_all_files`.
            SessionNeverStarted: The person declined, or did not consent in time.
        """
        self._run.discard()
        ended = asyncio.wrap_future(self._run.ended)
        try:
            await asyncio.wait([ended], timeout=timeout)
        except asyncio.CancelledError:
            ended.cancel()  # else asyncio complains of an error that nobody looked at
            self._run.abandon()
            raise
        if not ended.done():
            ended.cancel()
            raise ReadTimeout(f"Reading has not ended within {timeout:g} seconds", self._run.snapshot())
        return ended.result()

    async def close(self) -> None:
        """Stop, and wait until nothing runs any more; safe to call at any time."""
        self.stop_polling()
        await asyncio.wrap_future(self._run.finished)
        await self.result()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:  # which is what is raised, whatever else the run would raise now
            self._run.abandon()
            await asyncio.wrap_future(self._run.finished)


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(woken.set)
