"""Listing and streaming the files that a session may read. Contract, consent, choice and session all limit it.

Protocol 5.2, 6.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import structlog

from privateshare.platform.blobs.sealed import CHECK_ENDS_ABOVE_BYTES, UnreadableBlob
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.call_lookup import AlsoRead
from privateshare.platform.db.engine import Database
from privateshare.platform.db.statements import Statement
from privateshare.platform.db.tables import ConsentRow, ContractRow, SessionRow
from privateshare.platform.library.encoding import compress, json_array, recompress, sha256_hex
from privateshare.platform.library.libraries import KeyLost
from privateshare.platform.library.mapped_files import MappedFiles, ReadableFile, StoredFile
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.choice import Choice
from privateshare.protocol.messages import Compression
from privateshare.protocol.object_time import month_window, object_window
from privateshare.protocol.scope import ObjectKind, Reach, allows, reach_of_contract, reach_of_scope
from privateshare.protocol.window import ALL_TIME, Window

MAX_AT_HAND_BYTES = 16 * 1024  # Compressing and encrypting so much takes 0.2 ms.


class FilesOfType(NamedTuple):
    """The files of one type of an account: the name of each, when it was changed, and the number of its objects."""

    account_id: UUID
    service_group: int
    service_type: int
    object_type: int
    schema_standard: str
    schema_version: str
    names: list[str]
    updated_at: list[int]
    object_counts: list[int]


READABLE_FILES = Statement("readable_files", StoredFile)
FILES_BY_TYPE = Statement("files_by_type", FilesOfType)
READABLE_FILE = Statement("readable_file", StoredFile)

log = structlog.get_logger()


@dataclass(frozen=True)
class ReadPermission:
    """The object types and times that one session may read, and the compression that it asked for.

    `choice` is what the person chose to share of each account. Its dates are among `reaches`.
    """

    reaches: tuple[Reach, ...]
    choice: Choice
    compression: Compression

    def allows_kind(self, account_id: UUID, service_group: int, service_type: int, object_type: int) -> bool:
        """Return whether objects of this type of this account may be read."""
        kind = ObjectKind(service_group, service_type, object_type)
        shared = self.choice.allows(account_id, object_type)
        return shared and all(reach.allows_kind(kind) for reach in self.reaches)

    @cached_property
    def limits_time(self) -> bool:
        """Return whether only some times may be read."""
        return any(reach.windows is not None for reach in self.reaches)

    def touches(self, window: Window | None) -> bool:
        """Return whether any object may be read of a file whose dates lie in this window."""
        return window is None or all(reach.touches(window) for reach in self.reaches)

    def allows_whole(self, window: Window | None) -> bool:
        """Return whether every object may be read of a file whose dates lie in this window."""
        return all(reach.allows_time(window) for reach in self.reaches)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One file as one session receives it.

    Attributes:
        entry: The file's entry in the list of files, as JSON.
        compression: How `chunks` are compressed.
        size: The size of the uncompressed data in bytes.
        sha256: The hash of the uncompressed data.
        chunks: The data, compressed.
        pushed: The metadata of a pushed file; None for a mapped file.
        account_ids: The accounts that the data came from.
        is_at_hand: Whether reading the chunks takes little time and does not wait, so that it needs no thread.
    """

    entry: Mapping[str, Any]
    compression: Compression
    size: int
    sha256: str
    chunks: Iterator[bytes]
    pushed: dict[str, Any] | None = None
    account_ids: frozenset[UUID] = frozenset()
    is_at_hand: bool = False

    def to_header(self) -> dict[str, Any]:
        """Return the content of the header `X-Metadata`. Protocol 6.3, 6.4."""
        names = ("objectCount", "objectType", "serviceGroup", "serviceName", "schema")
        header: dict[str, Any] = {
            "metadata": self.pushed or {name: self.entry[name] for name in names if name in self.entry},
            "size": self.size,
            "sha256": self.sha256,
        }
        return header if self.compression is Compression.NONE else header | {"compression": self.compression.value}


