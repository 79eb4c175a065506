"""The values in a library's rows that are sealed with its keys, and how they get the keys of another library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import inspect, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from privateshare.platform.audit.entries import FORMER_LOG_KEY
from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    BrowserRow,
    FileRow,
    FormerLibraryRow,
    PasskeyRow,
    PostboxRow,
    PushedFileRow,
    ReceiptRow,
)
from privateshare.platform.grants import postboxes, receipts
from privateshare.platform.library import credentials, pushed_files
from privateshare.platform.library.account_identities import DETAILS
from privateshare.platform.library.archives import ARCHIVE_KEY, UPLOAD
from privateshare.platform.library.libraries import FILE_DATES, FILE_HASH, FILE_ORIGINS, OpenAccount, OpenLibrary
from privateshare.platform.library.remembered_imports import IMPORTS
from privateshare.platform.me.merge_copies import MergePlan
from privateshare.platform.me.source_sign_in_pages import SIGN_IN
from privateshare.platform.person.browsers import DESCRIPTION
from privateshare.platform.person.passkeys import CREDENTIAL
from privateshare.platform.reports.medmij import SEALED_REQUESTS
from privateshare.platform.sync.positions import CURSORS

Column = InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column of sealed values.

    Attributes:
        values: The column.
        purpose: The purpose for which the values are sealed.
        owner: The column of what each is bound to.
        account: The column of the account whose key seals it; None for the key of the library.
    """

    values: Column
    purpose: str
    owner: Column
    account: Column | None = None


SEALED = (
    SealedColumn(AccountRow.sealed_details, DETAILS, AccountRow.id, AccountRow.id),
    SealedColumn(AccountRow.sealed_credentials, credentials.PURPOSE, AccountRow.id, AccountRow.id),
    SealedColumn(AccountRow.sealed_cursors, CURSORS, AccountRow.id, AccountRow.id),
    SealedColumn(AccountRow.sealed_imports, IMPORTS, AccountRow.id, AccountRow.id),
    SealedColumn(AccountRow.sealed_medmij_requests, SEALED_REQUESTS, AccountRow.id, AccountRow.id),
    SealedColumn(ArchiveRow.sealed_key, ARCHIVE_KEY, ArchiveRow.id, ArchiveRow.account_id),
    SealedColumn(ArchiveRow.sealed_upload, UPLOAD, ArchiveRow.id, ArchiveRow.account_id),
    SealedColumn(BrowserRow.sealed_description, DESCRIPTION, BrowserRow.id),
    SealedColumn(BrowserRow.sealed_sign_in, SIGN_IN, BrowserRow.id),
    SealedColumn(FileRow.sealed_sha256, FILE_HASH, FileRow.blob, FileRow.account_id),
    SealedColumn(FileRow.sealed_dates, FILE_DATES, FileRow.blob, FileRow.account_id),
    SealedColumn(FileRow.sealed_origins, FILE_ORIGINS, FileRow.blob, FileRow.account_id),
    SealedColumn(FormerLibraryRow.sealed_log_key, FORMER_LOG_KEY, FormerLibraryRow.log_id),
    SealedColumn(PasskeyRow.sealed_credential, CREDENTIAL, PasskeyRow.id),
    SealedColumn(PostboxRow.sealed_private_key, postboxes.PURPOSE, PostboxRow.id),
    SealedColumn(PushedFileRow.sealed_metadata, pushed_files.METADATA, PushedFileRow.name),
    SealedColumn(PushedFileRow.sealed_sha256, FILE_HASH, PushedFileRow.blob),
    SealedColumn(ReceiptRow.sealed, receipts.PURPOSE, ReceiptRow.id),
)
# The columns of the names of copied blobs. The values above that are bound to such a name are sealed for the new one.
BLOBS: Sequence[Column] = (FileRow.blob, PushedFileRow.blob, ArchiveRow.blob)


async def seal_again(db: AsyncSession, plan: MergePlan) -> None:
    """Seal all values of the moved library's rows for the other library, and name the copies of its files."""
    for table in dict.fromkeys(column.values.class_ for column in SEALED):
        resealing = _Resealing(plan, [column for column in SEALED if column.values.class_ is table])
        rows = await db.execute(select(*resealing.columns).where(table.library_id == plan.ending.id))
        values = [resealing.changed(row._asdict()) for row in rows]
        if values:
            await db.execute(update(table), values)


class _Resealing:
    """The change of the rows of one table."""

    def __init__(self, plan: MergePlan, sealed: Sequence[SealedColumn]) -> None:
        self._plan, self._merged, self._sealed = plan, plan.merged, sealed
        table = sealed[0].values.class_
        self._keys = _primary_key(table)
        self._blob = next((blob for blob in BLOBS if blob.class_ is table), None)
        # Deriving the keys of an account takes longer than encrypting with them.
        self._accounts: dict[UUID, tuple[OpenAccount, OpenAccount]] = {}

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that are read."""
        needed = [*self._keys, *([] if self._blob is None else [self._blob])]
        for column in self._sealed:
            needed += [column.values, column.owner, *([] if column.account is None else [column.account])]
        return list({column.key: column for column in needed}.values())

    def changed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the primary key of a row, and its values as they are after the move."""
        values = {key.key: row[key.key] for key in self._keys}
        if self._blob is not None:
            values[self._blob.key] = self._plan.copy_of(row[self._blob.key])
        for column in self._sealed:
            sealed = row[column.values.key]
            values[column.values.key] = None if sealed is None else self._seal(column, row, sealed)
        return values

    def _seal(self, column: SealedColumn, row: Mapping[str, Any], sealed: bytes) -> bytes:
        owner = row[column.owner.key]
        ending: OpenLibrary | OpenAccount = self._plan.ending
        staying: OpenLibrary | OpenAccount = self._merged
        if column.account is not None:
            ending, staying = self._keys_of(row[column.account.key])
        is_blob = self._blob is not None and column.owner.key == self._blob.key
        new_owner = self._plan.copy_of(owner) if is_blob else self._plan.account_after(owner)
        return staying.seal(column.purpose, new_owner, ending.open(column.purpose, owner, sealed))

    def _keys_of(self, account_id: UUID) -> tuple[OpenAccount, OpenAccount]:
        if account_id not in self._accounts:
            after = self._merged.account(self._plan.account_after(account_id))
            self._accounts[account_id] = self._plan.ending.account(account_id), after
        return self._accounts[account_id]


def _primary_key(table: Any) -> Sequence[Column]:
    mapper: Any = inspect(table)
    return [mapper.get_property_by_column(key).class_attribute for key in mapper.primary_key]
