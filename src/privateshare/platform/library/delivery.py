"""What a session may read, listed and streamed: contract, consent and session decide together. Protocol 5.2, 6."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealed import CHECK_ENDS_ABOVE_BYTES, UnreadableBlob
from privateshare.platform.db.tables import ConsentAccountRow, ConsentRow, ContractRow, FileRow, SessionRow
from privateshare.platform.library.encoding import (
    compressed,
    delivered,
    fingerprint,
    json_array,
)
from privateshare.platform.library.libraries import KeyLost
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.messages import Compression, FileEntry, Schema, SessionOptions
from privateshare.protocol.object_time import month_window, object_window
from privateshare.protocol.scope import ObjectKind, Reach, allows, reach_of_contract, reach_of_scope
from privateshare.protocol.window import ALL_TIME, Window


@dataclass(frozen=True, slots=True)
class ReadPermission:
    """What one session may read."""

    reaches: tuple[Reach, ...]
    compression: Compression

    def allows_kind(self, file: FileRow) -> bool:
        """Whether objects of this file's type may be read."""
        kind = ObjectKind(file.service_group, file.service_type, file.object_type)
        return all(reach.allows_kind(kind) for reach in self.reaches)

    @property
    def has_limit(self) -> bool:
        """Whether there are times of which nothing may be read."""
        return any(reach.windows is not None for reach in self.reaches)

    def touches(self, window: Window | None) -> bool:
        """Whether anything of a file may be read whose objects' dates lie in a stretch of time."""
        return window is None or all(reach.touches(window) for reach in self.reaches)

    def allows_whole(self, window: Window | None) -> bool:
        """Whether everything of such a file may be read."""
        return all(reach.allows_time(window) for reach in self.reaches)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file as one session gets it: its plain data's size and hash, and its bytes as they were asked for."""

    entry: FileEntry
    compression: Compression
    size: int
    sha256: str
    chunks: Iterator[bytes]
    pushed: dict[str, Any] | None = None
    account_ids: frozenset[UUID] = frozenset()  # whose data it is

    def to_header(self) -> dict[str, Any]:
        """What `X-Metadata` tells of it: of mapped objects, or of a pushed file. Protocol 6.3, 6.4."""
        entry = self.entry.to_wire()
        names = ("objectCount", "objectType", "serviceGroup", "serviceName", "schema")
        header: dict[str, Any] = {
            "metadata": self.pushed or {name: entry[name] for name in names if name in entry},
            "size": self.size,
            "sha256": self.sha256,
        }
        return header if self.compression is Compression.NONE else header | {"compression": self.compression.value}


def readable(contract: ContractRow, consent: ConsentRow, session: SessionRow) -> ReadPermission:
    """What a session may read: the contract as it is, the one that the person saw, and the session's own scope."""
    options = SessionOptions.model_validate(session.options)
    now: datetime = session.created_at
    reaches = (
        reach_of_contract(contract.document, now),
        reach_of_contract(consent.document, now),
        reach_of_scope(options.scope, now),
    )
    asked = options.accept.compression if options.accept else None
    return ReadPermission(reaches, asked or Compression.GZIP)


async def readable_files(db: AsyncSession, consent: ConsentRow, may: ReadPermission) -> list[FileRow]:
    """The files of which a session may read something, as far as their object types tell."""
    files = await db.scalars(_files_of(consent).order_by(FileRow.name))
    return [file for file in files if may.allows_kind(file)]


async def readable_file(db: AsyncSession, consent: ConsentRow, may: ReadPermission, name: str) -> FileRow | None:
    """The file of this name, if the session may read any of it, as far as its object type tells."""
    file = await db.scalar(_files_of(consent).where(FileRow.name == name))
    return file if file is not None and may.allows_kind(file) else None


def _files_of(consent: ConsentRow) -> Select[FileRow]:
    shown = (ConsentAccountRow.library_id == FileRow.library_id) & (ConsentAccountRow.account_id == FileRow.account_id)
    of_consent = (ConsentAccountRow.consent_id == consent.id, FileRow.library_id == consent.library_id)
    return select(FileRow).join(ConsentAccountRow, shown).where(*of_consent)


