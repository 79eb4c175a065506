"""The copies of a library's files under the keys of the library that it is moved into.

They are made before anything is moved. The name of a copy follows from that of the file, so a move that was interrupted
finds the copies that it has made already.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealed import put_sealed, read_sealed
from privateshare.platform.blobs.store import BlobNotFound, BlobStore
from privateshare.platform.db.tables import ArchiveRow, FileRow, PushedFileRow
from privateshare.platform.keys.wrapping import DataKey
from privateshare.platform.library.archives import archive_key
from privateshare.platform.library.libraries import FILES, OpenLibrary
from privateshare.platform.me.same_accounts import SameAccount


@dataclass(frozen=True, slots=True)
class Copy:
    """A file and its copy, each with the name of its blob and its key."""

    blob: str
    key: DataKey = field(repr=False)
    new_blob: str
    new_key: DataKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What is moved, and which accounts become one.

    `ending` is the library that is moved and then erased, and `staying` the one that it is moved into.
    """

    merge_id: UUID
    ending: OpenLibrary
    staying: OpenLibrary
    same: Sequence[SameAccount] = ()

    @property
    def merged(self) -> OpenLibrary:
        """The library that everything is moved into, with the keys of the accounts of both."""
        return OpenLibrary(self.staying.id, self.staying.key, self.staying.account_keys | self.ending.account_keys)

    @property
    def replaced(self) -> Mapping[UUID, SameAccount]:
        """The accounts that end, because the other library has the same account."""
        return {same.ending: same for same in self.same}

    def account_after(self, account_id: UUID) -> UUID:
        """Return the id that an account has after the move."""
        same = self.replaced.get(account_id)
        return account_id if same is None else same.staying

    def is_dropped(self, file: FileRow) -> bool:
        """Return whether a file is not moved, because the same account has its objects already."""
        same = self.replaced.get(file.account_id)
        return same is not None and file.object_type not in same.taken_kinds

    def copy_of(self, blob: str) -> str:
        """Return the blob of a file's copy."""
        return self.staying.blob(f"{FILES}/{uuid5(self.merge_id, blob)}")


async def copies_to_make(db: AsyncSession, plan: MergePlan) -> list[Copy]:
    """List the files that have to be copied."""
    ending, staying = plan.ending, plan.merged
    copies = []
    for file in await db.scalars(select(FileRow).where(FileRow.library_id == ending.id)):
        if not plan.is_dropped(file):
            key = staying.account(plan.account_after(file.account_id)).key
            copies.append(Copy(file.blob, ending.account(file.account_id).key, plan.copy_of(file.blob), key))
    for pushed in await db.scalars(select(PushedFileRow).where(PushedFileRow.library_id == ending.id)):
        copies.append(Copy(pushed.blob, ending.key, plan.copy_of(pushed.blob), staying.key))
    for archive in await db.scalars(select(ArchiveRow).where(ArchiveRow.library_id == ending.id)):
        key = archive_key(archive, ending)
        copies.append(Copy(archive.blob, key, plan.copy_of(archive.blob), key))  # An archive keeps its own key.
    return copies


def make_copies(blobs: BlobStore, plan: MergePlan, copies: Sequence[Copy], on_copy: Callable[[], None]) -> None:
    """Copy files, except those that are copied already. Blocks. Raises UnreadableBlob."""
    for copy in copies:
        if not _exists(blobs, copy.new_blob):
            content = read_sealed(blobs, copy.blob, copy.key.value, plan.ending.blob_context(copy.blob))
            put_sealed(blobs, copy.new_blob, copy.new_key.value, plan.staying.blob_context(copy.new_blob), content)
        on_copy()


def _exists(blobs: BlobStore, blob: str) -> bool:
    try:
        blobs.size(blob)
    except BlobNotFound:
        return False
    return True
