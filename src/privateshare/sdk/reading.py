"""Reading all files of a session: bounded, in parallel, each as soon as it is there, none twice.

One engine on asyncio; the blocking client runs it in a thread of its own.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from privateshare.errors import PrivateShareError
from privateshare.protocol.messages import FileEntry, FileList, SessionState, Status
from privateshare.sdk.flows.reading import Listed
from privateshare.sdk.manifest import Manifest
from privateshare.sdk.sinks import File

PARALLEL = 8
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
    """Who wants to know. Plain functions run one by one on a thread of their own, coroutine functions on the loop."""

    on_file_data: OnFile | None = None
    on_file_error: OnError | None = None
    on_status_change: OnStatus | None = None


@dataclass(frozen=True, slots=True)
class ReadResult:
    """How reading all files ended: the session's last status, how many were read or already there, what failed."""

    status: Status | None
    files: int
    skipped: int
    size: int
    errors: list[FileError]
    file_list: list[FileEntry] = field(repr=False)
    stopped: bool = False


class Reader(Protocol):
    """The two calls that reading is made of."""

    async def list_files(self, wait: int, known: Listed | None) -> Listed:
        """The file list."""

    async def read(self, name: str, to: Path | None) -> File:
        """One file."""

    async def close(self) -> None:
        """Nothing more will be read."""


class Reading:
    """One run over a session's files. Iterate over it for the files as they become ready, or wait for `result`."""

    def __init__(self, reader: Reader, callbacks: Callbacks, into: Path | None, parallel: int) -> None:
        self._reader, self._callbacks = reader, callbacks
        self._manifest = Manifest(into) if into else None
        self._queue: asyncio.Queue[FileEntry | None] = asyncio.Queue()
        self._ready: asyncio.Queue[File | None] = asyncio.Queue(maxsize=2 * parallel)
        self._parallel = parallel
        self._stopping = asyncio.Event()
        self._seen: dict[str, int] = {}
        self._list = FileList(status=Status(state=SessionState.PENDING))
        self._errors: list[FileError] = []
        self._files = self._skipped = self._size = 0
        self._discard = callbacks.on_file_data is not None
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="privateshare-callbacks")
        self._task = asyncio.create_task(self._run())

    def stop_polling(self) -> None:
        """Ends it soon: no further file is begun, those under way are finished."""
        self._stopping.set()

    async def result(self) -> ReadResult:
        """How it ended, once it has; files that nobody took are let go. Raises what ended it early."""
        self._discard = True
        while not self._task.done():
            taken = asyncio.ensure_future(self._ready.get())
            await asyncio.wait([taken, self._task], return_when=asyncio.FIRST_COMPLETED)
            taken.cancel()
        return await self._task

    async def close(self) -> None:
        """Stops, and waits until nothing runs any more; safe to call at any time."""
        self.stop_polling()
        await self.result()

    async def __aenter__(self) -> "Reading":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[File]:
        while (file := await self._ready.get()) is not None:
            yield file
        await self._task

    async def next_files(self) -> list[File]:
        """All files that are ready, at least one; none at the end."""
        file = await self._ready.get()
        if file is None:
            await self._task
            return []
        files = [file]
        while not self._ready.empty():
            more = self._ready.get_nowait()
            if more is None:
                self._ready.put_nowait(None)
                break
            files.append(more)
        return files

    async def _run(self) -> ReadResult:
        workers = [asyncio.create_task(self._work()) for _ in range(self._parallel)]
        try:
            if self._manifest is not None:
                await asyncio.to_thread(self._manifest.open)
            await self._poll()
        finally:
            for _ in workers:
                self._queue.put_nowait(None)
            outcomes = await asyncio.gather(*workers, return_exceptions=True)
            self._teller.shutdown(wait=False)
            await self._reader.close()
            if self._manifest is not None:
                self._manifest.close()
            if not self._discard:
                await self._ready.put(None)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return ReadResult(
            self._list.status,
            self._files,
            self._skipped,
            self._size,
            self._errors,
            list(self._list.file_list or []),
            self._stopping.is_set(),
        )

    async def _poll(self) -> None:
        listed: Listed | None = None
        while not self._stopping.is_set():
            call = asyncio.ensure_future(self._reader.list_files(WAIT_SECONDS, listed))
            stop = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([call, stop], return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if not call.done():
                call.cancel()
                return
            listed = await call
            await self._take(listed.files)
            if listed.files.status.state in OVER:
                return
            if listed.etag is None:
                await self._pause(POLL_SECONDS)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _take(self, files: FileList) -> None:
        if files.status != self._list.status:
            await self._tell(self._callbacks.on_status_change, files.status)
        self._list = files
        for entry in files.file_list or []:
            if self._seen.get(entry.name, -1) < entry.updated_date:
                self._seen[entry.name] = entry.updated_date
                self._queue.put_nowait(entry)

    async def _work(self) -> None:
        try:
            await self._read_queued()
        except BaseException:
            self._stopping.set()  # a callback that raises ends the whole run
            raise

    async def _read_queued(self) -> None:
        while (entry := await self._queue.get()) is not None:
            if self._stopping.is_set() or entry.updated_date < self._seen[entry.name]:
                continue
            if self._manifest is not None and self._manifest.has(entry):
                self._skipped += 1
                continue
            try:
                await self._read(entry)
            except PrivateShareError as error:
                await self._fail(FileError(entry.name, error))

    async def _read(self, entry: FileEntry) -> None:
        to = self._manifest.path(entry.name) if self._manifest else None
        file = await self._reader.read(entry.name, to)
        if self._manifest is not None:
            await asyncio.to_thread(self._manifest.add, entry, file)
        self._files += 1
        self._size += file.size
        await self._tell(self._callbacks.on_file_data, file)
        if not self._discard:
            await self._ready.put(file)

    async def _tell(self, callback: Callable[[Any], object] | None, value: object) -> None:
        if callback is None:
            return
        if inspect.iscoroutinefunction(callback):
            waiting: Awaitable[object] = callback(value)
            await waiting
        else:
            await asyncio.get_running_loop().run_in_executor(self._teller, callback, value)

    async def _fail(self, failed: FileError) -> None:
        self._errors.append(failed)
        await self._tell(self._callbacks.on_file_error, failed)
