"""An application's own encrypted files. Protocol 11. What they hold only the application can open."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from unicodedata import normalize
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InvalidRequest
from privateshare.platform.db.tables import Contract, DoomedBlob, Storage, StoredFile
from privateshare.platform.grants.contracts import new_id
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.queue import defer_sweep

MAX_PATH_BYTES = 1024
LIST_BATCH = 5000

_SLASHES = re.compile(r"/{2,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A path inside a storage: as it was written, and as it compares. A folder's ends in "/"."""

    written: str

    @property
    def key(self) -> str:
        """The path without case: what is the same to whoever reads it in any script compares as the same."""
        return normalize("NFC", normalize("NFC", self.written).casefold())

    @property
    def is_folder(self) -> bool:
        """Whether it names a folder."""
        return self.written.endswith("/")


def storage_path(text: str) -> StoragePath:
    """The path of a request. Raises InvalidRequest if a rule of protocol 11.5 forbids it."""
    path = _SLASHES.sub("/", f"/{text}")
    found = StoragePath(path)
    if max(len(path.encode()), len(found.key.encode())) > MAX_PATH_BYTES:
        raise InvalidRequest(f"The path is longer than {MAX_PATH_BYTES} bytes")
    if _CONTROL.search(path) or any(part in (".", "..") for part in path.split("/")):
        raise InvalidRequest("The path must have no . or .. segments and no control characters")
    return found


def blob_prefix(storage_id: str) -> str:
    """What the keys of all of a storage's blobs begin with."""
    return f"storage/{storage_id.lower()}/"


async def create_storage(db: AsyncSession, contract: Contract) -> Storage:
    """A storage that is tied to no person yet. Protocol 11.1."""
    storage = Storage(id=str(uuid4()), application_id=contract.application_id, contract_id=contract.id)
    db.add(storage)
    await db.flush()
    return storage


async def user_storage(db: AsyncSession, contract: Contract, library_id: UUID) -> Storage | None:
    """The storage that this application has for a person; the oldest, if there are several."""
    query = select(Storage).where(Storage.library_id == library_id, Storage.application_id == contract.application_id)
    return (await db.scalars(query.order_by(Storage.created_at, Storage.id).limit(1))).one_or_none()


async def tie_storage(db: AsyncSession, contract: Contract, storage_id: str, library_id: UUID) -> bool:
    """Gives a storage to the person who consents; False if it is not this application's or another's already."""
    storage = await db.get(Storage, storage_id, with_for_update=True)
    if storage is None or storage.application_id != contract.application_id:
        return False
    if storage.library_id not in (None, library_id):
        return False
    storage.library_id = library_id
    return True


async def find_storage(db: AsyncSession, storage_id: str, application_id: str) -> Storage | None:
    """A storage of this application."""
    storage = await db.get(Storage, storage_id)
    return storage if storage is not None and storage.application_id == application_id else None


async def find_file(db: AsyncSession, storage_id: str, path: StoragePath) -> StoredFile | None:
    """The file at a path."""
    return await db.get(StoredFile, (storage_id, path.key))


async def put_file(db: AsyncSession, storage_id: str, path: StoragePath, blob: str, size: int) -> UUID:
    """Makes a stored blob the file at a path; what was there is doomed. The file's id."""
    values = {"storage_id": storage_id, "key": path.key, "path": path.written, "blob": blob, "size": size}
    new = insert(StoredFile).values(id=uuid4(), **values).on_conflict_do_nothing().returning(StoredFile.id)
    while (added := await db.scalar(new)) is None:
        old = await db.get(StoredFile, (storage_id, path.key), with_for_update=True)
        if old is not None:  # else it was deleted between the two statements
            db.add(DoomedBlob(key=old.blob))
            old.path, old.blob, old.size = path.written, blob, size
            await db.flush()
            return old.id
    return added


async def delete_files(db: AsyncSession, platform: Platform, storage_id: str, path: StoragePath) -> int:
    """Removes the file at a path, or everything in a folder; how many that were."""
    found = delete(StoredFile).where(StoredFile.storage_id == storage_id)
    chosen = found.where(StoredFile.key.startswith(path.key, autoescape=True)) if path.is_folder else None
    chosen = chosen if chosen is not None else found.where(StoredFile.key == path.key)
    blobs = list(await db.scalars(chosen.returning(StoredFile.blob)))
    if blobs:
        db.add_all(DoomedBlob(key=blob) for blob in blobs)
        await db.flush()
        await defer_sweep(db, platform.queue)
    return len(blobs)


async def list_files(
    db: AsyncSession, storage_id: str, folder: StoragePath, *, recursive: bool
) -> AsyncIterator[StoredFile]:
    """The files in a folder, by path; with `recursive`, those in its folders too. A batch at a time."""
    after = ""
    while True:
        query = select(StoredFile).where(
            StoredFile.storage_id == storage_id,
            StoredFile.key.startswith(folder.key, autoescape=True),
            StoredFile.key > after,
        )
        if not recursive:
            query = query.where(func.strpos(func.substr(StoredFile.key, len(folder.key) + 1), "/") == 0)
        batch = list(await db.scalars(query.order_by(StoredFile.key).limit(LIST_BATCH)))
        for file in batch:
            yield file
        if len(batch) < LIST_BATCH:
            return
        after = batch[-1].key


def new_blob(storage_id: str) -> str:
    """The key of a new blob of a storage."""
    return f"{blob_prefix(storage_id)}{new_id().lower()}-{uuid4()}"
