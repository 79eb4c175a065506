"""The objects of an export that was read, until they are imported: a large export is then read only once.

A stored export begins with a head, and then has pages of objects, each compressed:

    length (4 bytes), head as JSON: what the objects call their owner, the newest dates, and what is complete
    length (4 bytes), page as in `sources/frames.py`; any number of times

The objects were made before it was known which account they belong to. What they call their owner is replaced when they
are read again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from io import BufferedReader, RawIOBase
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, TypeAlias, cast

import orjson
import structlog

from privateshare.platform.blobs.temporary import PIECE_BYTES, SealedTemporary
from privateshare.platform.library.known_pages import KnownPages
from privateshare.platform.reader_results import ReadExport
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Identity, ObjectSchema, Source
from privateshare.sources.entries import OwnerChange
from privateshare.sources.failures import LeftOut, decode_left_out, encode_left_out, our_fault, takes_too_much
from privateshare.sources.frames import EntryPage, FrameError, decode_page
from privateshare.sources.object_counts import CountedObjects

LENGTH = Struct(">I")
DIGIME = "digime"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ExportHead:
    """What is known of the objects of an export as a whole.

    Attributes:
        owner: What they call their owner.
        newest: The newest date of each object type, without those in the future.
        complete: The object types of which the export has everything that the source has.
    """

    owner: str = field(default="", repr=False)
    newest: Mapping[int, int] = field(default_factory=dict)
    complete: Sequence[int] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert it to a JSON object."""
        return {"owner": self.owner, "newest": list(self.newest.items()), "complete": list(self.complete)}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "ExportHead":
        """Convert the result of `to_json` back."""
        return cls(written["owner"], dict(written["newest"]), written["complete"])


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What an export holds.

    Attributes:
        identity: Whose it is.
        left_out: What of it cannot be read.
        kinds: How much there is of each object type.
        content: The SHA-256 of the objects, of what they call their owner, and of which types are complete.
        complete: The object types of which it has everything that the source has.
    """

    identity: Identity = field(repr=False)
    left_out: LeftOut
    kinds: Mapping[int, CountedObjects]
    content: bytes = field(repr=False)
    complete: Sequence[int] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert the summary to a JSON object."""
        identity = self.identity
        return {
            "identity": [identity.provider_account_id, identity.display_name, identity.type, identity.named],
            "id_in_objects": identity.id_in_objects,
            "left_out": encode_left_out(self.left_out),
            "kinds": [[type_, kind.number, kind.first, kind.last] for type_, kind in self.kinds.items()],
            "content": self.content.hex(),
            "complete": list(self.complete),
        }

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "ExportSummary":
        """Convert the result of `to_json` back."""
        id_, name, type_, named = written["identity"]
        return cls(
            Identity(id_, name, type_, named=named, id_in_objects=written["id_in_objects"]),
            decode_left_out(written["left_out"]),
            {type_: CountedObjects(*counted) for type_, *counted in written["kinds"]},
            bytes.fromhex(written["content"]),
            written["complete"],
        )


@dataclass(frozen=True, slots=True)
class ExportFile:
    """The file of an export: the SHA-256 of its bytes, what is in it, and its name on the person's device."""

    sha256: bytes = field(repr=False)
    summary: ExportSummary
    name: str = field(default="", repr=False)

    def to_json(self) -> dict[str, Any]:
        """Convert it to a JSON object."""
        return {"sha256": self.sha256.hex(), "summary": self.summary.to_json(), "name": self.name}

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "ExportFile":
        """Convert the result of `to_json` back."""
        return cls(bytes.fromhex(written["sha256"]), ExportSummary.from_json(written["summary"]), written["name"])


OpenedExport: TypeAlias = tuple[ExportHead, BinaryIO]
"""The head of an export, and a file that is at the beginning of its pages."""


