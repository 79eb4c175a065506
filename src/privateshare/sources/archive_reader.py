"""The process that reads one archive: a fork of `reader_server.py`.

It exchanges frames with the platform (`frames.py`). It gets no key, no open files and no environment variables of the
platform. Before it reads the first byte of the archive, it limits its own CPU time and memory, and gives up the ability
to write files, to open sockets and to reach other processes (`confinement.py`).
"""

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO, cast

from privateshare.protocol.object_time import FHIR
from privateshare.sources.archive_sources import source_of
from privateshare.sources.confinement import confine
from privateshare.sources.contract import (
    OWNER_UNKNOWN_YET,
    Broken,
    Connection,
    FileMark,
    Identity,
    ObjectSchema,
    Page,
    ReadOnceSource,
    Source,
)
from privateshare.sources.entries import page_entries
from privateshare.sources.failures import REPEATED, LeftOut, encode_left_out, takes_too_much
from privateshare.sources.frames import (
    PLACE,
    EntryPage,
    FrameKind,
    decode_json,
    encode_encoded_page,
    encode_json,
    encode_page,
    read_frame,
    write_frame,
)
from privateshare.sources.object_counts import ObjectCounts
from privateshare.sources.recognition import recognise
from privateshare.sources.take_out import TakenAccount, TakeOut, accounts_of, find_manifest, read_accounts

if sys.platform != "win32":
    import resource

BUFFER_BYTES = 1024 * 1024
SMALL_BUFFER_BYTES = 64 * 1024
MAX_OPEN_FILES = 32  # Needed for the pipes, and for files that are loaded late, such as time zones.
NICENESS = 10
GC_THRESHOLD_OBJECTS = 100_000  # Parsed records have no cycles, so frequent garbage collection only costs time.


class _Archive(io.RawIOBase):
    """The archive, as a file that the process at the other end of the pipes reads."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, size: int) -> None:
        self._in, self._out, self._size, self._position = source, sink, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Change the position and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            # As files do it, on which `zipfile` relies when it reads an empty archive.
            raise OSError(errno.EINVAL, "the position is before the start of the archive")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read bytes at the position into the buffer."""
        length = max(0, min(len(buffer), BUFFER_BYTES, self._size - self._position))
        if length == 0:
            return 0
        write_frame(self._out, FrameKind.READ, PLACE.pack(self._position, length))
        frame = read_frame(self._in, length)
        if frame is None or frame[0] is not FrameKind.DATA or not frame[1]:
            raise SystemExit  # The platform's process has ended.
        data = frame[1]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def main() -> None:
    """Read the archive that the first frame describes."""
    source, sink = _pipes()
    started = read_frame(source, BUFFER_BYTES)
    if started is None:
        return
    order = decode_json(started[1])
    chosen = source_of(order["package"], order["source"]) if order["package"] is not None else None
    _limit(order)
    # What is recognised is spread over the archive, so that large pieces would be read in vain.
    buffer_bytes = BUFFER_BYTES if order["marks"] is None else SMALL_BUFFER_BYTES
    archive = io.BufferedReader(_Archive(source, sink, order["size"]), buffer_bytes)
    connection = Connection(archive=cast(BinaryIO, archive), provider_account_id=order["provider_account_id"])
    try:
        if order["marks"] is not None:
            _recognise(cast(BinaryIO, archive), order["marks"], sink)
        elif order["source"] is None:
            _list_accounts(read_accounts(cast(BinaryIO, archive)), sink)
        else:
            _read(_chosen(cast(BinaryIO, archive), chosen, order), connection, order, sink)
    except Broken as error:
        left_out = encode_left_out(error.left_out) if error.left_out is not None else None
        problem = {"text": error.text, "values": error.values, "left_out": left_out}
        write_frame(sink, FrameKind.BROKEN, encode_json(problem))
    except MemoryError:
        del connection, archive
        problem = {"text": takes_too_much().text, "values": {}, "left_out": None}
        write_frame(sink, FrameKind.BROKEN, encode_json(problem))
    except Exception as error:  # noqa: BLE001 - A bug in a source: only its place is reported, no content of the archive.
        write_frame(sink, FrameKind.FAILED, encode_json({"error": type(error).__name__, "where": _place(error)}))


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the platform's process, and discard everything else that is printed."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return source, sink


def _limit(order: dict[str, Any]) -> None:
    """Limit the resources of this process, and lower its priority. Give up what a hostile archive could use."""
    gc.set_threshold(GC_THRESHOLD_OBJECTS)
    if sys.platform == "win32":
        return
    os.nice(NICENESS)
    if sys.platform == "linux":
        with suppress(OSError):  # It does not interrupt processes that answer requests. A container may forbid it.
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    seconds, megabytes = order["cpu_seconds"], order["memory_megabytes"]
    for what, limit in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, megabytes * 1024 * 1024),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
    ):
        _, hard = resource.getrlimit(what)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (allowed, hard if what == resource.RLIMIT_CPU else allowed))
    confine()  # Limits cannot be changed after this.


