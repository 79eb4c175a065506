"""Reads all files of a session: several at a time, each as soon as it is ready, none twice.

One thread polls the file list. Download workers, which are threads too, sign requests, download, decrypt and
decompress.
"""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from privateshare.errors import InvalidAnswer, PrivateShareError
from privateshare.protocol.messages import FileEntry, FileList, Scope, Session, SessionOptions, SessionState, Status
from privateshare.protocol.scope import reach_of_scope
from privateshare.protocol.window import Window
from privateshare.sdk.arguments import check_seconds, check_whole, optional
from privateshare.sdk.concurrency import Abandoned
from privateshare.sdk.core import Core
from privateshare.sdk.drivers._sync.driver import Driver
from privateshare.sdk.files.file import File
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows.sessions import key_of, read_file
from privateshare.sdk.http._sync.httpx_transport import HttpxTransport
from privateshare.sdk.http.pool_choice import make_transfer_pools
from privateshare.sdk.reading.download_worker import SECONDS_BETWEEN_CHECKS, start_download_worker
from privateshare.sdk.reading.list_poller import ENDED_STATES, ListPoller
from privateshare.sdk.reading.manifest import FolderOwner, Manifest
from privateshare.sdk.reading.memory_budget import MemoryBudget
from privateshare.sdk.reading.results import FileError, ReadResult, ReadTimeout, files_not_read
from privateshare.sdk.tokens import Holder, check_holder, user_name

T = TypeVar("T")

OnFile = Callable[[File], object]
OnError = Callable[[FileError], object]
OnStatus = Callable[[Status], object]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The app's callbacks. They are called one at a time, on other threads."""

    on_file_data: OnFile | None = None
    on_file_error: OnError | None = None
    on_status_change: OnStatus | None = None