def read_permission(contract: ContractRow, consent: ConsentRow, session: SessionRow) -> ReadPermission:
    """Compute what a session may read.

    Four limits apply: the contract as it is now, the contract as the person saw it, what they chose to share of it, and
    the session's own scope.
    """
    options = session.options
    now: datetime = session.created_at
    reaches = (
        reach_of_contract(contract.document, now),
        reach_of_contract(consent.document, now),
        consent.choice.reach,
        reach_of_scope(options.scope, now),
    )
    compression = options.accept.compression if options.accept else None
    return ReadPermission(reaches, consent.choice, compression or Compression.GZIP)


async def readable_files(database: Database, consent: ConsentRow, permission: ReadPermission) -> list[StoredFile]:
    """Return the files of the object types that a session may read. Their times are not checked here."""
    files = await database.rows(READABLE_FILES, {"consent_id": consent.id, "library_id": consent.library_id})
    allows_kind = cache(permission.allows_kind)  # Most files have the type of another one.
    return [
        file for file in files if allows_kind(file.account_id, file.service_group, file.service_type, file.object_type)
    ]


async def list_whole_files(database: Database, consent: ConsentRow, permission: ReadPermission) -> list[dict[str, Any]]:
    """List the files of the object types that a session may read, whose times are not limited. Protocol 6.2."""
    names = {"consent_id": consent.id, "library_id": consent.library_id}
    entries = [
        entry
        for files in await database.rows(FILES_BY_TYPE, names)
        if permission.allows_kind(files.account_id, files.service_group, files.service_type, files.object_type)
        for entry in _entries(files)
    ]
    entries.sort(key=itemgetter("name"))
    return entries


def _entries(files: FilesOfType) -> Iterator[dict[str, Any]]:
    of_type = _entry_of_type(files)
    for name, updated_at, count in zip(files.names, files.updated_at, files.object_counts, strict=True):
        yield {"name": name, "updatedDate": updated_at, **of_type, "objectCount": count}


def also_read_file(name: str) -> AlsoRead:
    """Return what finds the file of this name together with the caller, for `first_readable`."""
    return AlsoRead(READABLE_FILE, {"name": name})


async def files_named(database: Database, consent: ConsentRow, name: str) -> list[StoredFile]:
    """Return the files of this name of the accounts that a consent covers."""
    parameters = {"consent_id": consent.id, "library_id": consent.library_id, "name": name}
    return await database.rows(READABLE_FILE, parameters)


def first_readable(files: Iterable[StoredFile], permission: ReadPermission) -> StoredFile | None:
    """Return the file whose object type the session may read. Its times are not checked here."""
    for file in files:
        if permission.allows_kind(file.account_id, file.service_group, file.service_type, file.object_type):
            return file
    return None


@dataclass(frozen=True, slots=True)
class FileListing:
    """The entries of a session's files, and an error for each file whose objects could not be counted."""

    entries: list[dict[str, Any]]
    unreadable: list[UnreadableBlob]


def list_readable_files(
    mapped_files: MappedFiles, files: Sequence[ReadableFile], permission: ReadPermission
) -> FileListing:
    """List the files that contain something for a session whose times are limited. Blocks. Protocol 6.2.

    A file that cannot be read is listed with 0 objects, so that a client that reads it gets the error.
    """
    listed = FileListing([], [])
    for file in files:
        try:
            count = count_readable(mapped_files, file, permission)
        except UnreadableBlob as error:
            listed.unreadable.append(error)
            listed.entries.append(file_entry(file, 0))
        except KeyLost:  # The lost key was reported to the operator when the library was opened.
            listed.entries.append(file_entry(file, 0))
        except SealBroken as error:  # The account's key is not the one that its file was encrypted with.
            log.error("the dates of a file cannot be decrypted", blob=file.blob, reason=str(error))
            listed.entries.append(file_entry(file, 0))
        else:
            if count is not None:
                listed.entries.append(file_entry(file, count))
    return listed


def reads_before_delivery(file: ReadableFile, permission: ReadPermission) -> bool:
    """Return whether `open_delivery` reads the stored file, and so blocks."""
    return permission.limits_time or file.size > CHECK_ENDS_ABOVE_BYTES