@dataclass(frozen=True, slots=True)
class Listed:
    """The files of a session, and what of them could not be read to count what is in it."""

    entries: list[FileEntry]
    unreadable: list[UnreadableBlob]


def list_files(shelf: MappedFiles, files: Sequence[FileRow], may: ReadPermission) -> Listed:
    """List the files; those that hold nothing for this session are left out. Blocks. Protocol 6.2.

    One that cannot be read is listed with no objects, so that whoever reads it is told.
    """
    listed = Listed([], [])
    for file in files:
        try:
            count = _count(shelf, file, may)
        except UnreadableBlob as error:
            listed.unreadable.append(error)
            listed.entries.append(entry_of(file, 0))
        except KeyLost:  # of its account: the operator was told when the library was opened
            listed.entries.append(entry_of(file, 0))
        else:
            if count is not None:
                listed.entries.append(entry_of(file, count))
    return listed


def deliver(shelf: MappedFiles, file: FileRow, may: ReadPermission) -> Delivery | None:
    """A file as the session gets it, None if nothing in it is for this session. Blocks. Raises UnreadableBlob.

    When all of it is in scope it is not parsed, else it is filtered object by object.
    """
    whose, window = frozenset({file.account_id}), _window(shelf, file, may)
    if not may.touches(window) or _is_emptied_elsewhere(file, may):
        return None
    if may.allows_whole(window):
        if file.size > CHECK_ENDS_ABOVE_BYTES:
            shelf.check_ends(file)
        chunks = delivered(shelf.kept(file), may.compression)
        entry = entry_of(file, file.object_count)
        return Delivery(entry, may.compression, file.size, shelf.sha256(file), chunks, account_ids=whose)
    objects = _allowed_objects(shelf, file, may)
    if not objects:
        return None
    data = json_array(objects)
    chunks = compressed([data], may.compression)
    entry = entry_of(file, len(objects))
    return Delivery(entry, may.compression, len(data), fingerprint(data), chunks, account_ids=whose)


def entry_of(file: FileRow, object_count: int) -> FileEntry:
    """A file's entry in a list."""
    entries = catalogue()
    return FileEntry(
        name=file.name,
        updated_date=file.updated_at,
        object_version=file.schema_version,
        schema_=Schema(standard=file.schema_standard, version=file.schema_version),
        service_group=entries.service_groups[file.service_group].reference,
        service_name=entries.service_types[file.service_type].reference,
        object_type=entries.object_types[file.object_type].reference,
        object_count=object_count,
    )


def _count(shelf: MappedFiles, file: FileRow, may: ReadPermission) -> int | None:
    """Count the objects in a file that are for this session; None if it must not know of the file."""
    window = _window(shelf, file, may)
    if not may.touches(window) or _is_emptied_elsewhere(file, may):
        return None
    if may.allows_whole(window):
        return file.object_count
    return len(_allowed_objects(shelf, file, may)) or None


def _window(shelf: MappedFiles, file: FileRow, may: ReadPermission) -> Window | None:
    """Return between which dates a file's objects lie, if that matters to this session."""
    return shelf.window(file) if may.has_limit else ALL_TIME


def _is_emptied_elsewhere(file: FileRow, may: ReadPermission) -> bool:
    """Whether all objects of a file went, and its month says that they were none of this session's.

    An empty file is listed, so that who has read it learns that there is nothing in it any more.
    """
    return file.object_count == 0 and not may.touches(month_window(file.month))


def _allowed_objects(shelf: MappedFiles, file: FileRow, may: ReadPermission) -> list[bytes]:
    kind = ObjectKind(file.service_group, file.service_type, file.object_type)
    return [
        text
        for text in shelf.texts(file)
        if allows(may.reaches, kind, object_window(file.schema_standard, orjson.loads(text)))
    ]