class FileReader:
    """One run of `read_all_files`. Apps use it through a `Reading`. Its workers get files from it and deliver to it.

    Attributes:
        result_known: Is done as soon as the result is certain, and holds it. After a timeout, threads may still run.
        threads_ended: Is done once no thread of the run is left, and all connections and files are closed. Then the
            result is known too.
    """

    def __init__(
        self,
        core: Core,
        session: Session | str,
        holder: Holder,
        callbacks: Callbacks,
        into: Path | None,
        parallel: int,
        timeout: float | None,
        on_change: Callable[[], object],
    ) -> None:
        check_holder(holder)
        optional(check_seconds, "timeout", timeout)
        check_whole("parallel", parallel, 1)
        self._core, self._session_key, self._holder = core, key_of(session), holder
        self._callbacks, self._on_change = callbacks, on_change
        self._manifest = Manifest(into) if into else None
        self._options = core.begun.options_of(self._session_key)
        self._windows = _time_limit(self._options)
        self._gone: list[str] = []
        self._changed = threading.Condition()  # Its lock guards all that follows.
        self._waiting: deque[str] = deque()  # Names of files that no worker has taken yet.
        self._queued_or_busy: set[str] = set()  # Names of files that wait or are being read.
        self._newest: dict[str, FileEntry] = {}
        self._list = FileList(status=Status(state=SessionState.PENDING))
        self._listed_all = self._stopping = False
        self._ready: deque[File] = deque()
        # Files that go to a folder are not in memory.
        self._budget = MemoryBudget() if self._manifest is None else None
        self._free_places = 2 * parallel  # How many more files may be read before the app takes those that are ready.
        self._discard = callbacks.on_file_data is not None
        self._errors: dict[str, FileError] = {}
        self._files = self._skipped = self._size = 0
        self._failure: BaseException | None = None
        self._calling_back = threading.Lock()
        self.result_known: Future[ReadResult] = _future()
        self.threads_ended: Future[None] = _future()
        self._start(session, parallel, timeout)

    def stop(self) -> None:
        """End soon: no further file is begun, and those that are being read are finished."""
        self._poller.stop()
        with self._changed:
            self._stopping = True
            self._notify()

    def abandon(self) -> None:
        """End at once: files that are being read are dropped."""
        self._driver.abandoned.set()
        self.stop()

    def abandon_without(self, handle: object) -> None:
        """Abandon the run when the app drops its handle, as after `break`, if nobody can get the files any more."""
        if self._manifest is None and not self._discard:
            weakref.finalize(handle, self.abandon).atexit = False

    def snapshot(self) -> ReadResult:
        """Return what has been read so far."""
        with self._changed:
            return self._result()

    def check_complete(self) -> None:
        """Raise what ended the run early, once it has ended; or FilesNotRead if no callback got the failed files."""
        result = self.result_known.result()
        if result.errors and self._callbacks.on_file_error is None:
            raise files_not_read(result)

    def take(self) -> list[File]:
        """Return the files that are ready now. Nobody else gets them."""
        with self._changed:
            files = list(self._ready)
            if files:  # Otherwise nothing changes, and whoever asks again at each change would never wait.
                self._drop_ready()
            return files

    def discard(self) -> None:
        """Drop the files that are ready, and all that follow."""
        with self._changed:
            self._discard = True
            self._drop_ready()

    # --- for download workers ---

    def next_entry(self, *, wait: bool) -> FileEntry | None:
        """Return the next file to download; None if there is none now, or with `wait`, if none will come."""
        with self._changed:
            while not self._stopping:
                if self._waiting and self._free_places > 0 and (self._budget is None or self._budget.has_space()):
                    entry = self._newest[self._waiting.popleft()]
                    if self._manifest is None or not self._manifest.has(entry, self._windows):
                        self._free_places -= 1
                        if self._budget is not None:
                            self._budget.begin(entry.name)
                        return entry
                    self._skipped += 1
                    self._queued_or_busy.discard(entry.name)
                elif not wait or (self._listed_all and not self._waiting):
                    return None
                else:
                    self._changed.wait(SECONDS_BETWEEN_CHECKS)
            return None

    def learn_size(self, entry: FileEntry, size: int) -> None:
        """Learn from a response how large a file is."""
        with self._changed:
            if self._budget is not None:
                self._budget.learn_size(entry.name, size)
                self._changed.notify_all()

    def note_pause(self, entry: FileEntry) -> None:
        """Note that a file waits before a retry, and is not in memory."""
        with self._changed:
            self._free_memory([entry.name])
            self._changed.notify_all()

    def flow(self, entry: FileEntry) -> Flow[File]:
        """Return the flow that reads a file."""
        to = self._manifest.path(entry.name, self._windows) if self._manifest else None
        return read_file(self._core, self._holder, self._session_key, entry.name, to)

    def deliver(self, entry: FileEntry, outcome: File | PrivateShareError) -> None:
        """Take a file that was read, or the error that prevented it."""
        if isinstance(outcome, File) and self._manifest is not None:
            self._manifest.add(entry, outcome, self._windows)
        if self.result_known.done():  # The app has its result, so it is too late for callbacks.
            return
        if isinstance(outcome, File):
            self._call_back(self._callbacks.on_file_data, outcome)
        else:
            self._call_back(self._callbacks.on_file_error, FileError(entry.name, outcome))
        with self._changed:
            if isinstance(outcome, File):
                self._files += 1
                self._size += outcome.size
                self._errors.pop(entry.name, None)  # The error was about an older version.
            else:
                self._errors[entry.name] = FileError(entry.name, outcome)
            if isinstance(outcome, File) and not self._discard:
                self._ready.append(outcome)
            else:
                self._free_places += 1
                self._free_memory([entry.name])
            self._queued_or_busy.discard(entry.name)
            self._queue_if_newer(entry.name, entry.updated_date)
            self._notify()

    def fail(self, error: BaseException) -> None:
        """End the whole run with this error."""
        with self._changed:
            if not isinstance(error, Abandoned):
                self._failure = self._failure or error
            self.stop()

    def thread_ended(self) -> None:
        """Count a thread that has ended. When the last one has, the run is finished."""
        with self._changed:
            self._threads -= 1
            if self._threads:
                return
        try:
            self._driver.close()
            if self._manifest is not None:
                self._gone = self._note_gone(self._manifest)
                self._manifest.close()
        except BaseException as error:  # noqa: BLE001 - Whatever it is, the run raises it.
            self.fail(error)
        if self._timer is not None:
            self._timer.cancel()
        with self._changed:
            self._set_result(self._failure)
            self.threads_ended.set_result(None)

    # --- for the list poller ---

    def receive_list(self, files: FileList, unreadable: Mapping[str, InvalidAnswer]) -> None:
        """Take a newer file list, and the entries of it that could not be parsed."""
        for name, error in unreadable.items():
            if name not in self._errors:
                self._call_back(self._callbacks.on_file_error, FileError(name, error))
                with self._changed:
                    self._errors[name] = FileError(name, error)
        self.receive_status(files)
        with self._changed:
            for entry in files.file_list or []:
                known = self._newest.get(entry.name)
                if known is None or known.updated_date < entry.updated_date:
                    self._newest[entry.name] = entry
                    self._queue_if_newer(entry.name, known.updated_date if known else -1)
            self._listed_all = files.status.state in ENDED_STATES
            self._notify()

    def receive_status(self, files: FileList) -> None:
        """Take the status of a newer file list."""
        if files.status != self._list.status and not self._stopping:
            self._call_back(self._callbacks.on_status_change, files.status)
        with self._changed:
            self._list = files

    # --- the run ---

    def _start(self, session: Session | str, parallel: int, timeout: float | None) -> None:
        configuration = self._core.configuration
        transport = HttpxTransport(configuration.timeout)
        self._driver = Driver(self._core, transport)
        self._poller = ListPoller(self._core, Driver(self._core, transport.twin()), self._holder, session)
        pools = make_transfer_pools(configuration.api, configuration.timeout, parallel, transport)
        self._threads = len(pools) + 1
        self._timer = _timer(timeout, self._time_out)
        for pool in pools:
            start_download_worker(self, self._driver, pool)
        threading.Thread(target=self._poll, name="privateshare-poll", daemon=True).start()

    def _poll(self) -> None:
        try:
            if self._manifest is not None:
                owner = self._driver.tokens.newest(self._holder)
                contract_id = self._core.configuration.contract_id
                self._manifest.open(FolderOwner(user_name(self._holder), owner.user_id, contract_id))
            self._poller.run(self)
        except BaseException as error:  # noqa: BLE001 - Whatever it is, the run raises it.
            if not self._stopping:  # Otherwise nobody needs the list any more.
                self.fail(error)
        finally:
            self.thread_ended()

    def _time_out(self, seconds: float) -> None:
        """End the run at once, without waiting for threads that are still busy."""
        with self._changed:
            self.abandon()
            self._set_result(ReadTimeout(f"Not all files were read within {seconds:g} seconds", self._result()))

    def _set_result(self, error: BaseException | None) -> None:
        """Make the result known, unless it is already: the error, or else what has been read."""
        if not self.result_known.done():
            if error is not None:
                self.result_known.set_exception(error)
            else:
                self.result_known.set_result(self._result())
            self._notify()

    def _queue_if_newer(self, name: str, read_date: int) -> None:
        """Queue a file that was updated after the version that was read, unless it is queued or a worker has it."""
        if name not in self._queued_or_busy and self._newest[name].updated_date > read_date:
            self._queued_or_busy.add(name)
            self._waiting.append(name)

    def _call_back(self, callback: Callable[[T], object] | None, value: T) -> None:
        if callback is not None:
            with self._calling_back:
                callback(value)

    def _drop_ready(self) -> None:
        self._free_places += len(self._ready)
        self._free_memory([file.name for file in self._ready])
        self._ready.clear()
        self._notify()

    def _free_memory(self, names: Iterable[str]) -> None:
        if self._budget is not None:
            for name in names:
                self._budget.free(name)

    def _notify(self) -> None:
        self._changed.notify_all()
        self._on_change()

    def _result(self) -> ReadResult:
        return ReadResult(
            self._list.status,
            self._files,
            self._skipped,
            self._size,
            list(self._errors.values()),
            list(self._list.file_list or []),
            self._stopping,
            list(self._gone),
            self._manifest.folder if self._manifest else None,
        )

    def _note_gone(self, manifest: Manifest) -> list[str]:
        """Note the files that the platform no longer has. Only a session that was to read everything tells that."""
        is_whole = self._options is not None and self._options.scope in (None, Scope())
        if self._failure is not None or self._stopping or not self._listed_all or not is_whole:
            return []
        details = self._list.status.details or {}
        failing = {id_.split("_")[0] for id_, status in details.items() if status.state is not SessionState.COMPLETED}
        names = {entry.name for entry in self._list.file_list or []} | self._errors.keys()
        return manifest.note_listed(names, failing)


def _time_limit(options: SessionOptions | None) -> tuple[Window, ...] | None:
    """Return the times to which a session is limited, or None if it is not, or if the client does not know it."""
    scope = options.scope if options is not None else None
    if scope is None or not scope.time_ranges:
        return None
    return reach_of_scope(scope, datetime.now(UTC)).windows


def _future() -> "Future[T]":
    future: Future[T] = Future()
    # A future that is running cannot be cancelled, so a waiter that gives up does not end it.
    future.set_running_or_notify_cancel()
    return future


def _timer(seconds: float | None, act: Callable[[float], object]) -> threading.Timer | None:
    """Start a thread that acts after some seconds, unless it is cancelled before."""
    if seconds is None:
        return None
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), act, (seconds,))
    timer.daemon = True
    timer.start()
    return timer
