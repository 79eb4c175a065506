"""The objects of an export that was read, until they are imported: a large export is then read only once.

A stored export begins with a head, and then has pages of objects, each compressed:

    length (4 bytes), head as JSON: what the objects call their owner, the newest dates, and what is complete
    length (4 bytes), page as in `sources/frames.py`, compressed; any number of times

The objects were made before it was known which account they belong to. What they call their owner is replaced when they
are read again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

import orjson

from privateshare.platform.archive_readers import ReadExport
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.protocol import zstd
from privateshare.sources.contract import Identity, ObjectSchema
from privateshare.sources.entries import Entry, digest
from privateshare.sources.failures import LeftOut, decode_left_out, encode_left_out, takes_too_much
from privateshare.sources.frames import EntryPage, decode_page, encode_page

LENGTH = Struct(">I")
DIGIME = "digime"
MAX_KNOWN_IDS = 200_000  # Of each object type; their hashes take about 12 MB.


@dataclass(slots=True)
class CountedObjects:
    """How many objects of a type an export has, and the dates of the first and the last; None if none has a date.

    An object that comes again, such as a track of several playlists, is counted once, as it is stored once: up to
    some number of objects, so that memory stays small.
    """

    number: int = 0
    first: int | None = None
    last: int | None = None
    _known: set[int] = field(default_factory=set, repr=False, compare=False)

    def add(self, entry: Entry) -> None:
        """Count an object."""
        own = hash(entry.entity_id)
        if own not in self._known or entry.provenance is not None:
            self.number += 1
        if len(self._known) < MAX_KNOWN_IDS:
            self._known.add(own)
        if entry.moment is not None:
            self.first = entry.moment if self.first is None else min(self.first, entry.moment)
            self.last = entry.moment if self.last is None else max(self.last, entry.moment)


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


class ReadObjects:
    """The objects of an export in an encrypted temporary file. It must be closed."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.file = SealedTemporary(folder)
        self._max_bytes, self._content = max_bytes, sha256()
        self._kinds: dict[int, CountedObjects] = {}
        self._head = ExportHead()
        self._now, self._newest = milliseconds_now(), dict[int, int]()

    async def fill(self, pages: AsyncIterator[EntryPage | ReadExport]) -> ExportSummary:
        """Write the pages of an export, and return what is in it. Raises Broken, and what `pages` raises."""
        found = None
        async for page in pages:
            if isinstance(page, ReadExport):
                found = page
            else:
                await asyncio.to_thread(self._add, page)
        assert found is not None
        self._head = ExportHead(found.owner_in_objects, self._newest, found.complete)
        self._content.update(orjson.dumps([found.owner_in_objects, sorted(found.complete)]))
        content = self._content.digest()
        return ExportSummary(found.identity, found.left_out, self._kinds, content, found.complete)

    def pieces(self) -> Iterator[bytes]:
        """Yield the stored form: the head, and what was written."""
        head = orjson.dumps(self._head.to_json())
        yield LENGTH.pack(len(head)) + head
        self.file.seek(0)
        while piece := self.file.read(256 * 1024):
            yield piece

    def close(self) -> None:
        """Delete the file."""
        self.file.close()

    def _add(self, page: EntryPage) -> None:
        for object_type, entry in page.entries:
            if not entry.is_deletion:
                self._kinds.setdefault(object_type, CountedObjects()).add(entry)
                end = entry.window.end if entry.window is not None else None
                if end is not None and end <= self._now:
                    self._newest[object_type] = max(end, self._newest.get(object_type, end))
        content = b"".join(encode_page(page))
        self._content.update(content)
        packed = zstd.compress(content)
        self.file.write(LENGTH.pack(len(packed)) + packed)
        if self.file.tell() > self._max_bytes:
            raise takes_too_much()


def stored_head(stream: BinaryIO) -> ExportHead:
    """Read the head of a stored export."""
    return ExportHead.from_json(orjson.loads(_part(stream) or b""))


def stored_pages(
    stream: BinaryIO, head: ExportHead, schema: ObjectSchema, service_type: int, owner: str
) -> Iterator[EntryPage]:
    """Yield the pages of a stored export.

    Args:
        stream: The stored form, after its head.
        head: The head.
        schema: The schema of the objects.
        service_type: The service type of the source.
        owner: What the objects are to call their owner.
    """
    old, new = f"{service_type}_{head.owner}", f"{service_type}_{owner}"
    while (part := _part(stream)) is not None:
        page = decode_page(zstd.decompress(part))
        if schema.standard == DIGIME and old != new:
            for _, entry in page.entries:
                _rename(entry, old, new)
        yield page


def milliseconds_now() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _part(stream: BinaryIO) -> bytes | None:
    length = stream.read(LENGTH.size)
    return stream.read(LENGTH.unpack(length)[0]) if length else None


def _rename(entry: Entry, old: str, new: str) -> None:
    """Replace what an object calls its owner, in ids that are or begin with it, and nowhere in what people wrote."""
    if not entry.is_deletion:
        is_owned = entry.entity_id.startswith(f"{old}_")
        entry.entity_id = new + entry.entity_id.removeprefix(old) if is_owned else entry.entity_id
        for end in (b'"', b"_"):
            entry.data = entry.data.replace(b'"' + _in_json(old) + end, b'"' + _in_json(new) + end)
        entry.content = digest(entry.data)


@lru_cache(maxsize=4)
def _in_json(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]
