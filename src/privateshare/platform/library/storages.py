"""An application's own encrypted files. Protocol 11. What they hold only the application can open."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import BlobToDeleteRow, ContractRow, StorageRow, StoredFileRow
from privateshare.platform.jobs.queue import defer_sweep
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.runtime import Platform
from privateshare.protocol.storage_paths import StoragePath

LIST_PAGE = 1000  # files that are read from the database at once


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What a list tells of a file: its id, the path it compares by, and the one it was written with."""

    id: UUID
    key: str
    path: str


def blob_prefix(storage_id: str) -> str:
    """What the keys of all of a storage's blobs begin with."""
    return f"storage/{storage_id.lower()}/"


async def create_storage(db: AsyncSession, contract: ContractRow) -> StorageRow:
    """A storage that is tied to no person yet. Protocol 11.1."""
    storage = StorageRow(id=str(uuid4()), application_id=contract.application_id, contract_id=contract.id)
    db.add(storage)
    await db.flush()
    return storage


async def user_storage(db: AsyncSession, contract: ContractRow, library_id: UUID) -> StorageRow | None:
    """The storage that this application has for a person; the oldest, if there are several."""
    query = select(StorageRow).where(
        StorageRow.library_id == library_id, StorageRow.application_id == contract.application_id
    )
    return (await db.scalars(query.order_by(StorageRow.created_at, StorageRow.id).limit(1))).one_or_none()


async def tie_storage(db: AsyncSession, contract: ContractRow, storage_id: str, library_id: UUID) -> bool:
    """Gives a storage to the person who consents; False if it is not this application's or another's already."""
    storage = await db.get(StorageRow, storage_id, with_for_update=True)
    if storage is None or storage.application_id != contract.application_id:
        return False
    if storage.library_id not in (None, library_id):
        return False
    storage.library_id = library_id
    return True


async def find_storage(db: AsyncSession, storage_id: str, application_id: str) -> StorageRow | None:
    """A storage of this application."""
    storage = await db.get(StorageRow, storage_id)
    return storage if storage is not None and storage.application_id == application_id else None


async def find_file(db: AsyncSession, storage_id: str, path: StoragePath) -> StoredFileRow | None:
    """The file at a path."""
    return await db.get(StoredFileRow, (storage_id, path.key))


async def put_file(db: AsyncSession, storage_id: str, path: StoragePath, blob: str, size: int) -> UUID:
    """Makes a stored blob the file at a path; what was there is listed for deletion. The file's id."""
    values = {"storage_id": storage_id, "key": path.key, "path": path.written, "blob": blob, "size": size}
    new = insert(StoredFileRow).values(id=uuid4(), **values).on_conflict_do_nothing().returning(StoredFileRow.id)
    while (added := await db.scalar(new)) is None:
        old = await db.get(StoredFileRow, (storage_id, path.key), with_for_update=True)
        if old is not None:  # else it was deleted between the two statements
            db.add(BlobToDeleteRow(key=old.blob))
            old.path, old.blob, old.size = path.written, blob, size
            await db.flush()
            return old.id
    return added


async def delete_files(db: AsyncSession, platform: Platform, storage_id: str, path: StoragePath) -> int:
    """Removes the file at a path, or everything in a folder; how many that were."""
    here = _within(path) if path.is_folder else (StoredFileRow.key == path.key,)
    gone = (
        delete(StoredFileRow)
        .where(StoredFileRow.storage_id == storage_id, *here)
        .returning(StoredFileRow.blob)
        .cte("gone")
    )
    to_delete = insert(BlobToDeleteRow).from_select(["key"], select(gone.c.blob)).cte("to_delete")
    removed = (await db.scalars(select(func.count()).select_from(gone).add_cte(to_delete))).one()
    if removed:
        await defer_sweep(db, platform.queue)
    return removed


async def list_page(
    db: AsyncSession, storage_id: str, folder: StoragePath, after: str, *, recursive: bool
) -> Sequence[ListedFile]:
    """The next LIST_PAGE files of a folder behind a key ("" to begin with), by key; fewer at its end.

    With `recursive`, those in its folders too.
    """
    query = select(StoredFileRow.id, StoredFileRow.key, StoredFileRow.path).where(
        StoredFileRow.storage_id == storage_id, *_within(folder), StoredFileRow.key > after
    )
    if not recursive:
        query = query.where(func.strpos(func.substr(StoredFileRow.key, len(folder.key) + 1), "/") == 0)
    return [ListedFile(*row) for row in await db.execute(query.order_by(StoredFileRow.key).limit(LIST_PAGE))]


def _within(folder: StoragePath) -> tuple[ColumnElement[bool], ...]:
    """What keys in a folder are: from its own, which ends in "/", up to the same with the character after that."""
    return StoredFileRow.key > folder.key, StoredFileRow.key < f"{folder.key[:-1]}0"


def new_blob(storage_id: str) -> str:
    """The key of a new blob of a storage."""
    return f"{blob_prefix(storage_id)}{new_id().lower()}-{uuid4()}"
