"""What a person allowed a contract, given and withdrawn. Protocol 4.2, 8."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import (
    ApplicationRow,
    AuthorizationCodeRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
    LibraryPartnerRow,
    TokenRow,
)
from privateshare.platform.keys.secrets import new_id


async def give_consent(
    db: AsyncSession,
    contract: ContractRow,
    library_id: UUID,
    account_ids: Sequence[UUID],
    now: datetime,
    *,
    unproven: bool = False,
) -> ConsentRow:
    """Give the consent of a library's person to a contract, for these accounts, as the contract's document stands now.

    A live consent to the same contract is renewed, so that its `consentid` stays; a one-off contract gets a new one,
    and so does `unproven`: somebody who did not prove that the library is theirs, and who changes no other consent.
    """
    consent = None if contract.once or unproven else await live_consent(db, contract.id, library_id, now)
    if consent is None:
        consent = ConsentRow(library_id=library_id, contract_id=contract.id, unproven=unproven)
        db.add(consent)
    consent.document, consent.expires_at = contract.document, contract.expires_at
    await db.flush()
    await set_consent_accounts(db, consent, account_ids)
    await _know_by_partner(db, library_id, contract.application.partner_id)
    return consent


async def live_consent(db: AsyncSession, contract_id: str, library_id: UUID, now: datetime) -> ConsentRow | None:
    """Find the consent by which the person lets this contract into their library now, if there is one."""
    query = select(ConsentRow).where(
        ConsentRow.contract_id == contract_id,
        ConsentRow.library_id == library_id,
        ConsentRow.unproven.is_(False),
        ConsentRow.revoked_at.is_(None),
        ConsentRow.expires_at.is_(None) | (ConsentRow.expires_at > now),
    )
    return (await db.scalars(query.order_by(ConsentRow.created_at.desc()).limit(1))).one_or_none()


async def accounts_shared_before(
    db: AsyncSession, contract: ContractRow, library_id: UUID, now: datetime
) -> Sequence[UUID]:
    """Find what the person shared with this contract when they last agreed, or else what its partner's apps see now.

    Nothing that they withdrew, and nothing that somebody shared who did not prove to be the person.
    """
    agreed = (ConsentRow.library_id == library_id, ConsentRow.unproven.is_(False), ConsentRow.revoked_at.is_(None))
    last = select(ConsentRow.id).where(*agreed, ConsentRow.contract_id == contract.id)
    last_id = await db.scalar(last.order_by(ConsentRow.created_at.desc()).limit(1))
    live = ConsentRow.expires_at.is_(None) | (ConsentRow.expires_at > now)
    of_partner = (
        select(ConsentRow.id)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(*agreed, live, ApplicationRow.partner_id == contract.application.partner_id)
    )
    which = ConsentAccountRow.consent_id == last_id if last_id else ConsentAccountRow.consent_id.in_(of_partner)
    return list(await db.scalars(select(ConsentAccountRow.account_id).where(which).distinct()))


async def set_consent_accounts(db: AsyncSession, consent: ConsentRow, account_ids: Sequence[UUID]) -> None:
    """Makes these accounts, and no others, the ones that the consent's contract sees."""
    await db.execute(delete(ConsentAccountRow).where(ConsentAccountRow.consent_id == consent.id))
    await add_consent_accounts(db, consent, account_ids)


async def add_consent_accounts(db: AsyncSession, consent: ConsentRow, account_ids: Sequence[UUID]) -> None:
    """Lets the consent's contract see these accounts too."""
    rows = [{"consent_id": consent.id, "library_id": consent.library_id, "account_id": id_} for id_ in account_ids]
    if rows:
        await db.execute(insert(ConsentAccountRow).values(rows).on_conflict_do_nothing())


async def revoke_consent(db: AsyncSession, consent_id: UUID, now: datetime) -> None:
    """Ends a consent: its codes and tokens stop working at once, and its sessions with them."""
    await _revoke(db, ConsentRow.id == consent_id, now)


async def end_contract(db: AsyncSession, contract: ContractRow, now: datetime) -> None:
    """Ends a contract and every consent to it: no call with it works any more, and syncs and downloads for it stop."""
    contract.expires_at = min(contract.expires_at or now, now)
    await _revoke(db, ConsentRow.contract_id == contract.id, now)


async def _revoke(db: AsyncSession, which: ColumnElement[bool], now: datetime) -> None:
    await db.execute(update(ConsentRow).where(which, ConsentRow.revoked_at.is_(None)).values(revoked_at=now))
    ids = select(ConsentRow.id).where(which)  # not a list of them: a contract may have a million
    await db.execute(delete(TokenRow).where(TokenRow.consent_id.in_(ids)))
    await db.execute(delete(AuthorizationCodeRow).where(AuthorizationCodeRow.consent_id.in_(ids)))


async def public_user_id(db: AsyncSession, library_id: UUID, partner_id: str) -> str:
    """The id by which this partner knows the person of a library: `sub` of protocol 4.2."""
    await _know_by_partner(db, library_id, partner_id)
    query = select(LibraryPartnerRow.sub).where(
        LibraryPartnerRow.library_id == library_id, LibraryPartnerRow.partner_id == partner_id
    )
    return (await db.scalars(query)).one()


async def _know_by_partner(db: AsyncSession, library_id: UUID, partner_id: str) -> None:
    known = insert(LibraryPartnerRow).values(library_id=library_id, partner_id=partner_id, sub=new_id())
    await db.execute(known.on_conflict_do_nothing(index_elements=["library_id", "partner_id"]))
