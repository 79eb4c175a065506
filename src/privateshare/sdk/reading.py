"""A run of `read_all_files` as an app holds it. For asyncio see `areading.py`; the run itself is in `run.py`."""

import concurrent.futures
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from privateshare.sdk.results import ReadResult, ReadTimeout
from privateshare.sdk.run import Run
from privateshare.sdk.sinks import File


class Reading:
    """A run of `read_all_files`: iterate over it for the files as they become ready, or wait for its `result`."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._run.end_without(self)

    def __iter__(self) -> Iterator[File]:
        """Give each file as soon as it is ready.

        Raises:
            FilesNotRead: At the end, if any file could not be read and no `on_file_error` was given.
            ReadTimeout: The `timeout` of `read_all_files` has passed.
            SessionNeverStarted: The person declined, or did not consent in time.
        """
        while files := self._run.wait():
            yield from files
        self._run.check_complete()

    def stop_polling(self) -> None:
        """End it soon: no further file is begun, those under way are finished."""
        self._run.stop()

    def result(self, timeout: float | None = None) -> ReadResult:
        """Wait for the end and return how it ended, files that failed included. Files that nobody took are let go.

        Args:
            timeout: The seconds to wait. The run goes on after that: wait again, or close it.

        Raises:
            ReadTimeout: These seconds have passed, or the `timeout` of `read_all_files`.
            SessionNeverStarted: The person declined, or did not consent in time.
        """
        self._run.discard()
        ended = self._run.ended
        try:
            concurrent.futures.wait([ended], timeout=timeout)
        except KeyboardInterrupt:
            self._run.abandon()
            raise
        if not ended.done():
            raise ReadTimeout(f"Reading has not ended within {timeout:g} seconds", self._run.snapshot())
        return ended.result()

    def close(self) -> None:
        """Stop, and wait until nothing runs any more; safe to call at any time."""
        self.stop_polling()
        self._run.finished.result()
        self.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:  # which is what is raised, whatever else the run would raise now
            self._run.abandon()
            self._run.finished.result()
