"""Accounts that journeys create are undecided until the person agrees, or adds to them on their own pages.

Several journeys may connect the same new account, in two tabs or for two apps. Each may end in any way, in any order:

- What is in an undecided account is of the only journey that has to do with it, and shows the person what they would
  share. As soon as somebody else connects the account too, it is emptied. Each then imports its own files, or fetches
  from the source, once the person agrees.
- A journey that is declined, or expires, takes its files and its sign-in with it. The account itself is erased by the
  last journey that connected it, unless somebody agreed meanwhile.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, any_, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from privateshare.platform.db.tables import AccountRow, ArchiveRow, JourneyRow, PreviewRow
from privateshare.platform.library.archives import unused_blobs
from privateshare.platform.library.credentials import revoke_after_commit
from privateshare.platform.library.dropped_files import PREFIX, PREVIEWED_PREFIX
from privateshare.platform.library.erasure import delete_blobs_later, empty_account, erase_account, erase_library
from privateshare.platform.library.libraries import lock_to_erase
from privateshare.platform.runtime import Platform


async def is_connected_elsewhere(db: AsyncSession, account: AccountRow, journey_id: UUID | None) -> bool:
    """Return whether another unfinished journey than this one has connected an account."""
    connected = select(JourneyRow.id).where(*_others_with(account, journey_id, JourneyRow.account_ids))
    return await db.scalar(connected.limit(1)) is not None


async def take_part(db: AsyncSession, platform: Platform, account: AccountRow, journey_id: UUID | None) -> None:
    """Record that a journey connects an account, or the person on their own pages. The account must be locked.

    If it is undecided, and another journey has connected it, it is emptied.
    """
    if account.undecided and await is_connected_elsewhere(db, account, journey_id):
        of_account = (ArchiveRow.library_id == account.library_id, ArchiveRow.account_id == account.id)
        await db.execute(update(ArchiveRow).where(*of_account).values(imported=False))
        shown = (PreviewRow.library_id == account.library_id, PreviewRow.account_id == account.id)
        await db.execute(delete(PreviewRow).where(*shown))
        await empty_account(db, platform, account)
    if journey_id is None:
        account.undecided = False


async def agree_to_accounts(
    db: AsyncSession, library_id: UUID, account_ids: Collection[UUID], journey: JourneyRow | None = None
) -> None:
    """Record that the person agreed to accounts.

    They agreed to the accounts as they are, with their sign-ins; but if they only uploaded files on the journey, the
    sign-in of another journey is still undecided.
    """
    if not account_ids:
        return
    this = (AccountRow.library_id == library_id, AccountRow.id.in_(account_ids), AccountRow.undecided)
    decided = update(AccountRow).where(*this).values(undecided=False).returning(AccountRow.id)
    for id_ in list(await db.scalars(decided)):
        if journey is None or str(id_) not in journey.account_ids or str(id_) in journey.signed_in_ids:
            await agree_to_sign_in(db, library_id, id_)


async def agree_to_sign_in(db: AsyncSession, library_id: UUID, account_id: UUID) -> None:
    """Let the sign-in of an account stay, whatever becomes of the journeys on which the person signed in."""
    id_ = str(account_id)
    signed_in = (JourneyRow.library_id == library_id, literal(id_) == any_(JourneyRow.signed_in_ids))
    without = func.array_remove(JourneyRow.signed_in_ids, id_)
    await db.execute(update(JourneyRow).where(*signed_in).values(signed_in_ids=without))


async def undo_journey(db: AsyncSession, platform: Platform, journey: JourneyRow) -> None:
    """Erase what an unfinished journey created: its files, its new library, or the accounts that it connected."""
    await delete_blobs_later(db, platform, [f"{prefix}{journey.id}/" for prefix in (PREFIX, PREVIEWED_PREFIX)])
    if journey.library_id is None:
        return
    if journey.provisional:
        await erase_library(db, platform, journey.library_id)
        return
    if journey.account_ids:  # Of two journeys that end at the same time, the second has to see that the first ended.
        await lock_to_erase(db, journey.library_id)
    uploaded = delete(ArchiveRow).where(
        ArchiveRow.library_id == journey.library_id, ArchiveRow.journey_id == journey.id
    )
    deleted = await unused_blobs(db, list(await db.scalars(uploaded.returning(ArchiveRow.blob))))
    await delete_blobs_later(db, platform, deleted)
    connected = select(AccountRow).where(
        AccountRow.library_id == journey.library_id, AccountRow.id.in_([UUID(id_) for id_ in journey.account_ids])
    )
    for account in await db.scalars(connected.execution_options(populate_existing=True)):
        if account.undecided and not await is_connected_elsewhere(db, account, journey.id):
            await erase_account(db, platform, account)
        elif str(account.id) in journey.signed_in_ids:
            await _undo_sign_in(db, platform, account, journey)


async def _undo_sign_in(db: AsyncSession, platform: Platform, account: AccountRow, journey: JourneyRow) -> None:
    """Delete the sign-in of a journey, unless the person signed in on another one too: an account has only one."""
    others = select(JourneyRow.id).where(*_others_with(account, journey.id, JourneyRow.signed_in_ids))
    if account.sealed_credentials is None or await db.scalar(others.limit(1)) is not None:
        return
    await revoke_after_commit(db, platform, account.library_id, account.id)
    account.sealed_credentials, account.signed_in = None, False
    await db.flush()


def _others_with(
    account: AccountRow, journey_id: UUID | None, ids: InstrumentedAttribute[list[str]]
) -> tuple[ColumnElement[bool], ...]:
    """Select the other unfinished journeys that have an account in one of their lists."""
    return (
        JourneyRow.library_id == account.library_id,
        JourneyRow.id.is_distinct_from(journey_id),
        JourneyRow.finished_at.is_(None),
        JourneyRow.undone_at.is_(None),
        literal(str(account.id)) == any_(ids),
    )
