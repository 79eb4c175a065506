"""How far long work is: a bar on a terminal, now and then a plain line elsewhere; both on standard error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

PLAIN_SECONDS = 5.0  # between two lines where there is no terminal
MEGABYTE = 1_000_000


class Progress(Protocol):
    """Takes how far the work is, in bytes, and of how many if that is known."""

    def __call__(self, done: int, total: int | None, /) -> None:
        """The work is this far."""


@contextmanager
def progress(what: str, *, shown: bool = True) -> Iterator[Progress]:
    """What to tell how far the work named `what` is."""
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


class CountedFile:
    """A file that is read by somebody else, and tells how much of it was."""

    def __init__(self, path: Path, file: IO[bytes], told: Progress) -> None:
        self._file, self._told, self._size = file, told, path.stat().st_size

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self._told(self._file.tell() if self._file.seekable() else 0, self._size)
        return data

    def seekable(self) -> bool:
        """Whether it can be read again."""
        return self._file.seekable()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Goes elsewhere in it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where the next bytes are."""
        return self._file.tell()


class _PlainLines:
    def __init__(self, what: str) -> None:
        self._what, self._next = what, time.monotonic() + PLAIN_SECONDS

    def __call__(self, done: int, total: int | None, /) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_SECONDS
            of = f" of {total / MEGABYTE:.0f}" if total else ""
            sys.stderr.write(f"{self._what}: {done / MEGABYTE:.0f}{of} MB\n")
