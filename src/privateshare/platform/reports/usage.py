"""What apps used, for the operator: numbers by app, contract and month."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ApplicationRow, ContractRow, UsageCountRow, UsagePersonRow


async def usage(
    db: AsyncSession,
    *,
    application_id: str | None = None,
    contract_id: str | None = None,
    first_month: int = 0,
    last_month: int = 999_912,
) -> Sequence[dict[str, Any]]:
    """List what each contract used in each month, the newest month first. Months are numbers such as 202603."""
    people = (
        select(func.count())
        .where(UsagePersonRow.contract_id == UsageCountRow.contract_id, UsagePersonRow.month == UsageCountRow.month)
        .scalar_subquery()
    )
    query = (
        select(UsageCountRow, ApplicationRow.id, ApplicationRow.name, people)
        .join(ContractRow, ContractRow.id == UsageCountRow.contract_id)
        .join(ApplicationRow, ApplicationRow.id == ContractRow.application_id)
        .where(UsageCountRow.month.between(first_month, last_month))
        .order_by(UsageCountRow.month.desc(), ApplicationRow.name, UsageCountRow.contract_id)
    )
    if application_id is not None:
        query = query.where(ApplicationRow.id == application_id)
    if contract_id is not None:
        query = query.where(ContractRow.id == contract_id)
    return [
        {
            "month": f"{row.month // 100}-{row.month % 100:02}",
            "application": name,
            "application_id": application,
            "contract_id": row.contract_id,
            "calls": row.calls,
            "people": number,
            "files_read": row.files_read,
            "bytes_read": row.bytes_read,
            "files_received": row.files_received,
            "bytes_received": row.bytes_received,
        }
        for row, application, name, number in await db.execute(query)
    ]
