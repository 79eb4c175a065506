"""Finding the rows of consents, whose library an app does not know."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ConsentRow


async def consent_by_id(db: AsyncSession, consent_id: UUID | str) -> ConsentRow:
    """Return the consent with this id, as it is in the database."""
    query = select(ConsentRow).where(ConsentRow.id == UUID(str(consent_id)))
    return (await db.scalars(query.execution_options(populate_existing=True))).one()
