"""A check of the blob store against the database: blobs that are lost, and blobs that no row refers to.

A lost mapped file comes back with the next sync if its account has a source that can be asked. For all other lost blobs
somebody must act: the person uploads an archive again, or the app pushes or stores its file again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute

from privateshare.platform.blobs.sealed import UnreadableBlob, read_sealed
from privateshare.platform.blobs.store import BlobNotFound
from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    FileRow,
    LibraryRow,
    PushedFileRow,
    StorageRow,
    StoredFileRow,
)
from privateshare.platform.library.archives import archive_key
from privateshare.platform.library.libraries import (
    AccountGone,
    KeyLost,
    KeyNotOpened,
    LibraryGone,
    OpenLibrary,
    library_blob_prefix,
    open_library,
)
from privateshare.platform.library.lost_files import ASKED, can_be_fetched, mark_lost, unmark_lost
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.pushed_files import open_pushed_content
from privateshare.platform.library.storages import storage_blob_prefix
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.orphans import BLOB_PREFIXES, KEYS_PER_PAGE, sweep_orphans, without_reference

OWNERS_PER_PAGE = 500
BLOB_COLUMN_OF: Mapping[str, InstrumentedAttribute[str]] = {
    "file": FileRow.blob,
    "archive": ArchiveRow.blob,
    "pushed file": PushedFileRow.blob,
    "stored file": StoredFileRow.blob,
}
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FETCHED = "the next sync fetches it again"
NOT_AT_SOURCE = "its source does not have it any more"
UPLOAD_AGAIN = "the person can upload the archive again"
SIGN_IN_AGAIN = "the person can connect the source again"
PUSH_AGAIN = "the app can push it again"
STORE_AGAIN = "the app can store it again"

T = TypeVar("T")
Progress = Callable[[int], None]
"""A function that receives the number of blobs that were checked so far."""


@dataclass(slots=True)
class Loss:
    """The lost blobs of one account, library or storage, and what brings them back.

    Attributes:
        what: `file`, `archive`, `pushed file` or `stored file`.
        owner: The id of the library or storage.
        account: The public id of the account, if they are of one.
        source: The name of the account's source.
        remedy: What brings them back.
        blobs: The keys of the blobs.
    """

    what: str
    owner: str
    account: str
    source: str
    remedy: str
    blobs: list[str] = field(default_factory=list)


@dataclass(slots=True)
class BlobCheck:
    """The result of a check.

    Attributes:
        checked: How many blobs the database refers to.
        losses: The blobs that are missing or damaged.
        unopened: Libraries of which no blob could be read, because their key cannot be opened.
        orphans: How many blobs no row refers to. An upload in progress is counted too.
        deleted_orphans: How many of these were deleted.
    """

    checked: int = 0
    losses: list[Loss] = field(default_factory=list)
    unopened: list[str] = field(default_factory=list)
    orphans: int = 0
    deleted_orphans: int = 0
    back: list[str] = field(default_factory=list)

    def add(self, loss: Loss, blob: str) -> None:
        """Add a lost blob to those with the same owner and remedy."""
        for known in self.losses:
            if (known.what, known.owner, known.account, known.remedy) == (
                loss.what,
                loss.owner,
                loss.account,
                loss.remedy,
            ):
                known.blobs.append(blob)
                return
        loss.blobs.append(blob)
        self.losses.append(loss)


async def check_blobs(platform: Platform, progress: Progress, *, read: bool = False) -> BlobCheck:
    """Compare the blob store with the database. With `read`, also read each blob to its end. Changes nothing.

    Raises BlobStoreUnavailable.
    """
    await asyncio.to_thread(platform.blob_ownership.require)
    result = BlobCheck()
    async for library_id in _all_ids(platform, LibraryRow.id):
        await _check_library(platform, library_id, result, read=read)
        progress(result.checked)
    async for storage_id in _all_ids(platform, StorageRow.id):
        await _check_storage(platform, storage_id, result, read=read)
        progress(result.checked)
    async for page in _all_keys(platform):
        result.orphans += len(await without_reference(platform, page))
    return result


async def repair(platform: Platform, result: BlobCheck) -> None:
    """Let the next syncs fetch again what they can, and delete the orphans that are old enough."""
    async with platform.database.transaction() as db:
        for loss in result.losses:
            if loss.what == "file":
                await mark_lost(db, loss.blobs)
        await unmark_lost(db, result.back)
    result.deleted_orphans = await sweep_orphans(platform)


async def forget(platform: Platform, losses: Iterable[Loss]) -> None:
    """Delete the rows of blobs that are lost for good, so that nothing refers to them any more."""
    async with platform.database.transaction() as db:
        for loss in losses:
            column = BLOB_COLUMN_OF[loss.what]
            await db.execute(delete(column.class_).where(column.in_(loss.blobs)))


async def _all_ids(platform: Platform, column: InstrumentedAttribute[T]) -> AsyncIterator[T]:
    """Yield all ids, page by page."""
    query = select(column).order_by(column).limit(OWNERS_PER_PAGE)
    page: list[T] = []
    while True:
        async with platform.database.transaction() as db:
            page = list(await db.scalars(query.where(column > page[-1]) if page else query))
        if not page:
            return
        for id_ in page:
            yield id_


async def _all_keys(platform: Platform) -> AsyncIterator[Sequence[str]]:
    # The time of the store may differ from ours, so the end lies in the future.
    end = datetime.now(UTC) + timedelta(days=1)
    keys = chain.from_iterable(platform.blobs.keys_between(prefix, BEGINNING, end) for prefix in BLOB_PREFIXES)
    while page := await asyncio.to_thread(lambda: list(islice(keys, KEYS_PER_PAGE))):
        yield page


async def _check_library(platform: Platform, library_id: UUID, result: BlobCheck, *, read: bool) -> None:
    async with platform.database.transaction() as db:
        of_account = (AccountRow.library_id == library_id,)
        accounts = {account.id: account for account in await db.scalars(select(AccountRow).where(*of_account))}
        files = list(await db.scalars(select(FileRow).where(FileRow.library_id == library_id)))
        archives = list(await db.scalars(select(ArchiveRow).where(ArchiveRow.library_id == library_id)))
        pushed = list(await db.scalars(select(PushedFileRow).where(PushedFileRow.library_id == library_id)))
    rows: list[FileRow | ArchiveRow | PushedFileRow] = [*files, *archives, *pushed]
    result.checked += len(rows)
    if not rows:
        return
    stored = await asyncio.to_thread(lambda: set(platform.blobs.keys(library_blob_prefix(library_id))))
    lost = {row.blob for row in rows if row.blob not in stored}
    if read:
        lost |= await _unreadable_blobs(platform, library_id, [row for row in rows if row.blob in stored], result)
    lost = await _still_lost(platform, lost, stored)
    for row in rows:
        if row.blob not in lost:
            if isinstance(row, FileRow) and row.lost is not None:
                result.back.append(row.blob)
        elif isinstance(row, PushedFileRow):
            result.add(Loss("pushed file", str(library_id), "", "", PUSH_AGAIN), row.blob)
        else:
            account = accounts[row.account_id]
            source = platform.sources.listed.get(account.source_id)
            name = source.name if source is not None else str(account.source_id)
            what, remedy = ("archive", UPLOAD_AGAIN) if isinstance(row, ArchiveRow) else ("file", _remedy(row, account))
            result.add(Loss(what, str(library_id), account.public_id, name, remedy), row.blob)


def _remedy(file: FileRow, account: AccountRow) -> str:
    """Say what brings back a lost mapped file."""
    if account.needs_login:
        return SIGN_IN_AGAIN
    if not can_be_fetched(account):
        return UPLOAD_AGAIN
    return NOT_AT_SOURCE if file.lost == ASKED else FETCHED


async def _check_storage(platform: Platform, storage_id: str, result: BlobCheck, *, read: bool) -> None:
    async with platform.database.transaction() as db:
        rows = list(await db.scalars(select(StoredFileRow).where(StoredFileRow.storage_id == storage_id)))
    result.checked += len(rows)
    if not rows:
        return
    stored = await asyncio.to_thread(lambda: set(platform.blobs.keys(storage_blob_prefix(storage_id))))
    lost = {row.blob for row in rows if row.blob not in stored and row.size}
    if read:  # The app encrypted the content, so only its size can be checked.
        sizes = await asyncio.to_thread(
            lambda: {row.blob: platform.blobs.size(row.blob) for row in rows if row.blob in stored}
        )
        lost |= {row.blob for row in rows if sizes.get(row.blob, row.size) != row.size}
    for blob in sorted(await _still_lost(platform, lost, stored)):
        result.add(Loss("stored file", str(storage_id), "", "", STORE_AGAIN), blob)


async def _still_lost(platform: Platform, blobs: set[str], stored: set[str]) -> set[str]:
    """Return the lost blobs that rows still refer to, and that are really missing: a file may have been replaced."""
    if not blobs:
        return set()
    lost = set()
    for blob in blobs - set(await without_reference(platform, sorted(blobs))):
        if blob in stored or not await asyncio.to_thread(_exists, platform, blob):
            lost.add(blob)
    return lost


def _exists(platform: Platform, blob: str) -> bool:
    try:
        platform.blobs.size(blob)
    except BlobNotFound:
        return False
    return True


async def _unreadable_blobs(
    platform: Platform, library_id: UUID, rows: Sequence[FileRow | ArchiveRow | PushedFileRow], result: BlobCheck
) -> set[str]:
    """Read the blobs of a library to their ends, and return those that are damaged."""
    try:
        async with platform.database.transaction() as db:
            library = await open_library(db, platform, library_id)
    except LibraryGone:
        return set()
    except (KeyLost, KeyNotOpened):
        result.unopened.append(str(library_id))
        return set()
    return {row.blob for row in rows if not await asyncio.to_thread(_is_readable, platform, library, row)}


def _is_readable(platform: Platform, library: OpenLibrary, row: FileRow | ArchiveRow | PushedFileRow) -> bool:
    try:
        for _ in _content(platform, library, row):
            pass
    except UnreadableBlob:
        return False
    except (AccountGone, KeyLost):  # The account was deleted meanwhile, or its key is lost, which is another alarm.
        return True
    return True


def _content(platform: Platform, library: OpenLibrary, row: FileRow | ArchiveRow | PushedFileRow) -> Iterator[bytes]:
    if isinstance(row, FileRow):
        return MappedFiles(platform.blobs, library).stored_bytes(row)
    if isinstance(row, PushedFileRow):
        return open_pushed_content(platform.blobs, library, row)
    key = archive_key(row, library)
    return read_sealed(platform.blobs, row.blob, key.value, library.blob_context(row.blob))
