"""Mapped files: files of objects of one account, one type and one month. Protocol 6.6."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple, TypeAlias
from uuid import UUID, uuid4

import msgspec
import orjson
import structlog
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealed import check_ends, put_sealed, read_sealed
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.db.tables import AccountRow, BlobToDeleteRow, FileRow
from privateshare.platform.library.encoding import (
    compress_stored,
    decompress_stored,
    json_array,
    sha256_hex,
    split_json_array,
)
from privateshare.platform.library.libraries import FILE_DATES, FILE_HASH, FILE_ORIGINS, FILES, OpenAccount, OpenLibrary
from privateshare.platform.library.object_buffer import Slot
from privateshare.platform.library.origins import pack_origins, unpack_origins
from privateshare.protocol.object_time import FHIR, is_exact_moment, month_of
from privateshare.protocol.window import ALL_TIME, Window
from privateshare.sources.contract import JsonObject, ObjectSchema
from privateshare.sources.entries import Entry, entry_of, stored_provenance
from privateshare.sources.identity import UNKNOWN_ORIGIN, Origin

log = structlog.get_logger()
MAX_OBJECTS_PER_FILE = 20_000  # A slot with more objects has several files, called parts.


class StoredFile(NamedTuple):
    """The columns of a file that are needed to read it."""

    account_id: UUID
    name: str
    service_group: int
    service_type: int
    object_type: int
    month: int | None
    schema_standard: str
    schema_version: str
    object_count: int
    updated_at: int
    blob: str
    size: int
    sealed_sha256: bytes
    sealed_dates: bytes | None


ReadableFile: TypeAlias = FileRow | StoredFile


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file whose new content is in the blob store and not yet recorded in the database."""

    part: int
    object_count: int
    blob: str
    size: int
    sealed_sha256: bytes
    sealed_dates: bytes | None
    sealed_origins: bytes | None


class _BriefObject(msgspec.Struct, gc=False):
    """What is needed of a stored object to compare it with others."""

    entityid: str
    createddate: int


_BRIEF = msgspec.json.Decoder(list[_BriefObject])


def _decode_brief(data: bytes) -> Sequence[_BriefObject] | None:
    """Decode the objects of a file of schema `digime`; None if not all of them have an exact date."""
    try:
        found = _BRIEF.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        return None
    is_exact = all(is_exact_moment(brief.createddate) for brief in found)
    return found if is_exact else None


