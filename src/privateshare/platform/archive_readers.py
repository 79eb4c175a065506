"""Reading archives in separate processes, so that a hostile archive can neither block the platform nor access data.

A reader (`sources/archive_reader.py`) requests pieces of the archive over a pipe and returns frames, which are checked
here; the pages of an export that is not imported yet are checked when it is (ADR 74). The time and memory of a reader
are limited, it runs at low priority, and only a few readers run at once.
"""

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple, dataclass, field
from typing import IO, Any, BinaryIO, TypeVar

import structlog

from privateshare.platform.reader_processes import ReaderForks, ReaderProcess, start_process
from privateshare.platform.reader_results import (
    OwnedAccount,
    ReaderResult,
    ReadExport,
    parse_broken,
    parse_failure,
    parse_result,
)
from privateshare.sources.archive_sources import package_of_source
from privateshare.sources.contract import FileMark, Source, SourceInfo, TryLater
from privateshare.sources.failures import LeftOut, takes_too_much
from privateshare.sources.frames import (
    MAX_PAGE_BYTES,
    PLACE,
    EntryPage,
    FrameError,
    FrameKind,
    decode_json,
    decode_page,
    encode_json,
    read_frame,
    write_frame,
)
from privateshare.sources.recognition import Recognition

MEGABYTE = 1024 * 1024
BASE_CPU_SECONDS = 20
CPU_SECONDS_PER_MEGABYTE = 20  # A megabyte can decompress to 200 megabytes.
MEMORY_MEGABYTES = 1024
WALL_SECONDS_PER_CPU_SECOND = 20  # The machine may be busy, and readers run at low priority.
MAX_READ_BYTES = 4 * MEGABYTE
MAX_READERS = max(4, os.cpu_count() or 1)
RETRY_SECONDS = 10
EXIT_TIMEOUT_SECONDS = 10  # A process that closed its pipe gets this time to exit.

_T = TypeVar("_T")

log = structlog.get_logger()


class ReaderFailed(TryLater):
    """A reader failed because of a bug or the machine. A retry may succeed."""


