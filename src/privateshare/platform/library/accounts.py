"""Finding the accounts of a library: all of them, or those that a consent covers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database
from privateshare.platform.db.statements import Statement
from privateshare.platform.db.tables import AccountRow, ConsentAccountRow, ConsentRow


class ShownAccount(NamedTuple):
    """The columns of an account of which an app sees something."""

    library_id: UUID
    id: UUID
    public_id: str
    reference: str
    source_id: int
    service_type: int
    service_group: int
    type: str
    sample: str | None
    sealed_details: bytes
    needs_login: bool
    created_at: datetime
    updated_at: datetime


SHOWN_ACCOUNTS = Statement("shown_accounts", ShownAccount)


def accounts_of(consent: ConsentRow) -> Sequence[ColumnElement[bool]]:
    """Select the rows of the accounts that a consent covers."""
    return ConsentAccountRow.library_id == consent.library_id, ConsentAccountRow.consent_id == consent.id


async def consented_accounts(db: AsyncSession, library_id: UUID, consent_id: UUID) -> list[AccountRow]:
    """Return the accounts that a consent covers, oldest first."""
    query = (
        select(AccountRow)
        .join(
            ConsentAccountRow,
            (ConsentAccountRow.library_id == AccountRow.library_id) & (ConsentAccountRow.account_id == AccountRow.id),
        )
        .where(ConsentAccountRow.library_id == library_id, ConsentAccountRow.consent_id == consent_id)
        .order_by(AccountRow.number)
    )
    return list(await db.scalars(query))


async def shown_accounts(database: Database, consent: ConsentRow) -> list[ShownAccount]:
    """Return the accounts that a consent covers, oldest first, with only what an app sees of them."""
    return await database.rows(SHOWN_ACCOUNTS, {"library_id": consent.library_id, "consent_id": consent.id})


async def library_accounts(db: AsyncSession, library_id: UUID) -> list[AccountRow]:
    """Return all accounts of a library, oldest first."""
    return list(
        await db.scalars(select(AccountRow).where(AccountRow.library_id == library_id).order_by(AccountRow.number))
    )
