"""A run of `read_all_files` as an app holds it. For asyncio see `areading.py`; the run itself is in `run.py`."""

from collections.abc import Iterator
from typing import Self

from privateshare.sdk.run import ReadResult, Run
from privateshare.sdk.sinks import File


class Reading:
    """A run of `read_all_files`: iterate over it for the files as they become ready, or wait for its `result`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __iter__(self) -> Iterator[File]:
        while files := self._run.wait():
            yield from files
        self._run.ended.result()

    def stop_polling(self) -> None:
        """Ends it soon: no further file is begun, those under way are finished."""
        self._run.stop()

    def result(self) -> ReadResult:
        """How it ended, once it has; files that nobody took are let go. Raises what ended it early."""
        self._run.discard()
        try:
            return self._run.ended.result()
        except KeyboardInterrupt:
            self._run.abandon()
            raise

    def close(self) -> None:
        """Stops, and waits until nothing runs any more; safe to call at any time."""
        self.stop_polling()
        self.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
