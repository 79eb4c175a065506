"""Erasure of a person's data: rows and keys at once, blobs by a job that survives a crash.

    delete the rows and list the keys and blobs to delete -> commit -> destroy the keys -> answer the request

A crash before the commit leaves everything as it was. After the commit the rows are gone, and the keys that are not
destroyed yet are listed in `keys_to_destroy`. All keys listed there are destroyed at every start, before any request
is served, and every ten minutes.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy import Select, delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.audit.entries import Event, EventKind, erase_entries, record_public_event
from privateshare.platform.db.engine import after_commit
from privateshare.platform.db.tables import (
    AccountRow,
    ApplicationRow,
    ArchiveRow,
    BlobToDeleteRow,
    BrowserRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
    ExportRow,
    FileRow,
    JourneyRow,
    KeyToDestroyRow,
    LibraryPartnerRow,
    LibraryRow,
    PasskeyRow,
    PushedFileRow,
    RecoveryCodeRow,
    StorageRow,
    UnjournaledRow,
)
from privateshare.platform.jobs.queue import defer_sweep
from privateshare.platform.keystore.journal import Ended, JournalEntry
from privateshare.platform.keystore.store import KeyStoreUnavailable, NotDestroyed
from privateshare.platform.library.archives import unused_blobs
from privateshare.platform.library.credentials import revoke_after_commit
from privateshare.platform.library.libraries import library_blob_prefix, lock_to_erase
from privateshare.platform.library.storages import storage_blob_prefix
from privateshare.platform.runtime import Platform

KEYS_PER_TRANSACTION = 1000

log = structlog.get_logger()


async def erase_library(db: AsyncSession, platform: Platform, library_id: UUID) -> None:
    """Erase a person's library. At the end of `Database.transaction` its key is destroyed, so that no copy can be read.

    Raises KeyStoreUnavailable if the key store cannot be reached: then the transaction must be rolled back. If it
    becomes unavailable after the commit, the end of the transaction raises NotDestroyed.
    """
    await lock_for_erasure(db, library_id)
    await platform.erasure_keys.require_store()
    storages = list(await db.scalars(select(StorageRow.id).where(StorageRow.library_id == library_id)))
    await revoke_after_commit(db, platform, library_id)
    accounts = await db.scalars(select(AccountRow.id).where(AccountRow.library_id == library_id))
    await erase_entries(db, library_id)
    await record_public_event(db, Event(EventKind.ERASED))
    await db.execute(delete(LibraryRow).where(LibraryRow.id == library_id))
    destroy_keys_later(db, platform, [library_id, *accounts])
    await delete_blobs_later(
        db, platform, [library_blob_prefix(library_id), *(storage_blob_prefix(id_) for id_ in storages)]
    )


def destroy_keys_later(db: AsyncSession, platform: Platform, names: Sequence[UUID]) -> None:
    """List the erasure keys of libraries or accounts for destruction, which follows the commit at once."""
    db.add_all(KeyToDestroyRow(name=name) for name in names)
    after_commit(db, partial(_destroy_keys, platform, names))


async def _destroy_keys(platform: Platform, names: Sequence[UUID]) -> None:
    try:
        await platform.erasure_keys.destroy(names)
    except KeyStoreUnavailable as error:
        log.error("keys of erased data are not destroyed yet", keys=[str(n) for n in names], reason=error.message)
        raise NotDestroyed(f"All data is deleted, but its key is not destroyed yet: {error.message}") from error


async def destroy_listed_keys(platform: Platform) -> None:
    """Destroy all keys that are listed for destruction. Raises KeyStoreUnavailable."""
    left = True
    while left:
        async with platform.database.transaction() as db:
            names = list(await db.scalars(select(KeyToDestroyRow.name).limit(KEYS_PER_TRANSACTION).with_for_update()))
            await platform.erasure_keys.destroy(names)
            await record_ended(db, Ended.KEY, names)
            await db.execute(delete(KeyToDestroyRow).where(KeyToDestroyRow.name.in_(names)))
        left = len(names) == KEYS_PER_TRANSACTION


async def record_ended(db: AsyncSession, kind: Ended, ids: Sequence[object]) -> None:
    """List what ended for good in this transaction. A job records it in the journal of erasures."""
    if ids:
        rows = [{"kind": kind.value, "id": str(id_)} for id_ in ids]
        await db.execute(insert(UnjournaledRow).on_conflict_do_nothing(), rows)


async def write_journal(platform: Platform) -> None:
    """Record in the journal of erasures what is listed for it. Raises KeyStoreUnavailable."""
    left = True
    while left:
        async with platform.database.transaction() as db:
            query = select(UnjournaledRow).limit(KEYS_PER_TRANSACTION).with_for_update(skip_locked=True)
            rows = list(await db.scalars(query))
            if rows:
                entries = [JournalEntry(Ended(row.kind), row.id) for row in rows]
                await asyncio.to_thread(platform.journals.record, entries)
            for row in rows:
                await db.delete(row)
        left = len(rows) == KEYS_PER_TRANSACTION


async def erase_account(db: AsyncSession, platform: Platform, account: AccountRow) -> None:
    """Erase an account, its credentials, and every file that came from it. Protocol 7.2.

    Its key is destroyed after the commit. Raises KeyStoreUnavailable and NotDestroyed under the same conditions as
    `erase_library`.
    """
    await lock_to_erase(db, account.library_id)
    await platform.erasure_keys.require_store()
    files = delete(FileRow).where(FileRow.library_id == account.library_id, FileRow.account_id == account.id)
    blobs = list(await db.scalars(files.returning(FileRow.blob)))
    blobs += await _remove_archives(db, account)
    await revoke_after_commit(db, platform, account.library_id, account.id)
    destroy_keys_later(db, platform, [account.id])
    await db.delete(account)
    await delete_blobs_later(db, platform, blobs)


async def remove_files_of_account(db: AsyncSession, platform: Platform, account: AccountRow) -> None:
    """Delete everything that was fetched or imported into an account, so that the next sync begins from the start."""
    await lock_to_erase(db, account.library_id)
    await empty_account(db, platform, account)


async def empty_account(db: AsyncSession, platform: Platform, account: AccountRow) -> None:
    """Do what `remove_files_of_account` does, with the account locked against syncs, and not the whole library."""
    files = delete(FileRow).where(FileRow.library_id == account.library_id, FileRow.account_id == account.id)
    blobs = list(await db.scalars(files.returning(FileRow.blob)))
    account.sealed_cursors = account.sealed_imports = None
    of_account = (ArchiveRow.library_id == account.library_id, ArchiveRow.account_id == account.id)
    await db.execute(update(ArchiveRow).where(*of_account).values(age=None))
    account.emptied_at = datetime.now(UTC)  # A sync that is running has to begin again.
    await db.flush()
    await delete_blobs_later(db, platform, blobs)


async def withdraw_access(db: AsyncSession, platform: Platform, account: AccountRow) -> None:
    """Delete an account's credentials and archives. Nothing more is fetched until the person connects it again."""
    blobs = await _remove_archives(db, account)
    account.sealed_credentials = None
    account.needs_login = True
    await db.flush()
    await delete_blobs_later(db, platform, blobs)


