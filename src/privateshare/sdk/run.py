"""Reading all files of a session: several at a time, each as soon as it is there, none twice.

One thread asks what there is; lanes, threads of their own, read. Signing, opening and unpacking happen on the lanes.
"""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time
from typing import TypeVar

from privateshare.errors import ConfigurationError, InvalidAnswer, InvalidSession, PrivateShareError
from privateshare.protocol.messages import FileEntry, FileList, Session, SessionState, Status
from privateshare.sdk.bulk import bulks
from privateshare.sdk.consent import authorization_error
from privateshare.sdk.core import Core
from privateshare.sdk.deadlines import Abandoned
from privateshare.sdk.driver import Driver
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows.reading import Listed, key_of, read_file, wait_for_list
from privateshare.sdk.lanes import start_lane
from privateshare.sdk.manifest import Manifest
from privateshare.sdk.results import FileError, ReadResult, ReadTimeout, SessionNeverStarted, files_not_read
from privateshare.sdk.sinks import File
from privateshare.sdk.tokens import Holder
from privateshare.sdk.transport import HttpxTransport

T = TypeVar("T")

WAIT_SECONDS = 20  # protocol 6.7
POLL_SECONDS = 3.0  # of platforms that do not hold an answer; protocol 6.7
SHORTEST_PAUSE_SECONDS = 0.2  # between two questions, however often the platform says that something changed
SESSION_SECONDS = 24 * 3600.0  # that a session lasts of which only the key is known; protocol 4.6
SECONDS_BELOW = 10**11  # a smaller expiry is in seconds; protocol 2.3
OVER = frozenset({SessionState.COMPLETED, SessionState.PARTIAL})


