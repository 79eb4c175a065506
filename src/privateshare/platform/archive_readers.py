"""Reading archives in processes of their own, so that a hostile one holds up nothing and learns nothing.

A reader (`sources/archive_reader.py`) gets the archive piece by piece over a pipe, and gives back frames, which are
checked here. Its time and memory are limited. It runs at low priority, and few run at once.
"""

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO, TypeVar

import structlog

from privateshare.sources.contract import PAGE_OBJECTS, Broken, Identity, Source, TryLater
from privateshare.sources.failures import LeftOut, decode_left_out, takes_too_much
from privateshare.sources.frames import (
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

MEGABYTE = 1024 * 1024
COMMAND = (sys.executable, "-I", "-B", "-m", "privateshare.sources.archive_reader")
PASSED_ON = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # what Python may need to start; no secret of ours
CPU_SECONDS = 20  # for any archive
CPU_SECONDS_PER_MEGABYTE = 20  # of the archive, which may have 200 times as much when decompressed
MEMORY_MEGABYTES = 1024
WALL_SECONDS_PER_CPU_SECOND = 20  # on a machine that is busy with other things, and at low priority
MAX_FRAME_BYTES = 96 * MEGABYTE  # a page has 8 MB, and at most one object of 64 MB more
MAX_ENTRIES = 2 * PAGE_OBJECTS  # of a page: its objects, and what says that others were deleted
MAX_READ_BYTES = 4 * MEGABYTE
MAX_NAME = 1000  # characters of an account's id and name
AT_ONCE = max(4, os.cpu_count() or 1)
RETRY_SECONDS = 10
END_SECONDS = 10  # for a process that closed its pipe to end

_T = TypeVar("_T")

log = structlog.get_logger()


class ReaderFailed(TryLater):
    """A reader ended by a fault of its own or of the machine. It may be that the next one does better."""


@dataclass(frozen=True, slots=True)
class CheckedArchive:
    """An archive that was read to its end: whose it is, and what of it cannot be read."""

    identity: Identity
    left_out: LeftOut


class ArchiveReaders:
    """Starts readers, a few at a time; others wait for their turn. To be closed."""

    def __init__(self, at_once: int = AT_ONCE, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._turns = asyncio.Semaphore(at_once)
        # Threads of their own: what else waits for a thread must not wait for archives.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="archive-reader")

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def check(self, source: Source, archive: BinaryIO) -> CheckedArchive:
        """Read an archive to its end.

        Raises:
            Broken: It cannot be read, in words for the person.
            ReaderFailed: The reader failed.
        """
        async with self._reader(source, archive, Order()) as reader:
            found = await self._run(reader.next)
            if not isinstance(found, Result) or found.identity is None:
                raise ReaderFailed("a reader gave something else than a result")
            return CheckedArchive(found.identity, found.left_out)

    async def objects(
        self, source: Source, archive: BinaryIO, provider_account_id: str, types: Collection[int]
    ) -> AsyncGenerator[EntryPage | LeftOut]:
        """Yield the objects of an archive that are of these types, and in the end what could not be read.

        The next page is read while one is worked on.

        Raises:
            Broken: The archive cannot be read.
            ReaderFailed: The reader failed.
        """
        async with self._reader(source, archive, Order(provider_account_id, frozenset(types))) as reader:
            upcoming = asyncio.ensure_future(self._run(reader.next))
            try:
                while isinstance(found := await upcoming, EntryPage):
                    upcoming = asyncio.ensure_future(self._run(reader.next))
                    yield found
                yield found.left_out
            finally:
                reader.kill()
                await asyncio.gather(upcoming, return_exceptions=True)

    @asynccontextmanager
    async def _reader(self, source: Source, archive: BinaryIO, order: "Order") -> AsyncIterator["_Reader"]:
        async with self._turns:
            reader = _Reader(self._command, source.info.id, archive, order)
            try:
                await self._run(reader.start)
                yield reader
            finally:
                reader.kill()
                await asyncio.shield(self._run(reader.close))

    async def _run(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


@dataclass(frozen=True, slots=True)
class Order:
    """What a reader is to do: to say whose an archive is, or, with types, to give its objects for this account."""

    provider_account_id: str = field(default="", repr=False)
    types: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a reader ends with."""

    identity: Identity | None
    left_out: LeftOut


class _Ended(FrameError):
    """The reader closed its pipe."""


class _Reader:
    """One reader, spoken to on a thread. `kill` may be called from any."""

    def __init__(self, command: Sequence[str], source_id: int, archive: BinaryIO, order: Order) -> None:
        self._command, self._source_id, self._archive, self._order = command, source_id, archive, order
        self._process: subprocess.Popen[bytes] | None = None
        self._is_killed = self._is_out_of_time = False
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """Starts the process and tells it what to do. Raises ReaderFailed."""
        size = self._archive.seek(0, io.SEEK_END)
        seconds = CPU_SECONDS + CPU_SECONDS_PER_MEGABYTE * size // MEGABYTE
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - always the same command, without arguments of anybody
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=os.path.abspath(os.sep),
            )
        except OSError as error:  # no more processes, or no memory for one
            log.error("a reader of archives cannot be started", error=type(error).__name__)
            raise ReaderFailed("the archive's reader cannot be started", RETRY_SECONDS) from error
        if self._is_killed:
            self._process.kill()
        self._timer = threading.Timer(seconds * WALL_SECONDS_PER_CPU_SECOND, self._end_time)
        self._timer.daemon = True
        self._timer.start()
        order = {
            "source": self._source_id,
            "size": size,
            "provider_account_id": self._order.provider_account_id,
            "types": None if self._order.types is None else sorted(self._order.types),
            "cpu_seconds": seconds,
            "memory_megabytes": MEMORY_MEGABYTES,
        }
        with suppress(_Ended):  # if it ended already, `next` tells why
            self._send(FrameKind.START, encode_json(order))

    def kill(self) -> None:
        """Ends the process, whatever it does."""
        self._is_killed = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Waits for the end of the process, and lets go of the pipes."""
        if self._timer is not None:
            self._timer.cancel()
        if self._process is None:
            return
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def next(self) -> EntryPage | Result:
        """The next page, or the result. Raises Broken or ReaderFailed; what reading the archive raises."""
        try:
            while True:
                frame = read_frame(self._pipes()[1], MAX_FRAME_BYTES)
                if frame is None:
                    raise _Ended("the reader ended without a result")
                kind, content = frame
                if kind is FrameKind.READ:
                    self._send(FrameKind.DATA, self._read(content))
                elif kind is FrameKind.PAGE:
                    return self._checked(decode_page(content))
                elif kind is FrameKind.RESULT:
                    return _result(decode_json(content))
                elif kind is FrameKind.BROKEN:
                    raise _broken(decode_json(content))
                else:
                    raise FrameError(f"the reader failed: {_told(content)}")
        except FrameError as error:
            raise self._failure(error) from error

    def _read(self, content: bytes) -> bytes:
        """What the reader asked for of the archive."""
        if len(content) != PLACE.size:
            raise FrameError("a wrong question")
        position, length = PLACE.unpack(content)
        if length > MAX_READ_BYTES:
            raise FrameError("too much at once")
        self._archive.seek(position)
        return self._archive.read(length)

    def _checked(self, page: EntryPage) -> EntryPage:
        """A page that may come. Raises FrameError."""
        types = self._order.types
        if types is None or any(object_type not in types for object_type, _ in page.entries):
            raise FrameError("a page that nobody asked for")
        if len(page.entries) > MAX_ENTRIES:
            raise FrameError("a page of too many objects")
        return page

    def _failure(self, error: FrameError) -> Exception:
        """Why a reader ended early, as far as its end tells."""
        assert self._process is not None
        try:
            code = self._process.wait(END_SECONDS if isinstance(error, _Ended) else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._is_out_of_time or (sys.platform != "win32" and code == -signal.SIGXCPU):
            return takes_too_much()
        if not self._is_killed:
            log.error("a reader of archives failed", source=self._source_id, status=code, reason=str(error))
        return ReaderFailed("the archive's reader failed", RETRY_SECONDS)

    def _send(self, kind: FrameKind, content: bytes) -> None:
        try:
            write_frame(self._pipes()[0], kind, content)
        except OSError as error:
            raise _Ended("the reader is gone") from error

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def _end_time(self) -> None:
        self._is_out_of_time = True
        self.kill()


def _result(told: dict[str, Any]) -> Result:
    """What a RESULT says. Raises FrameError."""
    try:
        left_out = decode_left_out(told["left_out"])
        if "identity" not in told:
            return Result(None, left_out)
        id_, name, type_, named = told["identity"]
    except (KeyError, TypeError, ValueError) as error:
        raise FrameError("a result of another form") from error
    if not all(isinstance(value, str) and len(value) <= MAX_NAME for value in (id_, name, type_)):
        raise FrameError("an identity of another form")
    return Result(Identity(id_, name, type_, named=named is True), left_out)


def _broken(told: dict[str, Any]) -> Broken:
    """What a BROKEN says. Raises FrameError."""
    try:
        broken = Broken(told["text"], **told["values"])
        broken.left_out = decode_left_out(told["left_out"]) if told["left_out"] is not None else None
    except (KeyError, TypeError, ValueError) as error:
        raise FrameError("a problem of another form") from error
    return broken


def _told(content: bytes) -> str:
    told = decode_json(content)
    return f"{str(told.get('error'))[:MAX_NAME]} at {str(told.get('where'))[:MAX_NAME]}"