def _read(source: Source, connection: Connection, order: dict[str, Any], sink: BinaryIO) -> None:
    """Send the identity of the archive's owner, or its objects, and then what could not be read."""
    result: dict[str, Any] = {}
    if order["stages"]:
        counts = ObjectCounts()
        identity, owner, connection = _stage(source, connection, order["types"], sink, counts)
        complete = sorted(connection.complete) if not connection.left_out.is_partial else []
        result |= {"identity": _identity_fields(identity), "owner_in_objects": owner, "complete": complete}
        result |= counts.to_json()
        connection.left_out.pass_over(REPEATED, counts.repeated)
    else:
        for page in source.fetch(connection, dict.fromkeys(order["types"])):
            if isinstance(page, Page):
                _send(source, page, sink, ObjectCounts())
    result["left_out"] = encode_left_out(connection.left_out)
    write_frame(sink, FrameKind.RESULT, encode_json(result))


def _stage(
    source: Source, connection: Connection, types: Sequence[int], sink: BinaryIO, counts: ObjectCounts
) -> tuple[Identity, str, Connection]:
    """Send and count all objects.

    Returns:
        The owner, what the objects call the owner, and the connection with the report.
    """
    if not isinstance(source, ReadOnceSource) or not source.reads_once:
        identity = source.identify(connection)
        again = replace(connection, provider_account_id=identity.objects_owner, left_out=LeftOut())
        for page in source.fetch(again, dict.fromkeys(types)):
            if isinstance(page, Page):
                _send(source, page, sink, counts)
        return identity, identity.objects_owner, again
    connection = replace(connection, provider_account_id=OWNER_UNKNOWN_YET)
    reading = source.read_once(connection)
    try:
        while True:
            _send(source, next(reading), sink, counts)
    except StopIteration as end:
        return end.value, OWNER_UNKNOWN_YET, connection


def _send(source: Source, page: Page, sink: BinaryIO, counts: ObjectCounts) -> None:
    """Send and count the objects of a page."""
    if page.encoded is not None:
        counts.add_encoded(page.encoded)
        write_frame(sink, FrameKind.PAGE, encode_encoded_page(page.encoded))
        return
    schema = source.info.schema
    entries = EntryPage(list(page_entries(schema, page)))
    counts.add(entries)
    write_frame(sink, FrameKind.PAGE, encode_page(entries, with_contents=schema.standard == FHIR))


def _chosen(archive: BinaryIO, source: Source | None, order: dict[str, Any]) -> Source:
    """Return what reads the archive: the source, or what reads the source's part of another PrivateShare's archive."""
    schema = ObjectSchema(*order["schema"])
    if source is None:
        return TakeOut(read_accounts(archive), order["source"], schema)
    try:
        manifest = find_manifest(archive)
    except Broken:  # The source says better what is wrong with a file that cannot be opened.
        manifest = None
    return source if manifest is None else TakeOut(accounts_of(manifest), order["source"], schema)


def _list_accounts(accounts: Sequence[TakenAccount], sink: BinaryIO) -> None:
    """Send which accounts an archive from another PrivateShare holds."""
    listed = [[one.source_id, *_identity_fields(one.identity), one.sample, one.objects] for one in accounts]
    write_frame(sink, FrameKind.RESULT, encode_json({"accounts": listed, "left_out": encode_left_out(LeftOut())}))


def _recognise(archive: BinaryIO, marks: dict[str, Any], sink: BinaryIO) -> None:
    """Send whose export an archive is."""
    try:
        is_take_out = find_manifest(archive) is not None
    except Broken:  # It has a manifest that cannot be read, or cannot be opened, which is reported below.
        is_take_out = False
    known = {int(id_): [FileMark(*mark) for mark in own] for id_, own in marks.items()}
    found = recognise(archive, {} if is_take_out else known)
    result = {
        "recognised": {str(id_): number for id_, number in found.files.items()},
        "seen": {"number": found.seen.number, "endings": found.seen.endings, "names": found.seen.names},
        "is_take_out": is_take_out,
        "left_out": encode_left_out(LeftOut()),
    }
    write_frame(sink, FrameKind.RESULT, encode_json(result))


def _identity_fields(identity: Identity) -> list[Any]:
    return [identity.provider_account_id, identity.display_name, identity.type, identity.named, identity.id_in_objects]


def _place(error: BaseException) -> str:
    """Return the file and line of the code that raised an error."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "?"
    return f"{traceback.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno}"