@dataclass(frozen=True, slots=True)
class MappedFiles:
    """Reads and writes a library's mapped files in the blob store."""

    blobs: BlobStore
    library: OpenLibrary

    def write_slot(
        self,
        account_id: UUID,
        schema: ObjectSchema,
        existing: Sequence[FileRow],
        entries: Iterable[Entry],
        keeps: Callable[[Entry], bool] = lambda _: True,
        lost: Collection[str] = (),
    ) -> list[WrittenFile]:
        """Merge objects into a slot's files. Blocks.

        Args:
            account_id: The account that the slot belongs to.
            schema: The schema of the objects.
            existing: The slot's files.
            entries: The incoming objects.
            keeps: Decides which objects of the existing files are kept.
            lost: The blobs of existing files that cannot be read. These files are written in any case.

        Returns:
            The files whose content changed. A file that has lost all its objects is written with an empty list.
        """
        account = self.library.account(account_id)
        readable = [file for file in existing if file.blob not in lost]
        stored = (entry for file in readable for entry in self.entries(schema, file) if keeps(entry))
        merged = {(entry.entity_id, entry.content): entry for entry in stored}
        for entry in entries:
            key = (entry.entity_id, entry.content)
            merged[key] = _with_origin(entry, merged[key]) if key in merged else entry
        ordered = sorted(merged.values(), key=lambda entry: (entry.moment or 0, entry.entity_id, entry.data))
        parts = [
            ordered[start : start + MAX_OBJECTS_PER_FILE] for start in range(0, len(ordered), MAX_OBJECTS_PER_FILE)
        ]
        parts += [[] for _ in range(len(parts), max((file.part for file in existing), default=0))]
        known = {file.part: self.sha256(file) for file in readable}
        return [
            self._write(account, part, data, entries)
            for part, entries in enumerate(parts, start=1)
            if sha256_hex(data := json_array(entry.data for entry in entries)) != known.get(part)
        ]

    def stored_bytes(self, file: ReadableFile) -> Iterator[bytes]:
        """Decrypt a file chunk by chunk. Its content is still zstd-compressed.

        Raises UnreadableBlob, KeyLost or AccountGone.
        """
        key = self.library.account(file.account_id).key
        return read_sealed(self.blobs, file.blob, key.value, self.library.blob_context(file.blob))

    def check_ends(self, file: ReadableFile) -> None:
        """Check the beginning and end of a file, to detect most damage before streaming. Raises UnreadableBlob."""
        key = self.library.account(file.account_id).key
        check_ends(self.blobs, file.blob, key.value, self.library.blob_context(file.blob))

    def check_whole(self, file: ReadableFile) -> None:
        """Check that a file can be read to its end. Blocks, and raises UnreadableBlob."""
        for _ in self.stored_bytes(file):
            pass

    def sha256(self, file: ReadableFile) -> str:
        """Decrypt the SHA-256 of a file's JSON. It is encrypted because it could confirm a guess of the content."""
        return self.library.account(file.account_id).open(FILE_HASH, file.blob, file.sealed_sha256).decode()

    def window(self, file: ReadableFile) -> Window | None:
        """Return a window that contains the dates of all objects in a file; None if no object has a date."""
        if file.sealed_dates is None:  # A migration may clear them: see protocol/fhir_dates.py.
            return ALL_TIME
        dates = orjson.loads(self.library.account(file.account_id).open(FILE_DATES, file.blob, file.sealed_dates))
        return None if dates is None else Window(*dates)

    def texts(self, file: ReadableFile) -> list[bytes]:
        """Return a file's objects as the source wrote them, so that numbers keep all their digits."""
        return split_json_array(b"".join(decompress_stored(self.stored_bytes(file))))

    def objects(self, file: ReadableFile) -> list[JsonObject]:
        """Parse a file's objects. Raises UnreadableBlob."""
        return [orjson.loads(text) for text in self.texts(file)]

    def entries(self, schema: ObjectSchema, file: FileRow) -> Iterator[Entry]:
        """Yield a file's objects as entries, with their origins where they are known."""
        for text, origin in zip(self.texts(file), self.origins(file) or repeat(UNKNOWN_ORIGIN), strict=False):
            thing = orjson.loads(text)
            yield entry_of(schema, thing, text, stored_provenance(schema, thing, origin))

    def undated_entries(
        self, schema: ObjectSchema, file: FileRow, ids: AbstractSet[int] | None = None
    ) -> Iterator[Entry]:
        """Yield a file's objects as entries that may lack `dates`, which takes a third of the time of `entries`.

        Args:
            schema: The schema of the objects.
            file: The file.
            ids: The digests of the entity ids that are needed; None for all. A file without them yields nothing.
        """
        data = b"".join(decompress_stored(self.stored_bytes(file)))
        found = None if schema.standard == FHIR else _decode_brief(data)
        if found is None:
            return self.entries(schema, file)
        if ids is not None and ids.isdisjoint([hash(brief.entityid) for brief in found]):
            return iter(())
        texts = split_json_array(data)
        return (
            Entry(brief.entityid, brief.createddate, None, text, hash(text))
            for brief, text in zip(found, texts, strict=True)
        )

    def origins(self, file: FileRow) -> Sequence[Origin] | None:
        """Return where each of a file's objects is from; None if that is not known of any."""
        if file.sealed_origins is None:
            return None
        return unpack_origins(self.library.account(file.account_id).open(FILE_ORIGINS, file.blob, file.sealed_origins))

    def _write(self, account: OpenAccount, part: int, data: bytes, entries: Sequence[Entry]) -> WrittenFile:
        blob = self.library.blob(f"{FILES}/{uuid4()}")
        put_sealed(self.blobs, blob, account.key.value, self.library.blob_context(blob), [compress_stored(data)])
        window, origins = _window_of(entries), _packed_origins(entries)
        dates = None if window is None else [window.start, window.end]
        return WrittenFile(
            part,
            len(entries),
            blob,
            len(data),
            account.seal(FILE_HASH, blob, sha256_hex(data).encode()),
            account.seal(FILE_DATES, blob, orjson.dumps(dates)),
            account.seal(FILE_ORIGINS, blob, origins) if origins is not None else None,
        )


def _window_of(entries: Sequence[Entry]) -> Window | None:
    """Compute the window of a file. If only some objects have dates it is all time, so that each object is checked."""
    dated = [entry.dates for entry in entries if entry.dates is not None]
    if not dated:
        return None
    starts = [start for start, _ in dated if start is not None]
    ends = [end for _, end in dated if end is not None]
    start = min(starts) if len(starts) == len(entries) else None
    end = max(ends) if len(ends) == len(entries) else None
    return Window(start, end)


def _origin_of(entry: Entry) -> Origin:
    return entry.provenance.origin if entry.provenance is not None else UNKNOWN_ORIGIN


def _packed_origins(entries: Sequence[Entry]) -> bytes | None:
    if all(entry.provenance is None for entry in entries):
        return None
    return pack_origins([_origin_of(entry) for entry in entries])


