"""Storages: files that an application encrypts itself, so that the platform cannot read them. Protocol 11."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import BlobToDeleteRow, ConsentRow, ContractRow, StorageRow, StoredFileRow
from privateshare.platform.jobs.queue import defer_sweep
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.runtime import Platform
from privateshare.protocol.storage_paths import StoragePath

FILES_PER_PAGE = 1000


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file in a list.

    Attributes:
        id: The file's id.
        key: The normalised path, by which paths are compared.
        path: The path as the application wrote it.
        size: The size of the encrypted file in bytes.
        created_at: When this content was uploaded.
    """

    id: UUID
    key: str
    path: str
    size: int
    created_at: datetime


def storage_blob_prefix(storage_id: str) -> str:
    """Return the prefix of the keys of all blobs of a storage."""
    return f"storage/{storage_id.lower()}/"


async def add_storage(db: AsyncSession, contract: ContractRow) -> StorageRow:
    """Add a storage that belongs to no person yet. Protocol 11.1."""
    storage = StorageRow(id=str(uuid4()), application_id=contract.application_id, contract_id=contract.id)
    db.add(storage)
    await db.flush()
    return storage


async def find_user_storage(db: AsyncSession, contract: ContractRow, consent: ConsentRow) -> StorageRow | None:
    """Find this application's storage of the person whom a consent names; the oldest, if there are several."""
    query = select(StorageRow).where(
        StorageRow.library_id == consent.library_id,
        StorageRow.application_id == contract.application_id,
        StorageRow.sub.is_not_distinct_from(consent.sub),
    )
    return (await db.scalars(query.order_by(StorageRow.created_at, StorageRow.id).limit(1))).one_or_none()


async def assign_storage(
    db: AsyncSession, contract: ContractRow, storage_id: str, library_id: UUID, sub: str | None = None
) -> bool:
    """Assign a storage to the person who consents. `sub` is that of the consent.

    Returns:
        False if the storage belongs to another application or to another person.
    """
    storage = await db.get(StorageRow, storage_id, with_for_update=True)
    if storage is None or storage.application_id != contract.application_id:
        return False
    if storage.library_id not in (None, library_id):
        return False
    storage.library_id, storage.sub = library_id, sub
    return True


async def find_storage(db: AsyncSession, storage_id: str, application_id: str) -> StorageRow | None:
    """Find a storage of this application; None if it belongs to another application or does not exist."""
    storage = await db.get(StorageRow, storage_id)
    return storage if storage is not None and storage.application_id == application_id else None


async def find_stored_file(db: AsyncSession, storage_id: str, path: StoragePath) -> StoredFileRow | None:
    """Find the file at a path."""
    return await db.get(StoredFileRow, (storage_id, path.key))


async def put_file(db: AsyncSession, storage_id: str, path: StoragePath, blob: str, size: int) -> UUID:
    """Record a blob as the file at a path, and list the blob that it replaces for deletion.

    Returns:
        The file's id, which stays the same when a file is replaced.
    """
    values = {"storage_id": storage_id, "key": path.key, "path": path.written, "blob": blob, "size": size}
    new = insert(StoredFileRow).values(id=uuid4(), **values).on_conflict_do_nothing().returning(StoredFileRow.id)
    while (added := await db.scalar(new)) is None:
        old = await db.get(StoredFileRow, (storage_id, path.key), with_for_update=True)
        if old is not None:  # Otherwise it was deleted between the two statements, and the insert is tried again.
            db.add(BlobToDeleteRow(key=old.blob))
            old.path, old.blob, old.size, old.created_at = path.written, blob, size, datetime.now(UTC)
            await db.flush()
            return old.id
    return added


async def delete_files(db: AsyncSession, platform: Platform, storage_id: str, path: StoragePath) -> int:
    """Delete the file at a path, or all files in a folder, and return the number of deleted files."""
    matches = _within(path) if path.is_folder else (StoredFileRow.key == path.key,)
    deleted = (
        delete(StoredFileRow)
        .where(StoredFileRow.storage_id == storage_id, *matches)
        .returning(StoredFileRow.blob)
        .cte("deleted")
    )
    to_delete = insert(BlobToDeleteRow).from_select(["key"], select(deleted.c.blob)).cte("to_delete")
    removed = (await db.scalars(select(func.count()).select_from(deleted).add_cte(to_delete))).one()
    if removed:
        await defer_sweep(db, platform.queue)
    return removed


async def list_page(
    db: AsyncSession, storage_id: str, folder: StoragePath, after: str, *, recursive: bool
) -> Sequence[ListedFile]:
    """Read the next page of the files in a folder, ordered by key.

    Args:
        db: The transaction.
        storage_id: The storage.
        folder: The folder.
        after: The last key of the previous page; "" for the first page.
        recursive: Whether to include the files in subfolders.

    Returns:
        FILES_PER_PAGE files, or fewer on the last page.
    """
    row = StoredFileRow
    query = select(row.id, row.key, row.path, row.size, row.created_at).where(
        row.storage_id == storage_id, *_within(folder), row.key > after
    )
    if not recursive:
        query = query.where(func.strpos(func.substr(StoredFileRow.key, len(folder.key) + 1), "/") == 0)
    return [ListedFile(*row) for row in await db.execute(query.order_by(StoredFileRow.key).limit(FILES_PER_PAGE))]


def _within(folder: StoragePath) -> tuple[ColumnElement[bool], ...]:
    """Build the conditions for keys in a folder.

    The folder's key ends in "/". All keys in it sort between that and the same key with "0", the next character, at
    its end. A range can use the index, unlike a comparison of prefixes.
    """
    return StoredFileRow.key > folder.key, StoredFileRow.key < f"{folder.key[:-1]}0"


def new_blob(storage_id: str) -> str:
    """Create the key of a new blob of a storage."""
    return f"{storage_blob_prefix(storage_id)}{new_id().lower()}-{uuid4()}"
