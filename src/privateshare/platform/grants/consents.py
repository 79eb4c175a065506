"""Consents of people to contracts: giving, changing and revoking them. Protocol 4.2, 8."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.statements import Statement
from privateshare.platform.db.tables import (
    ApplicationRow,
    AuthorizationCodeRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
    TokenRow,
    live_consents,
)
from privateshare.platform.keys.secrets import new_id
from privateshare.platform.keystore.journal import Ended
from privateshare.platform.library.accounts import accounts_of
from privateshare.platform.library.erasure import record_ended
from privateshare.platform.library.undecided_accounts import agree_to_accounts
from privateshare.protocol.choice import EVERYTHING, Choice


class _PublicUserId(NamedTuple):
    sub: str


PUBLIC_USER_ID = Statement("public_user_id", _PublicUserId)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a person chose of what a contract asks for: which data, until when, and whether for one read only.

    Without an end, the consent ends with the contract.
    """

    choice: Choice = EVERYTHING
    until: datetime | None = None
    once: bool = False


async def record_consent(
    db: AsyncSession,
    contract: ContractRow,
    library_id: UUID,
    account_ids: Sequence[UUID],
    now: datetime,
    *,
    agreed: Agreed | None = None,
    unproven: bool = False,
    linked: ConsentRow | None = None,
) -> ConsentRow:
    """Record that a person consents to a contract, as its document is now, for the given accounts.

    A live consent to the same contract is renewed and keeps its `consentid`. One for a single read is not renewed:
    there is a new one each time. So it is with an `unproven` consent, of somebody who did not prove that the library is
    theirs: it must not change another consent. `linked` is the consent whose token the app showed, if it did: the app
    goes on knowing the person by the same id.
    """
    agreed = agreed or Agreed()
    consent = None if contract.once or unproven else await live_consent(db, contract.id, library_id, now, linked)
    if consent is None:
        known_as = linked.sub if linked is not None else None
        consent = ConsentRow(library_id=library_id, contract_id=contract.id, unproven=unproven, sub=known_as)
        db.add(consent)
    consent.document, consent.choice = contract.document, agreed.choice
    if contract.kind != "write":  # What an app goes on writing belongs to the library for which the person agreed.
        consent.library_before = None
    consent.once = contract.once or agreed.once
    if consent.once:
        consent.used_at = None
    consent.expires_at = earliest(contract.expires_at, agreed.until)
    await db.flush()
    await set_consent_accounts(db, consent, account_ids)
    await public_user_id(db, library_id, contract.application.partner_id)
    return consent


async def change_consent(
    db: AsyncSession, consent: ConsentRow, contract: ContractRow, account_ids: Sequence[UUID], agreed: Agreed
) -> None:
    """Change what a person shares with a live consent, which must be locked. Its terms stay as they are."""
    consent.choice = agreed.choice
    consent.expires_at = earliest(contract.expires_at, agreed.until)
    await db.flush()
    await set_consent_accounts(db, consent, account_ids)


async def widens(db: AsyncSession, consent: ConsentRow, account_ids: Sequence[UUID], agreed: Agreed) -> bool:
    """Tell whether a change of a consent would share anything that it does not share now."""
    covered = select(ConsentAccountRow.account_id).where(*accounts_of(consent))
    if not set(account_ids) <= set(await db.scalars(covered)):
        return True
    lasts_longer = consent.expires_at is not None and (agreed.until is None or agreed.until > consent.expires_at)
    return lasts_longer or not consent.choice.covers(agreed.choice, account_ids)


def earliest(*moments: datetime | None) -> datetime | None:
    """Return the earliest of these moments; None if there is none."""
    return min((moment for moment in moments if moment is not None), default=None)


async def live_consent(
    db: AsyncSession, contract_id: str, library_id: UUID, now: datetime, linked: ConsentRow | None = None
) -> ConsentRow | None:
    """Find the consent by which the person currently gives a contract access to their library, if there is one.

    With `linked`, it must be one under which the app knows the person by the same id as under that consent.
    """
    query = select(ConsentRow).where(
        ConsentRow.contract_id == contract_id,
        ConsentRow.library_id == library_id,
        ConsentRow.unproven.is_(False),
        ConsentRow.once.is_(False),
        live_consents(now),
    )
    if linked is not None:
        query = query.where(ConsentRow.sub.is_not_distinct_from(linked.sub))
    return (await db.scalars(query.order_by(ConsentRow.created_at.desc()).limit(1))).one_or_none()