def open_delivery(mapped_files: MappedFiles, file: ReadableFile, permission: ReadPermission) -> Delivery | None:
    """Open a file for the session to read; None if nothing in it is for this session. Raises UnreadableBlob.

    This blocks if `reads_before_delivery` says so. The chunks of the delivery block in any case.

    A file that is wholly in scope is streamed without parsing. Any other is filtered object by object.
    """
    account_ids, window = frozenset({file.account_id}), _window(mapped_files, file, permission)
    if not permission.touches(window) or _is_emptied_out_of_scope(file, permission):
        return None
    if permission.allows_whole(window):
        if file.size > CHECK_ENDS_ABOVE_BYTES:
            mapped_files.check_ends(file)
        if reads_before_delivery(file, permission):
            stored = mapped_files.stored_bytes(file)
        else:
            stored = _when_needed(mapped_files, file)
        chunks = recompress(stored, permission.compression)
        entry = file_entry(file, file.object_count)
        sha256 = mapped_files.sha256(file)
        is_at_hand = file.size <= MAX_AT_HAND_BYTES and mapped_files.blobs.is_at_hand(file.blob)
        return Delivery(
            entry, permission.compression, file.size, sha256, chunks, account_ids=account_ids, is_at_hand=is_at_hand
        )
    objects = allowed_objects(mapped_files, file, permission)
    if not objects:
        return None
    data = json_array(objects)
    chunks = compress([data], permission.compression)
    entry = file_entry(file, len(objects))
    return Delivery(entry, permission.compression, len(data), sha256_hex(data), chunks, account_ids=account_ids)


def _when_needed(mapped_files: MappedFiles, file: ReadableFile) -> Iterator[bytes]:
    """Yield the stored bytes of a file, which is opened when the first of them is needed."""
    yield from mapped_files.stored_bytes(file)


def file_entry(file: ReadableFile, object_count: int) -> dict[str, Any]:
    """Build a file's entry in the list of files: the JSON of a `FileEntry`, which would take ten times as long."""
    return {
        "name": file.name,
        "updatedDate": file.updated_at,
        **_entry_of_type(file),
        "objectCount": object_count,
    }


def _entry_of_type(file: ReadableFile | FilesOfType) -> dict[str, Any]:
    entries = catalogue()
    return {
        "objectVersion": file.schema_version,
        "schema": {"standard": file.schema_standard, "version": file.schema_version},
        "serviceGroup": entries.service_groups[file.service_group].reference,
        "serviceName": entries.service_types[file.service_type].reference,
        "objectType": entries.object_types[file.object_type].reference,
    }


def count_readable(mapped_files: MappedFiles, file: ReadableFile, permission: ReadPermission) -> int | None:
    """Count the objects in a file that a session may read; None if it must not learn of the file.

    Blocks if the session's times are limited.
    """
    if not permission.limits_time:
        return file.object_count
    window = mapped_files.window(file)
    if not permission.touches(window) or _is_emptied_out_of_scope(file, permission):
        return None
    if permission.allows_whole(window):
        return file.object_count
    return len(allowed_objects(mapped_files, file, permission)) or None


def _window(mapped_files: MappedFiles, file: ReadableFile, permission: ReadPermission) -> Window | None:
    """Return the window that contains a file's dates. It is decrypted only if the session's times are limited."""
    return mapped_files.window(file) if permission.limits_time else ALL_TIME


def _is_emptied_out_of_scope(file: ReadableFile, permission: ReadPermission) -> bool:
    """Return whether a file has lost all its objects and its month lies outside of what the session may read.

    Other empty files are listed, so that apps that have read them learn that their objects are gone.
    """
    return file.object_count == 0 and not permission.touches(month_window(file.month))


def allowed_objects(mapped_files: MappedFiles, file: ReadableFile, permission: ReadPermission) -> list[bytes]:
    """Return the objects of a file that lie within the times that may be read. Blocks. Raises UnreadableBlob."""
    kind = ObjectKind(file.service_group, file.service_type, file.object_type)
    return [
        text
        for text in mapped_files.texts(file)
        if allows(permission.reaches, kind, object_window(file.schema_standard, orjson.loads(text)))
    ]
