"""Reading all files of a session: several at a time, each as soon as it is there, none twice.

One thread asks what there is; lanes, threads of their own, read. Signing, opening and unpacking happen on the lanes.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TypeVar

from privateshare.errors import PrivateShareError
from privateshare.protocol.messages import FileEntry, FileList, SessionState, Status
from privateshare.sdk.bulk import bulks
from privateshare.sdk.core import Core
from privateshare.sdk.driver import Abandoned, Driver
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows.reading import Listed, read_file, read_file_list
from privateshare.sdk.lanes import start_lane
from privateshare.sdk.manifest import Manifest
from privateshare.sdk.sinks import File
from privateshare.sdk.tokens import UserAccessToken
from privateshare.sdk.transport import HttpxTransport

T = TypeVar("T")

WAIT_SECONDS = 20  # protocol 6.7
POLL_SECONDS = 3.0  # of platforms that do not hold an answer; protocol 6.7
OVER = frozenset({SessionState.COMPLETED, SessionState.PARTIAL})


@dataclass(frozen=True, slots=True)
class FileError:
    """A file that could not be read, and why."""

    name: str
    error: PrivateShareError


OnFile = Callable[[File], object]
OnError = Callable[[FileError], object]
OnStatus = Callable[[Status], object]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Who wants to know. They are called one at a time, on other threads."""

    on_file_data: OnFile | None = None
    on_file_error: OnError | None = None
    on_status_change: OnStatus | None = None


@dataclass(frozen=True, slots=True)
class ReadResult:
    """How reading all files ended: the session's last status, how many were read or already there, what failed."""

    status: Status
    files: int
    skipped: int
    size: int
    errors: list[FileError]
    file_list: list[FileEntry] = field(repr=False)
    stopped: bool = False


class Run:
    """A run of `read_all_files`. Apps hold it as a `Reading`; lanes take from it what to read, and give it back."""

    def __init__(
        self,
        core: Core,
        session_key: str,
        token: UserAccessToken,
        callbacks: Callbacks,
        into: Path | None,
        parallel: int,
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self._core, self._session_key, self._token = core, session_key, token
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
        self._errors: list[FileError] = []
        self._files = self._skipped = self._size = 0
        self._failure: BaseException | None = None
        self._telling = threading.Lock()
        self.ended: Future[ReadResult] = Future()
        self.ended.set_running_or_notify_cancel()  # whoever stops waiting for it does not end it
        self._start(parallel)

    def stop(self) -> None:
        """Ends it soon: no further file is begun, those under way are finished."""
        with self._changed:
            self._stopping = True
            self._notify()

    def abandon(self) -> None:
        """Ends it at once: what is being read is dropped."""
        self._driver.abandoned.set()
        self.stop()

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
        if isinstance(outcome, File):
            if self._manifest is not None:
                self._manifest.add(entry, outcome)
            self._tell(self._callbacks.on_file_data, outcome)
        else:
            self._tell(self._callbacks.on_file_error, FileError(entry.name, outcome))
        with self._changed:
            if isinstance(outcome, File):
                self._files += 1
                self._size += outcome.size
            else:
                self._errors.append(FileError(entry.name, outcome))
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
        """For a lane: it has ended. With the last one the run has."""
        with self._changed:
            self._lanes -= 1
            if self._lanes:
                return
        self._driver.close()
        if self._manifest is not None:
            self._manifest.close()
        with self._changed:
            if self._failure is not None:
                self.ended.set_exception(self._failure)
            else:
                self.ended.set_result(self._result())
            self._notify()

    def _start(self, parallel: int) -> None:
        configuration = self._core.configuration
        transport = HttpxTransport(configuration.timeout)
        self._driver = Driver(self._core, transport)
        lanes = bulks(configuration, parallel, transport)
        self._lanes = len(lanes)
        for bulk in lanes:
            start_lane(self, self._driver, bulk)
        threading.Thread(target=self._poll, name="privateshare-poll", daemon=True).start()

    def _poll(self) -> None:
        try:
            if self._manifest is not None:
                self._manifest.open()
            self._list_all()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the run raises it
            if not self._stopping:  # else it is only that connections were ended under it
                self.fail(error)

    def _list_all(self) -> None:
        listed: Listed | None = None
        while not self._stopping:
            began = monotonic()
            configuration = self._core.configuration
            newer = self._driver.drive(
                read_file_list(configuration, self._token, self._session_key, WAIT_SECONDS, listed)
            )
            self._learn(newer.files)
            if newer.files.status.state in OVER:
                return
            if newer.etag is None or newer == listed:  # the platform does not wait, or not long
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, POLL_SECONDS - (monotonic() - began))
            listed = newer

    def _learn(self, files: FileList) -> None:
        if files.status != self._list.status and not self._stopping:
            self._tell(self._callbacks.on_status_change, files.status)
        with self._changed:
            self._list = files
            for entry in files.file_list or []:
                known = self._newest.get(entry.name)
                if known is None or known.updated_date < entry.updated_date:
                    self._newest[entry.name] = entry
                    self._claim(entry.name, known.updated_date if known else -1)
            self._listed_all = files.status.state in OVER
            self._notify()

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
            self._errors,
            list(self._list.file_list or []),
            self._stopping,
        )
