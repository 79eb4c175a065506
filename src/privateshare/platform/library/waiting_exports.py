"""Exports that were read, and wait until the person says whether to add them.

    previewed/{owner}/{export}/about      what was found, or how far the reading is
    previewed/{owner}/{export}/objects    the objects, as in `read_exports.py`, or the file if it was not read

No row refers to them, as with the parts of uploads (ADR 51): they are encrypted with a key that only the browser of a
journey, or the library, yields. They are deleted when the person has decided, and otherwise by the sweep.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson

from privateshare.errors import RequestTooLarge
from privateshare.platform.blobs.sealed import UnreadableBlob, put_sealed, read_sealed
from privateshare.platform.blobs.store import BlobNotFound
from privateshare.platform.keys.wrapping import DataKey
from privateshare.platform.library.dropped_files import PREVIEWED_PREFIX
from privateshare.platform.library.read_exports import ExportFile, ExportSummary
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Broken
from privateshare.sources.failures import decode_left_out, encode_left_out

MAX_WAITING, MAX_READING = 60, 20
ABOUT, OBJECTS = "about", "objects"
# The process that reads an export says so every few seconds. Without a word for this long, it has ended.
SILENCE = timedelta(seconds=60)


class NotWaiting(Exception):
    """The person has decided about an export meanwhile, such as in another tab."""


State = Literal["reading", "ready", "problem"]


@dataclass(slots=True)
class WaitingExport:
    """An export that is being read, waits for the person, or could not be read.

    Attributes:
        id: Its id.
        file: The name of the file; empty if it has none.
        source: The source; None if the file was not recognised.
        state: How far it is.
        created: When it was uploaded.
        size: The bytes of its file while that waits to be read, or is read; 0 if another export has the same file.
        progress: The share that was read so far; None if its file waits to be read.
        touched: When this was last written.
        summary: What is in it, once it was read.
        problem: What is wrong with it.
        sha256: The SHA-256 of the bytes of its file.
        known_in: The account that has everything in it already; None unless the file was uploaded before. Such a file
            is not read again, and is what is kept of it.
        brought_in: Whether it is of an archive from another PrivateShare.
        sample: The sample data set that it is of, if it was brought in and is of one.
    """

    id: str
    file: str
    source: int | None
    state: State
    created: datetime
    size: int = 0
    progress: float | None = None
    touched: datetime = field(default_factory=lambda: datetime.now(UTC))
    summary: ExportSummary | None = field(default=None, repr=False)
    problem: Broken | None = None
    sha256: bytes = field(default=b"", repr=False)
    known_in: UUID | None = None

    brought_in: bool = False
    sample: str | None = None

    @property
    def export_file(self) -> ExportFile:
        """The file, and what is in it. It must be ready."""
        assert self.summary is not None
        return ExportFile(self.sha256, self.summary, self.file)

    def is_interrupted(self, now: datetime) -> bool:
        """Return whether the process that read it has ended."""
        return self.state == "reading" and now - self.touched > SILENCE

    def to_json(self) -> dict[str, Any]:
        """Convert it to a JSON object."""
        return {
            "id": self.id,
            "file": self.file,
            "source": self.source,
            "state": self.state,
            "created": self.created.isoformat(),
            "size": self.size,
            "progress": self.progress,
            "touched": self.touched.isoformat(),
            "summary": self.summary.to_json() if self.summary else None,
            "problem": _problem_to_json(self.problem) if self.problem else None,
            "sha256": self.sha256.hex(),
            "known_in": str(self.known_in) if self.known_in else None,
            "brought_in": self.brought_in,
            "sample": self.sample,
        }

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> "WaitingExport":
        """Convert the result of `to_json` back."""
        return cls(
            written["id"],
            written["file"],
            written["source"],
            written["state"],
            datetime.fromisoformat(written["created"]),
            written["size"],
            written["progress"],
            datetime.fromisoformat(written["touched"]),
            ExportSummary.from_json(written["summary"]) if written["summary"] else None,
            _problem_from_json(*written["problem"]) if written["problem"] else None,
            bytes.fromhex(written["sha256"]),
            UUID(written["known_in"]) if written["known_in"] else None,
            written["brought_in"],
            written["sample"],
        )


def _problem_to_json(problem: Broken) -> list[Any]:
    left_out = encode_left_out(problem.left_out) if problem.left_out is not None else None
    return [problem.text, problem.values, left_out]


def _problem_from_json(text: str, values: dict[str, Any], left_out: Any) -> Broken:
    problem = Broken(text, **values)
    problem.left_out = decode_left_out(left_out) if left_out is not None else None
    return problem


def new_export(file: str, source: int | None, problem: Broken | None = None, *, size: int = 0) -> WaitingExport:
    """Begin an export that is about to be read, or one that has a problem."""
    state: State = "problem" if problem else "reading"
    return WaitingExport(uuid4().hex, file, source, state, datetime.now(UTC), size, problem=problem)


@dataclass(frozen=True, slots=True)
class WaitingExports:
    """The exports of one journey or library.

    Attributes:
        platform: Where they are stored.
        owner: The id of the journey or library.
        key: What they are encrypted with.
    """

    platform: Platform
    owner: UUID
    key: DataKey = field(repr=False)

    async def check_room(self, more: int = 0, size: int = 0, files: int | None = None) -> None:
        """Check that exports may wait, beside those that wait already. Raises RequestTooLarge.

        Args:
            more: How many they are.
            size: The bytes of their files. A file counts until it is read, and then what was read of it counts.
            files: How many files they are in; None if each is in one of its own.
        """
        exports, now = await self.all(), datetime.now(UTC)
        reading = [one for one in exports if one.state == "reading" and not one.is_interrupted(now)]
        files_read = sum(one.size > 0 or not one.brought_in for one in reading) + (more if files is None else files)
        if len(exports) + more > MAX_WAITING or files_read > MAX_READING:
            raise RequestTooLarge(
                f"At most {MAX_READING} exports can be read at a time, and {MAX_WAITING} can wait for a decision. "
                "Decide about these first"
            )
        most = self.platform.settings.max_upload_bytes
        if await asyncio.to_thread(self._size) + sum(one.size for one in reading) + size > most:
            raise RequestTooLarge(f"At most {most} bytes can wait for a decision. Decide about these exports first")

    async def put(self, export: WaitingExport) -> None:
        """Store what is known of an export."""
        export.touched = datetime.now(UTC)
        await asyncio.to_thread(self._put, export.id, ABOUT, [orjson.dumps(export.to_json())])

    async def put_objects(self, export: WaitingExport, pieces: Iterable[bytes]) -> None:
        """Store the objects of an export, or its file if it is not read."""
        await asyncio.to_thread(self._put, export.id, OBJECTS, pieces)

    async def all(self) -> Sequence[WaitingExport]:
        """Return all exports, in the order of upload."""
        return await asyncio.to_thread(self._all)

    def objects(self, export: WaitingExport) -> Iterator[bytes]:
        """Yield the objects of an export, or its file. Blocks, and raises UnreadableBlob."""
        blob = self._blob(export.id, OBJECTS)
        return read_sealed(self.platform.blobs, blob, self.key.value, blob.encode())

    async def has(self, export: WaitingExport) -> bool:
        """Return whether an export still waits for a decision."""
        return export.id in await asyncio.to_thread(self._ids)

    async def take(self, export: WaitingExport) -> None:
        """Delete an export that the transaction adds, which keeps all others from adding it at the same time.

        It is deleted before the commit: if that fails, the person uploads the file again, but nothing is added twice.
        Raises NotWaiting.
        """
        if not await self.has(export):
            raise NotWaiting
        await self.delete([export])

    async def delete(self, exports: Iterable[WaitingExport]) -> None:
        """Delete exports."""
        blobs = [self._blob(export.id, part) for export in exports for part in (ABOUT, OBJECTS)]
        await asyncio.to_thread(self.platform.blobs.delete, blobs)

    def _put(self, id_: str, part: str, pieces: Iterable[bytes]) -> None:
        blob = self._blob(id_, part)
        put_sealed(self.platform.blobs, blob, self.key.value, blob.encode(), pieces)

    def _size(self) -> int:
        size = 0
        for id_ in self._ids():
            with suppress(BlobNotFound):  # It is still being read, or was just deleted.
                size += self.platform.blobs.size(self._blob(id_, OBJECTS))
        return size

    def _ids(self) -> set[str]:
        return {key.split("/")[2] for key in self.platform.blobs.keys(f"{PREVIEWED_PREFIX}{self.owner}/")}

    def _all(self) -> Sequence[WaitingExport]:
        found = []
        for id_ in self._ids():
            blob = self._blob(id_, ABOUT)
            try:
                about = b"".join(read_sealed(self.platform.blobs, blob, self.key.value, blob.encode()))
            except UnreadableBlob:  # It was just deleted.
                continue
            found.append(WaitingExport.from_json(orjson.loads(about)))
        return sorted(found, key=lambda export: (export.created, export.id))

    def _blob(self, id_: str, part: str) -> str:
        return f"{PREVIEWED_PREFIX}{self.owner}/{id_}/{part}"
