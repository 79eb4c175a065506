"""The move of all rows of a library into another library of the same person, in one transaction.

Before it is committed, nothing has changed; afterwards the moved library does not exist. Rows are copied and then
deleted, because a row of a distributed table cannot change the library by which it is found (ADR 47). The library's
own row is deleted only once no row refers to it any more, so nothing can be erased with it by mistake.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.audit.entries import FORMER_LOG_KEY, Event, EventKind, record_event
from privateshare.platform.db.tables import (
    AccountRow,
    ApplicationRow,
    Base,
    BrowserRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
    ExportRow,
    FileRow,
    FormerLibraryRow,
    JourneyRow,
    LibraryPartnerRow,
    LibraryRow,
    MergeRow,
    PasskeyRow,
    PushedFileRow,
    RecoveryCodeRow,
    StorageRow,
    SyncRow,
    UsagePersonRow,
)
from privateshare.platform.jobs.queue import defer_sync
from privateshare.platform.library.account_identities import account_hash, account_identity
from privateshare.platform.library.erasure import delete_blobs_later, destroy_keys_later
from privateshare.platform.library.libraries import library_blob_prefix
from privateshare.platform.me.merge_copies import MergePlan
from privateshare.platform.me.moved_values import seal_again
from privateshare.platform.me.same_accounts import SameAccount
from privateshare.platform.runtime import Platform

# The tables whose rows are found without a library: they stay where they are, and only name another library.
CHANGED_IN_PLACE = (JourneyRow, PasskeyRow, StorageRow)


class RowsLeft(Exception):
    """Rows still refer to a library that is to be deleted. The transaction must be rolled back."""


async def move_library(
    db: AsyncSession, platform: Platform, plan: MergePlan, other_browser_id: UUID, now: datetime
) -> None:
    """Move everything of a library into another one. Both are locked, and all files are copied.

    At the end of the transaction the key of the moved library is destroyed. Raises KeyStoreUnavailable, SealBroken.
    """
    await platform.erasure_keys.require_store()
    ending, staying = plan.ending, plan.staying
    db.expunge_all()
    await _leave_out(db, ending.id, other_browser_id)
    for same in plan.same:
        await _give_files(db, platform, plan, same)
    await seal_again(db, plan)
    covering = [row for same in plan.same for row in await _covering(db, plan, same)]
    for same in plan.same:
        await _replace_account(db, plan, same)
    await _number_accounts(db, plan)
    await _keep_public_user_ids(db, ending.id, staying.id)
    for library_id in _both(plan):
        await _keep_pushed_files_apart(db, library_id)
    waiting = [(row.id, row.account_id) for row in await db.execute(_unfinished_syncs(ending.id))]
    await _move_rows(db, ending.id, staying.id)
    if covering:
        await db.execute(insert(ConsentAccountRow), covering)
    for sync_id, account_id in waiting:
        await defer_sync(db, platform.queue, staying.id, sync_id, account_id)
    log_key = staying.seal(FORMER_LOG_KEY, ending.log.id, ending.log.key.value)
    db.add(FormerLibraryRow(id=ending.id, library_id=staying.id, log_id=ending.log.id, sealed_log_key=log_key))
    await db.flush()
    await _require_empty(db, ending.id)
    await db.execute(delete(LibraryRow).where(LibraryRow.id == ending.id))
    destroy_keys_later(db, platform, [ending.id, *(same.ending for same in plan.same)])
    await delete_blobs_later(db, platform, [library_blob_prefix(ending.id)])
    await record_event(db, staying, Event(EventKind.MERGED), now)


async def _leave_out(db: AsyncSession, ending: UUID, other_browser_id: UUID) -> None:
    """Delete what is not moved: archives to take along, which can be made again, and this browser, which both know."""
    await db.execute(delete(ExportRow).where(ExportRow.library_id == ending))
    await db.execute(delete(MergeRow).where(MergeRow.library_id == ending))
    await db.execute(delete(BrowserRow).where(BrowserRow.library_id == ending, BrowserRow.id == other_browser_id))


async def _give_files(db: AsyncSession, platform: Platform, plan: MergePlan, same: SameAccount) -> None:
    """Leave one set of files of each kind of an account that both libraries have."""
    ending = (FileRow.library_id == plan.ending.id, FileRow.account_id == same.ending)
    await db.execute(delete(FileRow).where(*ending, FileRow.object_type.not_in(same.taken_kinds)))
    staying = (FileRow.library_id == plan.staying.id, FileRow.account_id == same.staying)
    replaced = delete(FileRow).where(*staying, FileRow.object_type.in_(same.taken_kinds)).returning(FileRow.blob)
    await delete_blobs_later(db, platform, list(await db.scalars(replaced)))


async def _replace_account(db: AsyncSession, plan: MergePlan, same: SameAccount) -> None:
    """Let an account of the other library take the place of the equal account of this one, which is deleted.

    Its values are sealed for the account that stays already.
    """
    ending = await db.get_one(AccountRow, (plan.ending.id, same.ending))
    staying = await db.get_one(AccountRow, (plan.staying.id, same.staying))
    if ending.sealed_credentials is not None and (staying.sealed_credentials is None or staying.needs_login):
        staying.sealed_credentials, staying.sealed_cursors = ending.sealed_credentials, ending.sealed_cursors
        staying.sealed_medmij_requests, staying.needs_login = ending.sealed_medmij_requests, ending.needs_login
    staying.sealed_imports = None  # Some of its files were replaced.
    staying.signed_in = staying.signed_in or ending.signed_in
    await db.flush()
    files = (FileRow.library_id == plan.ending.id, FileRow.account_id == same.ending)
    await _copy_rows(
        db,
        Base.metadata.tables[FileRow.__tablename__],
        files,
        library_id=plan.staying.id,
        account_id=staying.id,
        name=_renumbered(literal(str(staying.number))),
    )
    await _rename_in_consents(db, plan, same)
    await _rename_in_journeys(db, plan, same)
    await db.delete(ending)
    await db.flush()


async def _covering(db: AsyncSession, plan: MergePlan, same: SameAccount) -> Sequence[dict[str, UUID]]:
    """Return the rows by which the consents that cover an account will cover the one that takes its place."""
    covering = select(ConsentAccountRow.consent_id).where(
        ConsentAccountRow.library_id == plan.ending.id, ConsentAccountRow.account_id == same.ending
    )
    ids = await db.scalars(covering)
    return [{"consent_id": id_, "library_id": plan.staying.id, "account_id": same.staying} for id_ in ids]


async def _rename_in_consents(db: AsyncSession, plan: MergePlan, same: SameAccount) -> None:
    """Let consents that name an account in what was chosen name the one that takes its place."""
    for consent in await db.scalars(select(ConsentRow).where(ConsentRow.library_id == plan.ending.id)):
        consent.choice = consent.choice.with_accounts_renamed({same.ending: same.staying})
    await db.flush()


async def _rename_in_journeys(db: AsyncSession, plan: MergePlan, same: SameAccount) -> None:
    for journey in await db.scalars(select(JourneyRow).where(JourneyRow.library_id == plan.ending.id)):
        for name in ("account_ids", "signed_in_ids"):
            ids = [str(same.staying) if id_ == str(same.ending) else id_ for id_ in getattr(journey, name)]
            setattr(journey, name, ids)
        if journey.account_id == same.ending:
            journey.account_id = same.staying
    await db.flush()


async def _number_accounts(db: AsyncSession, plan: MergePlan) -> None:
    """Give the moved accounts numbers that no account of either library has, and hashes of the other library."""
    rows = {row.id: row for row in await db.scalars(select(LibraryRow).where(LibraryRow.id.in_(_both(plan))))}
    staying, ending = rows[plan.staying.id], rows[plan.ending.id]
    first = max(staying.last_account_number, ending.last_account_number)
    staying.last_account_number = first + ending.last_account_number
    taken = {(row.source_id, row.identity_hash) for row in await db.execute(_hashes(plan.staying.id))}
    for account in await db.scalars(select(AccountRow).where(AccountRow.library_id == plan.ending.id)):
        account.number += first
        identity = account_identity(account, plan.merged)
        account.identity_hash = account_hash(plan.staying, account.source_id, identity, account.unproven_on)
        if (account.source_id, account.identity_hash) in taken:  # The same account stays twice: see same_accounts.py.
            account.identity_hash = account_hash(plan.staying, account.source_id, identity, account.id)
        taken.add((account.source_id, account.identity_hash))
        files = update(FileRow).where(FileRow.library_id == plan.ending.id, FileRow.account_id == account.id)
        await db.execute(files.values(name=_renumbered(literal(str(account.number)))))
    await db.flush()


def _both(plan: MergePlan) -> Sequence[UUID]:
    return plan.staying.id, plan.ending.id


def _hashes(library_id: UUID) -> Select[int, bytes]:
    return select(AccountRow.source_id, AccountRow.identity_hash).where(AccountRow.library_id == library_id)


def _renumbered(number: ColumnElement[str]) -> ColumnElement[str]:
    """Build the name of a file for another number of its account. Protocol 6.6."""
    return func.regexp_replace(FileRow.name, r"^(18_\d+_\d+_)\d+_", literal("\\1").concat(number).concat("_"))


async def _keep_public_user_ids(db: AsyncSession, ending: UUID, staying: UUID) -> None:
    """Let each partner know the person by the same id as before, under each consent that it has."""
    known = set(await db.scalars(select(LibraryPartnerRow.partner_id).where(LibraryPartnerRow.library_id == staying)))
    for row in list(await db.scalars(select(LibraryPartnerRow).where(LibraryPartnerRow.library_id == ending))):
        if row.partner_id in known:
            contracts = select(ContractRow.id).join(ApplicationRow).where(ApplicationRow.partner_id == row.partner_id)
            of_partner = (ConsentRow.library_id == ending, ConsentRow.contract_id.in_(contracts))
            await db.execute(update(ConsentRow).where(*of_partner, ConsentRow.sub.is_(None)).values(sub=row.sub))
            storages = (StorageRow.library_id == ending, StorageRow.contract_id.in_(contracts))
            await db.execute(update(StorageRow).where(*storages, StorageRow.sub.is_(None)).values(sub=row.sub))
            await db.delete(row)
    await db.flush()


async def _keep_pushed_files_apart(db: AsyncSession, library_id: UUID) -> None:
    """Let the consents of a library cover what is pushed under its own consents, until the person agrees again."""
    for table in (ConsentRow, PushedFileRow):
        unmarked = (table.library_id == library_id, table.library_before.is_(None))
        await db.execute(update(table).where(*unmarked).values(library_before=library_id))


def _unfinished_syncs(library_id: UUID) -> Select[UUID, UUID]:
    return select(SyncRow.id, SyncRow.account_id).where(SyncRow.library_id == library_id, SyncRow.finished_at.is_(None))


async def _move_rows(db: AsyncSession, ending: UUID, staying: UUID) -> None:
    if await db.get(RecoveryCodeRow, staying) is not None:  # A library has one code.
        await db.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.library_id == ending))
    # What an unfinished journey connected may be undone, and no longer the whole library.
    await db.execute(update(JourneyRow).where(JourneyRow.library_id == ending).values(provisional=False))
    db.expunge_all()
    for unmoved in CHANGED_IN_PLACE:
        await db.execute(update(unmoved).where(unmoved.library_id == ending).values(library_id=staying))
    copied = _copied_tables()
    for table in copied:
        await _copy_rows(db, table, [table.columns["library_id"] == ending], library_id=staying)
    for table in reversed(copied):
        await db.execute(delete(table).where(table.columns["library_id"] == ending))
    await _move_usage(db, ending, staying)


def _copied_tables() -> Sequence[Table[Any]]:
    """List the tables whose rows are found by their library. Those that others refer to come first."""
    others = {table.__table__ for table in (*CHANGED_IN_PLACE, UsagePersonRow)}
    return [table for table in Base.metadata.sorted_tables if "library_id" in table.columns and table not in others]


async def _copy_rows(
    db: AsyncSession, table: Table[Any], rows: Iterable[ColumnElement[bool]], **changed: UUID | ColumnElement[str]
) -> None:
    """Copy rows of a table, with other values in the columns that are `changed`."""
    values = [changed.get(column.key, column) for column in table.columns]
    copied = [literal(value) if isinstance(value, UUID) else value for value in values]
    await db.execute(insert(table).from_select(table.columns.keys(), select(*copied).where(*rows)))


async def _move_usage(db: AsyncSession, ending: UUID, staying: UUID) -> None:
    """Count a person of whom both libraries are once for each contract and month."""
    months = select(literal(staying), UsagePersonRow.contract_id, UsagePersonRow.month)
    of_both = insert(UsagePersonRow).from_select(
        ["library_id", "contract_id", "month"], months.where(UsagePersonRow.library_id == ending)
    )
    await db.execute(of_both.on_conflict_do_nothing())
    await db.execute(delete(UsagePersonRow).where(UsagePersonRow.library_id == ending))


async def _require_empty(db: AsyncSession, library_id: UUID) -> None:
    """Check that no row would be deleted with a library. Raises RowsLeft."""
    for table in Base.metadata.sorted_tables:
        if "library_id" in table.columns and await db.scalar(
            select(func.count()).select_from(table).where(table.columns["library_id"] == library_id)
        ):
            raise RowsLeft(table.name)
