"""A thread that downloads files of a session, as many at once as its transfer pool can."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Protocol

from privateshare.errors import PrivateShareError
from privateshare.protocol.messages import FileEntry
from privateshare.sdk.concurrency import Abandoned
from privateshare.sdk.drivers._sync.driver import Driver
from privateshare.sdk.files.file import File
from privateshare.sdk.files.file_receiver import declared_bytes
from privateshare.sdk.flow import Delay, Done, Flow
from privateshare.sdk.http.requests import BodyReceiver
from privateshare.sdk.http.transfer_pool import Outcome, TransferPool

SECONDS_BETWEEN_CHECKS = 0.5
"""How long a worker waits for responses before it checks whether it should end."""


class DownloadSource(Protocol):
    """Gives download workers the files to download, and takes what they downloaded."""

    def next_entry(self, *, wait: bool) -> FileEntry | None:
        """Return the next file to download; None if there is none now, or with `wait`, if none will come."""

    def flow(self, entry: FileEntry) -> Flow[File]:
        """Return the flow that reads a file."""

    def learn_size(self, entry: FileEntry, size: int) -> None:
        """Learn from a response how large a file is."""

    def note_pause(self, entry: FileEntry) -> None:
        """Note that a file waits before a retry, and is not in memory."""

    def deliver(self, entry: FileEntry, outcome: File | PrivateShareError) -> None:
        """Take a file that was read, or the error that prevented it."""

    def fail(self, error: BaseException) -> None:
        """End the whole reading with this error."""

    def thread_ended(self) -> None:
        """Count a thread that has ended."""


@dataclass(frozen=True, slots=True, eq=False)
class Download:
    """A file that is being downloaded."""

    entry: FileEntry
    flow: Flow[File]


def start_download_worker(source: DownloadSource, driver: Driver, pool: TransferPool[Download]) -> None:
    """Start a thread that downloads what the source gives it."""
    worker = _DownloadWorker(source, driver, pool)
    threading.Thread(target=worker.run, name="privateshare-download", daemon=True).start()


class _DownloadWorker:
    def __init__(self, source: DownloadSource, driver: Driver, pool: TransferPool[Download]) -> None:
        self._source, self._driver, self._pool = source, driver, pool
        self._downloads: set[Download] = set()
        self._paused: dict[Download, float] = {}  # The time until which a download waits before its retry.

    def run(self) -> None:
        """Download until there is nothing left, or the reading ends."""
        try:
            self._download_all()
        except BaseException as error:  # noqa: BLE001 - A full disk or a callback that raises ends the whole reading.
            self._source.fail(error)
        finally:
            self._pool.close()
            for download in self._downloads:
                download.flow.close()
            self._source.thread_ended()

    def _download_all(self) -> None:
        while True:
            while len(self._downloads) < self._pool.at_once:
                entry = self._source.next_entry(wait=not self._downloads)
                if entry is None:
                    break
                self._advance(Download(entry, self._source.flow(entry)), None)
            if not self._downloads:
                return
            for download, outcome in self._finished():
                self._advance(download, outcome)
            if self._driver.abandoned.is_set():
                return

    def _finished(self) -> Sequence[tuple[Download, Outcome | None]]:
        """Return the downloads that got a response, or whose pause before a retry is over."""
        now = monotonic()
        resumed = [download for download, until in self._paused.items() if until <= now]
        for download in resumed:
            del self._paused[download]
        if resumed:
            return [(download, None) for download in resumed]
        seconds = min([SECONDS_BETWEEN_CHECKS, *(until - now for until in self._paused.values())])
        if len(self._paused) == len(self._downloads):
            self._driver.abandoned.wait(seconds)
            return []
        return self._pool.finished(seconds)

    def _advance(self, download: Download, outcome: Outcome | None) -> None:
        if isinstance(outcome, Exception) and not isinstance(outcome, PrivateShareError):
            raise outcome
        self._downloads.add(download)
        try:
            step = self._driver.advance(download.flow, outcome)
        except PrivateShareError as error:
            self._downloads.discard(download)
            self._source.deliver(download.entry, error)
            return
        if isinstance(step, Done):
            self._downloads.discard(download)
            self._source.deliver(download.entry, step.value)
            return
        if isinstance(step, Delay):
            self._paused[download] = monotonic() + step.seconds
            self._source.note_pause(download.entry)
            return
        if step.receiver is not None:
            learn_size = partial(self._source.learn_size, download.entry)
            step = replace(step, receiver=_WatchedReceiver(step.receiver, self._driver.abandoned, learn_size))
        self._pool.start(step, download)


class _WatchedReceiver:
    """A receiver that tells how large the file is, and takes no more once nobody waits for it."""

    def __init__(self, receiver: BodyReceiver, abandoned: threading.Event, learn_size: Callable[[int], object]) -> None:
        self._receiver, self._abandoned, self._learn_size = receiver, abandoned, learn_size

    def begin(self, headers: Mapping[str, str]) -> None:
        self._receiver.begin(headers)
        self._learn_size(declared_bytes(headers))

    def write(self, data: bytes) -> None:
        if self._abandoned.is_set():
            raise Abandoned
        self._receiver.write(data)

    def finish(self) -> None:
        self._receiver.finish()

    def abort(self) -> None:
        self._receiver.abort()