async def _remove_archives(db: AsyncSession, account: AccountRow) -> list[str]:
    """Delete the archives of an account that were not imported yet, and return the keys of their blobs."""
    archives = delete(ArchiveRow).where(
        ArchiveRow.library_id == account.library_id, ArchiveRow.account_id == account.id
    )
    return await unused_blobs(db, list(await db.scalars(archives.returning(ArchiveRow.blob))))


async def lock_for_erasure(db: AsyncSession, *library_ids: UUID) -> None:
    """Lock libraries against any other use. Their journeys are locked first, in the order of the consent pages."""
    journeys = select(JourneyRow.id).where(JourneyRow.library_id.in_(library_ids)).order_by(JourneyRow.id)
    await db.execute(journeys.with_for_update())
    for library_id in sorted(library_ids):
        await lock_to_erase(db, library_id)


async def delete_blobs_later(db: AsyncSession, platform: Platform, blobs: list[str]) -> None:
    """List blobs for deletion, or prefixes of blobs that end in "/"."""
    if blobs:
        # The rows are inserted one by one, because one statement for all could have too many parameters.
        to_delete = [{"key": key} for key in blobs]
        await db.execute(insert(BlobToDeleteRow).on_conflict_do_nothing(), to_delete)
        await defer_sweep(db, platform.queue)