class ArchiveReaders:
    """Runs readers, a few at a time, while others wait for their turn. It must be closed.

    A `command` runs in place of our own reader.
    """

    def __init__(self, max_readers: int = MAX_READERS, command: Sequence[str] = ()) -> None:
        self._command, self._forks = tuple(command), ReaderForks()
        self._turns = asyncio.Semaphore(max_readers)
        self._background: set[asyncio.Task[None]] = set()
        # Readers have their own threads, so that other work does not wait for archives.
        self._threads = ThreadPoolExecutor(max_readers, thread_name_prefix="archive-reader")

    def close(self) -> None:
        """Stop the threads and readers, and what runs in the background."""
        for task in self._background:
            task.cancel()
        self._forks.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Let the reading of an export continue after the request that began it. It ends with this process."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def accounts(self, archive: BinaryIO) -> Sequence[OwnedAccount]:
        """Find out which accounts an archive from another PrivateShare holds. Raises what `objects` raises."""
        async with self._reader(None, archive, ReaderTask()) as reader:
            found = await self._run(reader.next)
            if not isinstance(found, ReaderResult) or found.accounts is None:
                raise ReaderFailed("a reader returned an invalid result")
            return found.accounts

    async def recognise(self, archive: BinaryIO, marks: Mapping[int, Sequence[FileMark]]) -> Recognition:
        """Recognise whose export an archive is, by the marks of sources. Raises what `objects` raises."""
        async with self._reader(None, archive, ReaderTask(marks=marks)) as reader:
            found = await self._run(reader.next)
            if not isinstance(found, ReaderResult) or found.recognition is None:
                raise ReaderFailed("a reader returned an invalid result")
            return found.recognition

    async def objects(
        self, source: Source, archive: BinaryIO, provider_account_id: str, types: Collection[int]
    ) -> AsyncGenerator[EntryPage | LeftOut]:
        """Yield the objects of an archive that have these types, and at the end which entries could not be read.

        Archives that a source fetches are read so, for an account that is known already. The next page is read while
        the caller processes the current one.

        Raises:
            Broken: The archive cannot be read.
            ReaderFailed: The reader failed.
        """
        async with self._reader(source, archive, ReaderTask(provider_account_id, frozenset(types))) as reader:
            upcoming = asyncio.ensure_future(self._run(reader.next_entries))
            try:
                while isinstance(found := await upcoming, EntryPage):
                    upcoming = asyncio.ensure_future(self._run(reader.next_entries))
                    yield found
                yield found.left_out
            finally:
                reader.kill()
                await asyncio.gather(upcoming, return_exceptions=True)

    async def read_export(
        self, source: Source, archive: BinaryIO, progress: Callable[[float], None] = lambda _: None, account: str = ""
    ) -> AsyncGenerator[bytes | ReadExport]:
        """Yield all pages of an archive, and at the end whose it is. Raises what `objects` raises.

        The pages are encoded, and not checked yet: `decode_page` does that, when they are imported.

        Args:
            source: The source.
            archive: The archive.
            progress: Is called with the share of the archive that was read, between 0 and 1, first when its turn comes.
            account: What the objects of the account call their owner, in an archive from another PrivateShare, which
                may have several accounts of the source.
        """
        task = ReaderTask(account, types=frozenset(source.info.object_types), stages=True)
        async with self._reader(source, archive, task) as reader:
            progress(0.0)
            upcoming = asyncio.ensure_future(self._run(reader.next))
            try:
                while isinstance(found := await upcoming, bytes):
                    upcoming = asyncio.ensure_future(self._run(reader.next))
                    progress(reader.progress)
                    yield found
                counts = found.counts
                if found.identity is None or found.owner_in_objects is None or counts is None:
                    raise ReaderFailed("a reader returned an invalid result")
                if counts.kinds.keys() - set(source.info.object_types):
                    raise ReaderFailed("a reader returned an invalid result")
                yield ReadExport(found.identity, found.left_out, found.owner_in_objects, counts, found.complete)
            finally:
                reader.kill()
                await asyncio.gather(upcoming, return_exceptions=True)

    @asynccontextmanager
    async def _reader(self, source: Source | None, archive: BinaryIO, task: "ReaderTask") -> AsyncIterator["_Reader"]:
        async with self._turns:
            reader = _Reader(self._start_process, source.info if source is not None else None, archive, task)
            try:
                await self._run(reader.start)
                yield reader
            finally:
                reader.kill()
                await asyncio.shield(self._run(reader.close))

    def _start_process(self, package: str | None) -> ReaderProcess:
        return start_process(self._command) if self._command else self._forks.start(package)

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


@dataclass(frozen=True, slots=True)
class ReaderTask:
    """The task of a reader.

    With `types` it reads the objects for this account, with `stages` it reads all objects and finds out whose archive
    it is, and with `marks` it recognises the sources of the archive. Otherwise it lists the accounts of an archive from
    another PrivateShare.
    """

    provider_account_id: str = field(default="", repr=False)
    types: frozenset[int] | None = None
    marks: Mapping[int, Sequence[FileMark]] | None = None
    stages: bool = False


class _Ended(FrameError):
    """The reader closed its pipe."""