OnFile = Callable[[File], object]
OnError = Callable[[FileError], object]
OnStatus = Callable[[Status], object]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Who wants to know. They are called one at a time, on other threads."""

    on_file_data: OnFile | None = None
    on_file_error: OnError | None = None
    on_status_change: OnStatus | None = None


class Run:
    """A run of `read_all_files`. Apps hold it as a `Reading`; lanes take from it what to read, and give it back.

    `ended` holds how it ended as soon as that is certain, `finished` is done once nothing of it runs any more.
    """

    def __init__(
        self,
        core: Core,
        session: Session | str,
        token: Holder,
        callbacks: Callbacks,
        into: Path | None,
        parallel: int,
        timeout: float | None = None,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        if timeout is not None and not timeout >= 0:
            raise ConfigurationError(f"timeout must be a number of seconds, not {timeout}")
        self._core, self._session_key, self._token = core, key_of(session), token
        self._pending_until = monotonic() + _seconds_left(session)
        self._callbacks, self._on_change = callbacks, on_change
        self._manifest = Manifest(into) if into else None
        self._changed = threading.Condition()  # its lock guards all that follows
        self._waiting: deque[str] = deque()  # names of files to read
        self._claimed: set[str] = set()  # those, and the files that are being read
        self._newest: dict[str, FileEntry] = {}
        self._list = FileList(status=Status(state=SessionState.PENDING))
        self._listed_all = self._stopping = False
        self._ready: deque[File] = deque()
        self._room = 2 * parallel  # for files that are being read, or are ready and not yet taken
        self._discard = callbacks.on_file_data is not None
        self._errors: dict[str, FileError] = {}
        self._files = self._skipped = self._size = 0
        self._failure: BaseException | None = None
        self._telling = threading.Lock()
        self.ended: Future[ReadResult] = _future()
        self.finished: Future[None] = _future()
        self._start(parallel, timeout)

    def stop(self) -> None:
        """End it soon: no further file is begun, those under way are finished."""
        self._lister.abandoned.set()
        with self._changed:
            self._stopping = True
            self._notify()

    def abandon(self) -> None:
        """End it at once: what is being read is dropped."""
        self._driver.abandoned.set()
        self.stop()

    def end_without(self, handle: object) -> None:
        """End the run when the app lets go of its handle, as after `break`, if nobody could get the files any more."""
        if self._manifest is None and not self._discard:
            weakref.finalize(handle, self.abandon).atexit = False

    def snapshot(self) -> ReadResult:
        """What has been read so far."""
        with self._changed:
            return self._result()

    def check_complete(self) -> None:
        """Raise what ended the run early, once it has ended; or FilesNotRead if nobody was told of failed files."""
        result = self.ended.result()
        if result.errors and self._callbacks.on_file_error is None:
            raise files_not_read(result)

    def wait(self) -> list[File]:
        """The files that are ready, once there are any; none once it has ended. Nobody else gets them."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self.ended.done())
            return self.take()

    def take(self) -> list[File]:
        """The files that are ready now; nobody else gets them."""
        with self._changed:
            files = list(self._ready)
            self._drop_ready()
            return files

    def discard(self) -> None:
        """Lets go of the files that are ready, and of all that follow."""
        with self._changed:
            self._discard = True
            self._drop_ready()

    def next_entry(self, *, wait: bool) -> FileEntry | None:
        """For a lane: what to read next; None if there is nothing now, or with `wait`, if nothing will be."""
        with self._changed:
            while not self._stopping:
                if self._waiting and self._room > 0:
                    entry = self._newest[self._waiting.popleft()]
                    if self._manifest is None or not self._manifest.has(entry):
                        self._room -= 1
                        return entry
                    self._skipped += 1
                    self._claimed.discard(entry.name)
                elif not wait or (self._listed_all and not self._waiting):
                    return None
                else:
                    self._changed.wait()
            return None

    def flow(self, entry: FileEntry) -> Flow[File]:
        """For a lane: the calls that read a file."""
        to = self._manifest.path(entry.name) if self._manifest else None
        return read_file(self._core.configuration, self._token, self._session_key, entry.name, to)

    def deliver(self, entry: FileEntry, outcome: File | PrivateShareError) -> None:
        """For a lane: a file that was read, or why it could not be."""
        if isinstance(outcome, File) and self._manifest is not None:
            self._manifest.add(entry, outcome)
        if self.ended.done():  # too late: the app has been told how it ended
            return
        if isinstance(outcome, File):
            self._tell(self._callbacks.on_file_data, outcome)
        else:
            self._tell(self._callbacks.on_file_error, FileError(entry.name, outcome))
        with self._changed:
            if isinstance(outcome, File):
                self._files += 1
                self._size += outcome.size
                self._errors.pop(entry.name, None)  # of an older version
            else:
                self._errors[entry.name] = FileError(entry.name, outcome)
            if isinstance(outcome, File) and not self._discard:
                self._ready.append(outcome)
            else:
                self._room += 1
            self._claimed.discard(entry.name)
            self._claim(entry.name, entry.updated_date)
            self._notify()

    def fail(self, error: BaseException) -> None:
        """Ends the whole run, which raises this."""
        with self._changed:
            if not isinstance(error, Abandoned):
                self._failure = self._failure or error
            self.stop()

    def leave(self) -> None:
        """Count a thread of this run that has ended. With the last one the run has."""
        with self._changed:
            self._threads -= 1
            if self._threads:
                return
        try:
            self._driver.close()
            if self._manifest is not None:
                self._manifest.close()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the run raises it
            self.fail(error)
        if self._timer is not None:
            self._timer.cancel()
        with self._changed:
            self._end(self._failure)
            self.finished.set_result(None)

    def _time_out(self, seconds: float) -> None:
        """End the run at once. What still runs is left to end by itself, so that nobody waits for it."""
        with self._changed:
            self.abandon()
            self._end(ReadTimeout(f"Not all files were read within {seconds:g} seconds", self._result()))

    def _end(self, error: BaseException | None) -> None:
        if not self.ended.done():
            if error is not None:
                self.ended.set_exception(error)
            else:
                self.ended.set_result(self._result())
            self._notify()

    def _start(self, parallel: int, timeout: float | None) -> None:
        configuration = self._core.configuration
        transport = HttpxTransport(configuration.timeout)
        self._driver, self._lister = Driver(self._core, transport), Driver(self._core, transport.twin())
        lanes = bulks(configuration, parallel, transport)
        self._threads = len(lanes) + 1
        self._timer = _timer(timeout, self._time_out)
        for bulk in lanes:
            start_lane(self, self._driver, bulk)
        threading.Thread(target=self._poll, name="privateshare-poll", daemon=True).start()

    def _poll(self) -> None:
        try:
            if self._manifest is not None:
                self._manifest.open()
            self._list_all()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the run raises it
            if not self._stopping:  # else nobody wants the list any more
                self.fail(error)
        finally:
            self.leave()

    def _list_all(self) -> None:
        listed: Listed | None = None
        while not self._stopping:
            began = monotonic()
            newer = self._list_once(listed)
            if newer.files.status.state in OVER:
                self._check_started(newer.files)
            self._learn_unreadable(newer.unreadable)
            self._learn(newer.files)
            if newer.files.status.state in OVER:
                return
            if self._list.status.state is SessionState.PENDING and monotonic() > self._pending_until:
                raise SessionNeverStarted("Nobody consented before the session expired", self.snapshot())
            # a platform that does not hold its answer, or not for long, is asked less often
            pause = POLL_SECONDS if newer.etag is None or newer == listed else SHORTEST_PAUSE_SECONDS
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, pause - (monotonic() - began))
            listed = newer

    def _list_once(self, known: Listed | None) -> Listed:
        configuration = self._core.configuration
        longest = WAIT_SECONDS
        if self._list.status.state is SessionState.PENDING:
            longest = min(longest, 1 + int(max(0.0, self._pending_until - monotonic())))
        wait = min(longest, int(configuration.timeout / 2))  # else the answer would count as lost
        try:
            return self._lister.drive(wait_for_list(configuration, self._token, self._session_key, wait, known))
        except InvalidSession as error:
            if known is not None and self._list.status.state is SessionState.PENDING:
                raise SessionNeverStarted("Nobody consented before the session expired", self.snapshot()) from error
            raise

    def _check_started(self, files: FileList) -> None:
        """Raise SessionNeverStarted if the session ended because no consent will come. Protocol 6.1."""
        if files.status.error is not None:
            self._learn_status(files)
            reason = authorization_error(files.status.error.code)
            message = f"The session ended before it began: {files.status.error.message or reason.message}"
            raise SessionNeverStarted(message, self.snapshot()) from reason

    def _learn(self, files: FileList) -> None:
        self._learn_status(files)
        with self._changed:
            for entry in files.file_list or []:
                known = self._newest.get(entry.name)
                if known is None or known.updated_date < entry.updated_date:
                    self._newest[entry.name] = entry
                    self._claim(entry.name, known.updated_date if known else -1)
            self._listed_all = files.status.state in OVER
            self._notify()

    def _learn_unreadable(self, entries: Mapping[str, InvalidAnswer]) -> None:
        for name, error in entries.items():
            if name not in self._errors:
                self._tell(self._callbacks.on_file_error, FileError(name, error))
                with self._changed:
                    self._errors[name] = FileError(name, error)

    def _learn_status(self, files: FileList) -> None:
        if files.status != self._list.status and not self._stopping:
            self._tell(self._callbacks.on_status_change, files.status)
        with self._changed:
            self._list = files

    def _claim(self, name: str, read: int) -> None:
        """Queues a file of which there is something newer than what was read, unless a lane is at it."""
        if name not in self._claimed and self._newest[name].updated_date > read:
            self._claimed.add(name)
            self._waiting.append(name)

    def _tell(self, callback: Callable[[T], object] | None, value: T) -> None:
        if callback is not None:
            with self._telling:
                callback(value)

    def _drop_ready(self) -> None:
        self._room += len(self._ready)
        self._ready.clear()
        self._notify()

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
        )


def _future() -> "Future[T]":
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # so that whoever stops waiting for it does not end it
    return future


def _timer(seconds: float | None, act: Callable[[float], object]) -> threading.Timer | None:
    """Start a thread that acts after so many seconds, unless it is cancelled before."""
    if seconds is None:
        return None
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), act, (seconds,))
    timer.daemon = True
    timer.start()
    return timer


def _seconds_left(session: Session | str) -> float:
    """Return how long a session may still wait for consent, with some time for clocks that differ."""
    if isinstance(session, str):
        return SESSION_SECONDS
    expiry = session.expiry if session.expiry < SECONDS_BELOW else session.expiry / 1000
    return max(0.0, expiry - time()) + POLL_SECONDS