def _with_origin(entry: Entry, stored: Entry) -> Entry:
    """Return the stored equal of an object if the new one does not know its origin, so that the origin is not lost."""
    return stored if _origin_of(entry) == UNKNOWN_ORIGIN else entry


async def files_of_slots(
    db: AsyncSession, account: AccountRow, object_type: int, slots: Collection[Slot]
) -> Mapping[Slot, list[FileRow]]:
    """Return the files of some slots of one object type, ordered by part."""
    months = [slot.month for slot in slots if slot.month]
    in_slots: ColumnElement[bool] = FileRow.month.in_(months)
    if len(months) < len(slots):
        in_slots |= FileRow.month.is_(None)
    query = select(FileRow).where(
        FileRow.library_id == account.library_id,
        FileRow.account_id == account.id,
        FileRow.object_type == object_type,
        in_slots,
    )
    found: dict[Slot, list[FileRow]] = {slot: [] for slot in slots}
    for file in await db.scalars(query.order_by(FileRow.part)):
        found[Slot(object_type, file.month or 0)].append(file)
    return found


async def files_of_type(db: AsyncSession, account: AccountRow, object_type: int) -> list[FileRow]:
    """Return an account's files of one object type."""
    query = select(FileRow).where(
        FileRow.library_id == account.library_id, FileRow.account_id == account.id, FileRow.object_type == object_type
    )
    return list(await db.scalars(query))


async def types_with_files(db: AsyncSession, account: AccountRow) -> set[int]:
    """Return the object types of an account's files."""
    query = select(FileRow.object_type).where(
        FileRow.library_id == account.library_id, FileRow.account_id == account.id
    )
    return set(await db.scalars(query.distinct()))


async def has_files(db: AsyncSession, account: AccountRow) -> bool:
    """Return whether anything was ever written for an account."""
    files = exists().where(FileRow.library_id == account.library_id, FileRow.account_id == account.id)
    return bool(await db.scalar(select(files)))


def replace_files(
    db: AsyncSession,
    account: AccountRow,
    slot: Slot,
    schema: ObjectSchema,
    existing: Iterable[FileRow],
    written: Iterable[WrittenFile],
) -> None:
    """Let written files replace the existing ones of a slot, and list the blobs that are not needed for deletion.

    The rows are stored when the session is flushed. `updated_at` always increases, even if the clock does not.
    """
    current = {file.part: file for file in existing}
    for new in written:
        file = current.get(new.part)
        if file is None:
            file = _new_file(account, slot, schema, new.part)
            db.add(file)
        elif file.lost is None:
            db.add(BlobToDeleteRow(key=file.blob))
        else:  # The blob stays until the nightly sweep of orphans, in case it is not lost after all.
            log.warning(
                "a lost file was written anew with what is there now",
                account=account.public_id,
                file=file.name,
                objects_before=file.object_count,
                objects=new.object_count,
            )
            file.lost = None
        file.updated_at = max(int(time.time() * 1000), (file.updated_at or 0) + 1)
        file.object_count, file.blob, file.size = new.object_count, new.blob, new.size
        file.sealed_sha256, file.sealed_dates = new.sealed_sha256, new.sealed_dates
        file.sealed_origins = new.sealed_origins


def _new_file(account: AccountRow, slot: Slot, schema: ObjectSchema, part: int) -> FileRow:
    dated = f"_D{slot.month}" if slot.month else ""
    name = f"18_{account.service_group}_{account.service_type}_{account.number}_{slot.object_type}{dated}_{part}.json"
    return FileRow(
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


async def stored_newest(db: AsyncSession, files: MappedFiles, account: AccountRow, now: int) -> Mapping[int, int]:
    """Find the newest date of each object type that is stored of an account, as far as it is known.

    Args:
        db: The transaction.
        files: The files of the library.
        account: The account.
        now: The time in milliseconds. Later dates, such as those of a calendar, do not say how new something is.
    """
    query = select(FileRow).where(
        FileRow.library_id == account.library_id,
        FileRow.account_id == account.id,
        FileRow.lost.is_(None),
        FileRow.month <= month_of(now),
    )
    newest: dict[int, list[FileRow]] = {}
    for file in await db.scalars(query.order_by(FileRow.month.desc())):
        latest = newest.setdefault(file.object_type, [file])
        if file is not latest[0] and file.month == latest[0].month:
            latest.append(file)
    found: dict[int, int] = {}
    for object_type, latest in newest.items():
        windows = [files.window(file) for file in latest]
        ends = [window.end for window in windows if window is not None and window.end is not None]
        if past := [end for end in ends if end <= now]:
            found[object_type] = max(past)
    return found