class ReadObjects:
    """The objects of an export in an encrypted temporary file. It must be closed."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.file = SealedTemporary(folder)
        self._max_bytes, self._content = max_bytes, sha256()
        self._head = ExportHead()

    async def fill(self, pages: AsyncIterator[bytes | ReadExport]) -> ExportSummary:
        """Write the pages of an export, and return what is in it. Raises Broken, and what `pages` raises."""
        found = None
        async for page in pages:
            if isinstance(page, ReadExport):
                found = page
            else:
                await asyncio.to_thread(self._add, page)
        assert found is not None
        self._head = ExportHead(found.owner_in_objects, found.counts.newest, found.complete)
        self._content.update(orjson.dumps([found.owner_in_objects, sorted(found.complete)]))
        content = self._content.digest()
        return ExportSummary(found.identity, found.left_out, found.counts.kinds, content, found.complete)

    def pieces(self) -> Iterator[bytes]:
        """Yield the stored form: the head, and what was written."""
        head = orjson.dumps(self._head.to_json())
        yield LENGTH.pack(len(head)) + head
        yield from self.file.pieces()

    def opened(self) -> OpenedExport:
        """Return the head, and the pages for `stored_pages`."""
        self.file.seek(0)
        return self._head, cast(BinaryIO, self.file)

    def close(self) -> None:
        """Delete the file."""
        self.file.close()

    def _add(self, page: bytes) -> None:
        length = LENGTH.pack(len(page))
        self._content.update(length + page)
        self.file.write(length + page)
        if self.file.tell() > self._max_bytes:
            raise takes_too_much()


@dataclass(frozen=True, slots=True)
class ReadArchive:
    """An archive that was read to its end: what is in it, and its objects."""

    summary: ExportSummary
    objects: ReadObjects = field(repr=False)


@asynccontextmanager
async def reading_export(
    platform: Platform,
    source: Source,
    archive: RawIOBase,
    progress: Callable[[float], None] = lambda _: None,
    account: str = "",
) -> AsyncIterator[ReadArchive]:
    """Read an archive to its end. Raises Broken, whose message is for the person, or ReaderFailed.

    Args:
        platform: Its readers read the archive.
        source: The source.
        archive: The archive. It is not needed afterwards.
        progress: Is called with the share of the archive that was read, between 0 and 1.
        account: Which account of an archive from another PrivateShare is read, if it is one.
    """
    reader = BufferedReader(archive, PIECE_BYTES)
    objects = ReadObjects(platform.settings.data, platform.settings.max_upload_bytes)
    try:
        async with aclosing(platform.archive_readers.read_export(source, reader, progress, account)) as pages:
            summary = await objects.fill(pages)
        yield ReadArchive(summary, objects)
    finally:
        objects.close()
        reader.detach()  # Otherwise the reader would close the archive when it is deleted.


def opened_export(stream: BinaryIO) -> OpenedExport:
    """Open a stored export. Blocks."""
    stream.seek(0)
    return ExportHead.from_json(orjson.loads(_part(stream) or b"")), stream


def stored_pages(
    opened: OpenedExport, schema: ObjectSchema, service_type: int, owner: str, known: KnownPages | None = None
) -> Iterator[EntryPage]:
    """Yield the pages of a stored export.

    Args:
        opened: The export.
        schema: The schema of the objects.
        service_type: The service type of the source.
        owner: What the objects are to call their owner.
        known: Which pages are not needed; None if all are.

    Raises:
        Broken: A page cannot be read.
    """
    head, stream = opened
    change = OwnerChange(f"{service_type}_{head.owner}", f"{service_type}_{owner}")
    is_changed = schema.standard == DIGIME and change.old != change.new
    while (part := _part(stream)) is not None:
        fingerprint = known.fingerprint(part) if known is not None else b""
        if known is not None and known.skips(fingerprint):
            continue
        try:
            page = decode_page(part, change if is_changed else None)
        except FrameError as error:
            log.error("a reader of archives wrote a page that cannot be read", reason=str(error))
            raise our_fault() from error
        if known is not None:
            known.note(fingerprint, page)
        yield page


def milliseconds_now() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _part(stream: BinaryIO) -> bytes | None:
    length = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(length)[0]) if length else None