async def last_agreement(db: AsyncSession, contract_id: str, library_id: UUID) -> ConsentRow | None:
    """Find the consent by which the person last agreed to a contract; None if they never did, or withdrew it.

    Consents of somebody who did not prove to be the person are left out.
    """
    query = select(ConsentRow).where(
        ConsentRow.contract_id == contract_id,
        ConsentRow.library_id == library_id,
        ConsentRow.unproven.is_(False),
        ConsentRow.revoked_at.is_(None),
    )
    return await db.scalar(query.order_by(ConsentRow.created_at.desc()).limit(1))


async def accounts_shared_before(
    db: AsyncSession, contract: ContractRow, library_id: UUID, now: datetime
) -> Sequence[UUID]:
    """List the accounts that the person last shared with a contract, or that apps of its partner can read now.

    Revoked consents, and consents of somebody who did not prove to be the person, are left out.
    """
    agreed = (ConsentRow.library_id == library_id, ConsentRow.unproven.is_(False), ConsentRow.revoked_at.is_(None))
    last = select(ConsentRow.id).where(*agreed, ConsentRow.contract_id == contract.id)
    last_id = await db.scalar(last.order_by(ConsentRow.created_at.desc()).limit(1))
    of_partner = (
        select(ConsentRow.id)
        .join(ContractRow, ContractRow.id == ConsentRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(*agreed, live_consents(now), ApplicationRow.partner_id == contract.application.partner_id)
    )
    which = ConsentAccountRow.consent_id == last_id if last_id else ConsentAccountRow.consent_id.in_(of_partner)
    shared = select(ConsentAccountRow.account_id).where(ConsentAccountRow.library_id == library_id, which)
    return list(await db.scalars(shared.distinct()))


async def share_more_accounts(
    db: AsyncSession, consent: ConsentRow, kinds_by_account: Mapping[UUID, Iterable[int]]
) -> None:
    """Add accounts to those that a consent covers, with these object types of each.

    What the person declined of an account that the consent covers already stays declined. The consent must be locked.
    """
    for account_id, kinds in kinds_by_account.items():
        consent.choice = consent.choice.with_account(account_id, kinds)
    await add_consent_accounts(db, consent, list(kinds_by_account))


async def set_consent_accounts(db: AsyncSession, consent: ConsentRow, account_ids: Sequence[UUID]) -> None:
    """Replace the accounts that a consent covers."""
    await db.execute(delete(ConsentAccountRow).where(*accounts_of(consent)))
    await add_consent_accounts(db, consent, account_ids)


async def add_consent_accounts(db: AsyncSession, consent: ConsentRow, account_ids: Sequence[UUID]) -> None:
    """Add accounts to those that a consent covers. The person has agreed to these accounts by that."""
    await agree_to_accounts(db, consent.library_id, account_ids)
    rows = [{"consent_id": consent.id, "library_id": consent.library_id, "account_id": id_} for id_ in account_ids]
    if rows:
        await db.execute(insert(ConsentAccountRow).values(rows).on_conflict_do_nothing())


async def revoke_consent(db: AsyncSession, consent: ConsentRow, now: datetime) -> None:
    """Revoke a consent. Its codes, tokens and sessions stop working at once."""
    await record_ended(db, Ended.CONSENT, [consent.id])
    await _revoke(db, (ConsentRow.library_id == consent.library_id) & (ConsentRow.id == consent.id), now)


async def end_contract(db: AsyncSession, contract: ContractRow, now: datetime) -> None:
    """End a contract and revoke every consent to it. Its requests are refused, and its syncs and downloads stop."""
    contract.expires_at = min(contract.expires_at or now, now)
    await record_ended(db, Ended.CONTRACT, [contract.id])
    await _revoke(db, ConsentRow.contract_id == contract.id, now)


async def _revoke(db: AsyncSession, which: ColumnElement[bool], now: datetime) -> None:
    await db.execute(update(ConsentRow).where(which, ConsentRow.revoked_at.is_(None)).values(revoked_at=now))
    # A subquery, since a contract may have a million consents.
    revoked = select(ConsentRow.library_id, ConsentRow.id).where(which)
    for table in (TokenRow, AuthorizationCodeRow):
        await db.execute(delete(table).where(tuple_(table.library_id, table.consent_id).in_(revoked)))


async def public_user_id(db: AnyTransaction, library_id: UUID, partner_id: str) -> str:
    """Return the id by which a partner knows a person: `sub` in protocol 4.2. It is made on first use."""
    person = {"library_id": library_id, "partner_id": partner_id, "sub": new_id()}
    found = await (await statements_of(db)).first(PUBLIC_USER_ID, person)
    assert found is not None
    return found.sub
