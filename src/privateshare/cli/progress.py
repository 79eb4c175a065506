"""Progress on standard error: a bar on a terminal, and otherwise a line every few seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

LINE_INTERVAL_SECONDS = 5.0
COUNT_INTERVAL_SECONDS = 1.0
MEGABYTE = 1_000_000


class Progress(Protocol):
    """A callback that receives the number of bytes done, and the total if it is known."""

    def __call__(self, done: int, total: int | None, /) -> None:
        """Report the progress."""


@contextmanager
def progress(what: str, *, shown: bool = True) -> Iterator[Progress]:
    """Provide a callback that shows the progress of the work named `what`, or nothing if it is not `shown`."""
    if not shown:
        yield lambda _done, _total, /: None
    elif not sys.stderr.isatty():
        yield _PlainLines(what)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total, /: bar.update(task, completed=done, total=total)


def count_lines(text: str) -> Callable[..., None]:
    """Return a function that prints how far the work is on standard error, at most once a second.

    Its arguments are put into `text` in place of `{}`. A call with two equal numbers, the last one, is always printed.
    """
    printed_at = 0.0

    def print_count(*numbers: int) -> None:
        nonlocal printed_at
        is_last = len(numbers) > 1 and numbers[0] == numbers[-1]
        if is_last or time.monotonic() - printed_at >= COUNT_INTERVAL_SECONDS:
            printed_at = time.monotonic()
            sys.stderr.write(f"{text.format(*numbers)}\n")

    return print_count


class ProgressFile:
    """A file that reports how much of it was read."""

    def __init__(self, path: Path, file: IO[bytes], report: Progress) -> None:
        self._file, self._report, self._size = file, report, path.stat().st_size

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes."""
        data = self._file.read(size)
        self._report(self._file.tell() if self._file.seekable() else 0, self._size)
        return data

    def seekable(self) -> bool:
        """Return whether the position can be changed."""
        return self._file.seekable()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Change the position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()


class _PlainLines:
    def __init__(self, what: str) -> None:
        self._what, self._next = what, time.monotonic() + LINE_INTERVAL_SECONDS

    def __call__(self, done: int, total: int | None, /) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_INTERVAL_SECONDS
            of = f" of {total / MEGABYTE:.0f}" if total else ""
            sys.stderr.write(f"{self._what}: {done / MEGABYTE:.0f}{of} MB\n")