async def forget_user(
    db: AsyncSession, platform: Platform, consent: ConsentRow, partner_id: str, now: datetime
) -> None:
    """Delete a person at a partner's request. Protocol 7.5.

    The library is erased if no other partner has a live consent to it, and nothing proves whose it is: then nobody else
    could use or erase it. Otherwise only this partner's data is deleted: its consents with their tokens and sessions,
    the files it pushed, its storages, and its identifier of the person.
    If the visitor who consented did not prove that the library is theirs, only what the consent covers is deleted.
    """
    library_id = consent.library_id
    await lock_for_erasure(db, library_id)
    if consent.unproven:
        await _undo_consent(db, platform, consent)
        return
    consents = list(await db.execute(_consents_with_partners(library_id)))
    others = [found for found, partner in consents if partner != partner_id and _is_live(found, now)]
    if not others and not await has_proof_of_person(db, library_id):
        await erase_library(db, platform, library_id)
        return
    for found, partner in consents:
        if partner == partner_id:
            await record_ended(db, Ended.CONSENT, [found.id])
            await db.delete(found)
    contracts = select(ContractRow.id).join(ApplicationRow).where(ApplicationRow.partner_id == partner_id)
    pushed = delete(PushedFileRow).where(
        PushedFileRow.library_id == library_id, PushedFileRow.contract_id.in_(contracts)
    )
    blobs = list(await db.scalars(pushed.returning(PushedFileRow.blob)))
    storages = delete(StorageRow).where(StorageRow.library_id == library_id, StorageRow.contract_id.in_(contracts))
    blobs += [storage_blob_prefix(id_) for id_ in await db.scalars(storages.returning(StorageRow.id))]
    await db.execute(
        delete(LibraryPartnerRow).where(
            LibraryPartnerRow.library_id == library_id, LibraryPartnerRow.partner_id == partner_id
        )
    )
    await delete_blobs_later(db, platform, blobs)
    await defer_sweep(db, platform.queue)


async def erase_pushed_files(
    db: AsyncSession, platform: Platform, library_id: UUID, application_id: str
) -> tuple[int, int]:
    """Delete the files that an application pushed to a library. Return their number and their bytes."""
    contracts = select(ContractRow.id).where(ContractRow.application_id == application_id)
    pushed = delete(PushedFileRow).where(
        PushedFileRow.library_id == library_id, PushedFileRow.contract_id.in_(contracts)
    )
    deleted = (await db.execute(pushed.returning(PushedFileRow.blob, PushedFileRow.size))).all()
    await delete_blobs_later(db, platform, [blob for blob, _ in deleted])
    return len(deleted), sum(size for _, size in deleted)


async def delete_exports(db: AsyncSession, platform: Platform, made_before: datetime, library_id: UUID | None) -> None:
    """Delete the archives that people made to take everything with them: old ones, or all older ones of a library."""
    old = delete(ExportRow).where(ExportRow.created_at < made_before)
    if library_id is not None:
        old = old.where(ExportRow.library_id == library_id)
    await delete_blobs_later(db, platform, list(await db.scalars(old.returning(ExportRow.blob))))


async def has_proof_of_person(db: AsyncSession, library_id: UUID, *, without_browsers: bool = False) -> bool:
    """Return whether the person can prove that a library is theirs, and so see, use and erase it without an app."""
    for table in (BrowserRow, PasskeyRow, RecoveryCodeRow):
        counts = not (without_browsers and table is BrowserRow)
        if counts and await db.scalar(select(exists().where(table.library_id == library_id))):
            return True
    signed_in = (AccountRow.library_id == library_id, AccountRow.signed_in, AccountRow.unproven_on.is_(None))
    return bool(await db.scalar(select(exists().where(*signed_in))))


async def _undo_consent(db: AsyncSession, platform: Platform, consent: ConsentRow) -> None:
    """Remove a consent that nobody proved to be the person's, and what was connected for it."""
    covered = select(ConsentAccountRow.account_id).where(
        ConsentAccountRow.library_id == consent.library_id, ConsentAccountRow.consent_id == consent.id
    )
    covered_by_others = select(ConsentAccountRow.account_id).where(
        ConsentAccountRow.library_id == consent.library_id, ConsentAccountRow.consent_id != consent.id
    )
    accounts = select(AccountRow).where(
        AccountRow.library_id == consent.library_id,
        AccountRow.unproven_on.is_not(None),
        AccountRow.id.in_(covered),
        AccountRow.id.not_in(covered_by_others),
    )
    for account in list(await db.scalars(accounts)):
        await erase_account(db, platform, account)
    await record_ended(db, Ended.CONSENT, [consent.id])
    of_consent = (JourneyRow.library_id == consent.library_id, JourneyRow.consent_id == consent.id)
    await db.execute(update(JourneyRow).where(*of_consent).values(consent_id=None))
    await db.delete(consent)


def _consents_with_partners(library_id: UUID) -> Select[ConsentRow, str]:
    return (
        select(ConsentRow, ApplicationRow.partner_id)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(ConsentRow.library_id == library_id)
    )


def _is_live(consent: ConsentRow, now: datetime) -> bool:
    return consent.revoked_at is None and (consent.expires_at is None or consent.expires_at > now)
