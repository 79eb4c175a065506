"""The values in a library's rows that are sealed with its keys, and how they get the keys of another library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from privateshare.platform.library.accounts import DETAILS
from privateshare.platform.library.archives import ARCHIVE_KEY, LEFT_OUT
from privateshare.platform.library.libraries import FILE_DATES, FILE_HASH, FILE_ORIGINS, OpenAccount, OpenLibrary
from privateshare.platform.me.merge_copies import Plan
from privateshare.platform.person.browsers import DESCRIPTION
from privateshare.platform.person.passkeys import CREDENTIAL
from privateshare.platform.reports.medmij import SEALED_REQUESTS
from privateshare.platform.sync.account_sync import CURSORS

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
    SealedColumn(AccountRow.sealed_medmij_requests, SEALED_REQUESTS, AccountRow.id, AccountRow.id),
    SealedColumn(ArchiveRow.sealed_key, ARCHIVE_KEY, ArchiveRow.id, ArchiveRow.account_id),
    SealedColumn(ArchiveRow.sealed_left_out, LEFT_OUT, ArchiveRow.id, ArchiveRow.account_id),
    SealedColumn(BrowserRow.sealed_description, DESCRIPTION, BrowserRow.id),
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


async def seal_again(db: AsyncSession, plan: Plan) -> None:
    """Seal all values of the moved library's rows for the other library, and name the copies of its files."""
    for column in SEALED:
        await _seal_column(db, plan, column)
    for blobs in BLOBS:
        keys = _keys_of(blobs)
        rows = (await db.execute(select(*keys, blobs).where(blobs.class_.library_id == plan.theirs.id))).all()
        await _update(db, blobs, keys, [(*row[:-1], plan.copy_of(row[-1])) for row in rows])


async def _seal_column(db: AsyncSession, plan: Plan, column: SealedColumn) -> None:
    table, keys = column.values.class_, _keys_of(column.values)
    account = column.account if column.account is not None else column.owner
    query = select(*keys, column.owner, account, column.values)
    rows = (await db.execute(query.where(table.library_id == plan.theirs.id, column.values.is_not(None)))).all()
    changed = []
    for *key, owner, account_id, sealed in rows:
        theirs: OpenLibrary | OpenAccount = plan.theirs
        mine: OpenLibrary | OpenAccount = plan.moved
        if column.account is not None:
            theirs, mine = plan.theirs.account(account_id), plan.moved.account(plan.account_after(account_id))
        new_owner = plan.copy_of(owner) if _is_blob(column.owner) else plan.account_after(owner)
        changed.append((*key, mine.seal(column.purpose, new_owner, theirs.open(column.purpose, owner, sealed))))
    await _update(db, column.values, keys, changed)


def _is_blob(column: Column) -> bool:
    return any(column is blobs for blobs in BLOBS)


def _keys_of(column: Column) -> Sequence[Column]:
    mapper = inspect(column.class_)
    return [mapper.get_property_by_column(key).class_attribute for key in mapper.primary_key]


async def _update(db: AsyncSession, column: Column, keys: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> None:
    names = [*(key.key for key in keys), column.key]
    values: list[Mapping[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    if values:
        await db.execute(update(column.class_), values)
