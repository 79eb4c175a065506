"""The apps that a person shares with."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ConsentRow, ContractRow


@dataclass(frozen=True, slots=True)
class LastShare:
    """The app that a person agreed with last, and when. Pages use it to describe the library."""

    app: str
    given_at: datetime


async def last_share(db: AsyncSession, library_id: UUID) -> LastShare | None:
    """Find the app that a library's owner agreed with last."""
    query = select(ConsentRow).where(ConsentRow.library_id == library_id, ConsentRow.unproven.is_(False))
    consent = await db.scalar(query.order_by(ConsentRow.created_at.desc()).limit(1))
    if consent is None:
        return None
    contract = await db.get_one(ContractRow, consent.contract_id)
    return LastShare(contract.application.name, consent.created_at)
