"""Mapped files: objects merged into whole files, each of one type, one account, one month. Protocol 6.6."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealed import put_sealed, read_sealed
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.tables import Account, DoomedBlob, File
from privateshare.platform.library.encoding import array_texts, at_rest, fingerprint, json_array, plain
from privateshare.platform.library.libraries import FILE_HASH, OpenAccount, OpenLibrary
from privateshare.platform.library.spool import Slot
from privateshare.protocol.window import ALL_TIME, Window, hull
from privateshare.sources.contract import JsonObject, ObjectSchema
from privateshare.sources.entries import Entry, entry_of

MAX_OBJECTS = 20_000  # in one file; a slot with more has several


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file whose new content is in the blob store, and not yet in the database.

    `window` holds everything in it that has a date; None if nothing has.
    """

    part: int
    object_count: int
    blob: str
    size: int
    sealed_sha256: bytes
    window: Window | None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a library's files are written and read."""

    blobs: BlobStore
    library: OpenLibrary

    def write_slot(
        self, account_id: UUID, schema: ObjectSchema, existing: Sequence[File], entries: Iterable[Entry]
    ) -> list[WrittenFile]:
        """Merge objects into the files of an account's slot; give those whose content changed. Blocks.

        Later objects win.
        """
        account = self.library.account(account_id)
        merged = {entry.entity_id: entry for file in existing for entry in self._entries(schema, file)}
        merged.update((entry.entity_id, entry) for entry in entries)
        ordered = sorted(merged.values(), key=lambda entry: (entry.moment or 0, entry.entity_id))
        parts = [ordered[start : start + MAX_OBJECTS] for start in range(0, len(ordered), MAX_OBJECTS)]
        known = {file.part: self.sha256(file) for file in existing}
        return [
            self._write(account, part, data, entries)
            for part, entries in enumerate(parts, start=1)
            if fingerprint(data := json_array(entry.data for entry in entries)) != known.get(part)
        ]

    def kept(self, file: File) -> Iterator[bytes]:
        """A file's bytes as they are kept: zstd. Raises BlobNotFound, SealBroken."""
        key = self.library.account(file.account_id).key
        return read_sealed(self.blobs, file.blob, key.value, self.library.blob_context(file.blob))

    def sha256(self, file: File) -> str:
        """The hash of a file's plain JSON, which is sealed too: it would confirm a guess of what is in it."""
        return self.library.account(file.account_id).open(FILE_HASH, file.blob, file.sealed_sha256).decode()

    def texts(self, file: File) -> list[bytes]:
        """A file's objects as they are kept, with every digit of their numbers."""
        return array_texts(b"".join(plain(self.kept(file))))

    def objects(self, file: File) -> list[JsonObject]:
        """A file's objects."""
        return [orjson.loads(text) for text in self.texts(file)]

    def _entries(self, schema: ObjectSchema, file: File) -> Iterator[Entry]:
        return (entry_of(schema, orjson.loads(text), text) for text in self.texts(file))

    def _write(self, account: OpenAccount, part: int, data: bytes, entries: Sequence[Entry]) -> WrittenFile:
        blob = self.library.blob(f"file/{uuid4()}")
        put_sealed(self.blobs, blob, account.key.value, self.library.blob_context(blob), [at_rest(data)])
        sealed_sha256 = account.seal(FILE_HASH, blob, fingerprint(data).encode())
        return WrittenFile(part, len(entries), blob, len(data), sealed_sha256, _window_of(entries))


def _window_of(entries: Sequence[Entry]) -> Window | None:
    """Return the window of a file. Of one where only some have dates it is all time, so that each is looked at."""
    windows = [entry.window for entry in entries]
    dated = [window for window in windows if window is not None]
    return hull(dated) if len(dated) in (0, len(windows)) else ALL_TIME


async def slot_files(db: AsyncSession, account: Account, slot: Slot) -> list[File]:
    """The files of a slot, first part first."""
    query = select(File).where(
        File.library_id == account.library_id,
        File.account_id == account.id,
        File.object_type == slot.object_type,
        File.month == (slot.month or None),
    )
    return list(await db.scalars(query.order_by(File.part)))


async def record_files(
    db: AsyncSession, account: Account, slot: Slot, schema: ObjectSchema, written: Sequence[WrittenFile]
) -> None:
    """Makes written files the current ones; `updated_at` grows. What they replace is doomed."""
    current = {file.part: file for file in await slot_files(db, account, slot)}
    for new in written:
        file = current.get(new.part)
        if file is None:
            file = _new_file(account, slot, schema, new.part)
            db.add(file)
        else:
            db.add(DoomedBlob(key=file.blob))
        file.updated_at = max(int(time.time() * 1000), (file.updated_at or 0) + 1)
        file.object_count, file.blob, file.size = new.object_count, new.blob, new.size
        file.sealed_sha256 = new.sealed_sha256
        window = new.window or ALL_TIME
        file.dated, file.dated_from, file.dated_to = new.window is not None, window.start, window.end
    await db.flush()


def _new_file(account: Account, slot: Slot, schema: ObjectSchema, part: int) -> File:
    dated = f"_D{slot.month}" if slot.month else ""
    name = f"18_{account.service_group}_{account.service_type}_{account.number}_{slot.object_type}{dated}_{part}.json"
    return File(
        library_id=account.library_id,
        account_id=account.id,
        name=name,
        service_group=account.service_group,
        service_type=account.service_type,
        object_type=slot.object_type,
        month=slot.month or None,
        part=part,
        schema_standard=schema.standard,
        schema_version=schema.version,
        updated_at=0,
    )
