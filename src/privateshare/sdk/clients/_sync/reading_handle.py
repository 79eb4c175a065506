# Generated from `sdk/clients/_async/reading_handle.py` by `make sync-client`. Do not edit.
"""The handle of a reading. The reading itself runs on threads of its own, see `reading/file_reader.py`."""

from collections.abc import Callable, Iterator
from time import monotonic
from types import TracebackType
from typing import Self

from privateshare.sdk.arguments import check_seconds, optional
from privateshare.sdk.concurrency.on_threads import INTERRUPTED, Signal, outcome
from privateshare.sdk.files.file import File
from privateshare.sdk.reading.file_reader import FileReader
from privateshare.sdk.reading.results import ReadResult, ReadTimeout


class Reading:
    """A reading that `read_all_files` started: iterate over it to get the files, or wait for its `result`."""

    def __init__(self, begin: Callable[[Callable[[], object]], FileReader]) -> None:
        # The reader must not refer to this handle, because it ends when the app drops the handle.
        self._changed = Signal()
        self._reader = begin(self._changed.set)
        self._reader.abandon_without(self)

    def __iter__(self) -> Iterator[File]:
        """Yield each file as soon as it is ready.

        Raises:
            FilesNotRead: At the end, if a file could not be read and there is no `on_file_error`.
            ReadTimeout: The `timeout` of `read_all_files` has passed.
            SessionNeverStarted: The person declined, or did not consent in time.
            PrivateShareError: The file list cannot be read.
            OSError: The folder `into` cannot be written to.
        """
        while True:
            changes, has_ended = self._changed.count, self._reader.result_known.done()
            files = self._reader.take()
            is_empty = not files
            while files:  # The handle keeps no reference to a file that the app has.
                yield files.pop(0)
            if is_empty and has_ended:
                break
            if is_empty:
                self._changed.wait_beyond(changes)
        self._reader.check_complete()

    def stop_polling(self) -> None:
        """End the reading soon: no further file is begun, and those that are being read are finished."""
        self._reader.stop()

    def result(self, timeout: float | None = None) -> ReadResult:
        """Wait for the end of the reading, and return its result with the files that failed.

        Files that are ready and that nobody took are dropped.

        Args:
            timeout: How many seconds to wait. The reading goes on after that: wait again, or close it.

        Raises:
            ReadTimeout: These seconds have passed, or the `timeout` of `read_all_files`.
            SessionNeverStarted: The person declined, or did not consent in time.
            PrivateShareError: The file list cannot be read.
            OSError: The folder `into` cannot be written to.
        """
        optional(check_seconds, "timeout", timeout)
        self._reader.discard()
        try:
            if not self._ends_within(timeout):
                raise ReadTimeout(f"Reading has not ended within {timeout:g} seconds", self._reader.snapshot())
        except INTERRUPTED:
            self._reader.abandon()
            raise
        return self._reader.result_known.result()

    def close(self) -> None:
        """Stop, and wait until no thread of the reading is left. It may be called at any time.

        Raises:
            PrivateShareError: What ended the reading early, as from `result`.
        """
        self.stop_polling()
        outcome(self._reader.threads_ended)
        self.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:  # This error is raised, so an error of the reading must not replace it.
            self._reader.abandon()
            outcome(self._reader.threads_ended)

    def _ends_within(self, seconds: float | None) -> bool:
        until = None if seconds is None else monotonic() + seconds
        while True:
            changes = self._changed.count
            if self._reader.result_known.done():
                return True
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                return False
            self._changed.wait_beyond(changes, left)