class _Reader:
    """A reader process. Its methods block and are called on one thread at a time, except `kill`."""

    def __init__(
        self,
        start_process: Callable[[str | None], ReaderProcess],
        source: SourceInfo | None,
        archive: BinaryIO,
        task: ReaderTask,
    ) -> None:
        self._start_process, self._source, self._archive, self._task = start_process, source, archive, task
        self._process: ReaderProcess | None = None
        self._is_killed = self._is_out_of_time = False
        self._timer: threading.Timer | None = None
        self._size, self._bytes_read = 1, 0

    @property
    def progress(self) -> float:
        """The share of the archive that was read, between 0 and 1. Parts that are read again do not count beyond 1."""
        return min(1.0, self._bytes_read / self._size)

    def start(self) -> None:
        """Start the process and send it its task. Raises ReaderFailed."""
        size = self._archive.seek(0, io.SEEK_END)
        self._size = max(1, size)
        seconds = BASE_CPU_SECONDS + CPU_SECONDS_PER_MEGABYTE * size // MEGABYTE
        package = package_of_source().get(self._source_id or 0)
        try:
            self._process = self._start_process(package)
        except OSError as error:  # The system may be out of processes or memory.
            log.error("cannot start a reader of archives", error=type(error).__name__)
            raise ReaderFailed("the reader of the archive cannot be started", RETRY_SECONDS) from error
        if self._is_killed:
            self._process.kill()
        self._timer = threading.Timer(seconds * WALL_SECONDS_PER_CPU_SECOND, self._time_out)
        self._timer.daemon = True
        self._timer.start()
        marks = self._task.marks
        message = {
            "source": self._source_id,
            "package": package,
            "schema": None if self._source is None else [self._source.schema.standard, self._source.schema.version],
            "size": size,
            "provider_account_id": self._task.provider_account_id,
            "stages": self._task.stages,
            "types": None if self._task.types is None else sorted(self._task.types),
            "marks": None
            if marks is None
            else {str(id_): [astuple(mark) for mark in own] for id_, own in marks.items()},
            "cpu_seconds": seconds,
            "memory_megabytes": MEMORY_MEGABYTES,
        }
        with suppress(_Ended):  # If the process ended already, `next` reports why.
            self._send(FrameKind.START, encode_json(message))

    @property
    def _source_id(self) -> int | None:
        return None if self._source is None else self._source.id

    def kill(self) -> None:
        """Kill the process. May be called from any thread."""
        self._is_killed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Wait for the end of the process, and close the pipes."""
        if self._timer is not None:
            self._timer.cancel()
        if self._process is None:
            return
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def next_entries(self) -> EntryPage | ReaderResult:
        """Return the next page after checking it, or the result. Raises what `next` raises."""
        found = self.next()
        if isinstance(found, ReaderResult):
            return found
        try:
            return self._checked(decode_page(found))
        except FrameError as error:
            raise self._failure(error) from error

    def next(self) -> bytes | ReaderResult:
        """Return the next page as it is encoded, or the result.

        Raises Broken, ReaderFailed, and errors of reading the archive.
        """
        try:
            while True:
                frame = read_frame(self._pipes()[1], MAX_PAGE_BYTES)
                if frame is None:
                    raise _Ended("the reader ended without a result")
                kind, content = frame
                if kind is FrameKind.READ:
                    self._send(FrameKind.DATA, self._read(content))
                elif kind is FrameKind.PAGE:
                    return content
                elif kind is FrameKind.RESULT:
                    return parse_result(decode_json(content))
                elif kind is FrameKind.BROKEN:
                    raise parse_broken(decode_json(content))
                else:
                    raise FrameError(f"the reader failed: {parse_failure(content)}")
        except FrameError as error:
            raise self._failure(error) from error

    def _read(self, content: bytes) -> bytes:
        """Read the piece of the archive that the reader requested. Raises FrameError."""
        if len(content) != PLACE.size:
            raise FrameError("a malformed read request")
        position, length = PLACE.unpack(content)
        if length > MAX_READ_BYTES or position + length > self._size:
            raise FrameError("a read request that is too large, or beyond the archive")
        self._archive.seek(position)
        self._bytes_read += length
        return self._archive.read(length)

    def _checked(self, page: EntryPage) -> EntryPage:
        """Check that a page is allowed, and return it. Raises FrameError."""
        types = self._task.types
        if types is None or any(object_type not in types for object_type, _ in page.entries):
            raise FrameError("a page with objects that were not requested")
        return page

    def _failure(self, error: FrameError) -> Exception:
        """Build the error for a reader that ended early, from its exit status."""
        assert self._process is not None
        try:
            code = self._process.wait(EXIT_TIMEOUT_SECONDS if isinstance(error, _Ended) else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._is_out_of_time or (sys.platform != "win32" and code == -signal.SIGXCPU):
            return takes_too_much()
        if not self._is_killed:
            log.error("a reader of archives failed", source=self._source_id, status=code, reason=str(error))
        return ReaderFailed("the reader of the archive failed", RETRY_SECONDS)

    def _send(self, kind: FrameKind, content: bytes) -> None:
        try:
            write_frame(self._pipes()[0], kind, content)
        except OSError as error:
            raise _Ended("the reader has ended") from error

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _time_out(self) -> None:
        self._is_out_of_time = True
        self.kill()
