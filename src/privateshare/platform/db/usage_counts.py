"""What apps use, by contract and month: counted in memory, and added to the database every few seconds.

The numbers are for the operator's overview. A process that is killed loses those of the last seconds.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog
from psycopg import Error as DriverError
from sqlalchemy import delete, exists, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database
from privateshare.platform.db.tables import ConsentRow, ContractRow, UsageCountRow, UsagePersonRow

WRITE_SECONDS = 5.0
KEPT_MONTHS = 36
COLUMNS = ("calls", "files_read", "bytes_read", "files_received", "bytes_received")

log = structlog.get_logger()


@dataclass(slots=True)
class _Usage:
    """What one contract did in one month, as far as it is not written yet."""

    numbers: Counter[str] = field(default_factory=Counter)
    consents: set[UUID] = field(default_factory=set)


class UsageCounts:
    """Counts the use of one process, and adds it to the database."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._now = database, now
        self._counted: dict[tuple[str, int], _Usage] = defaultdict(_Usage)

    def count_call(self, contract_id: str) -> None:
        """Count a signed request of a contract."""
        self._of_now(contract_id).numbers["calls"] += 1

    def count_read(self, contract_id: str, consent_id: UUID, files: int, size: int) -> None:
        """Count files that an app read of a person."""
        self._count(contract_id, consent_id, {"files_read": files, "bytes_read": size})

    def count_received(self, contract_id: str, consent_id: UUID, size: int) -> None:
        """Count a file that an app pushed to a person."""
        self._count(contract_id, consent_id, {"files_received": 1, "bytes_received": size})

    def _count(self, contract_id: str, consent_id: UUID, numbers: dict[str, int]) -> None:
        usage = self._of_now(contract_id)
        usage.numbers.update(numbers)
        usage.consents.add(consent_id)

    def _of_now(self, contract_id: str) -> _Usage:
        return self._counted[contract_id, month_of(self._now())]

    async def run(self) -> None:
        """Write what was counted every few seconds, until this is cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            await self.write()

    async def write(self) -> None:
        """Add what was counted to the database. If that fails, it stays counted."""
        taken, self._counted = self._counted, defaultdict(_Usage)
        if not taken:
            return
        try:
            async with self._database.transaction() as db:
                for (contract_id, month), usage in sorted(taken.items()):  # In one order, so that nobody waits forever.
                    await _add(db, contract_id, month, usage)
        except (SQLAlchemyError, DriverError, OSError) as error:
            log.warning("the use of apps cannot be written yet", error=type(error).__name__)
            for key, usage in taken.items():
                self._counted[key].numbers.update(usage.numbers)
                self._counted[key].consents |= usage.consents


async def _add(db: AsyncSession, contract_id: str, month: int, usage: _Usage) -> None:
    values = {name: literal(usage.numbers[name]) for name in COLUMNS}
    # A name that no contract has, or has any more, is left out.
    known = select(ContractRow.id, literal(month), *values.values()).where(ContractRow.id == contract_id)
    new = insert(UsageCountRow).from_select(["contract_id", "month", *COLUMNS], known)
    added = {name: getattr(UsageCountRow, name) + new.excluded[name] for name in COLUMNS}
    await db.execute(new.on_conflict_do_update(index_elements=["contract_id", "month"], set_=added))
    if usage.consents:
        of_consents = (
            select(ConsentRow.library_id, ConsentRow.contract_id, literal(month))
            .where(ConsentRow.id.in_(usage.consents), exists().where(ContractRow.id == ConsentRow.contract_id))
            .distinct()
        )
        people = insert(UsagePersonRow).from_select(["library_id", "contract_id", "month"], of_consents)
        await db.execute(people.on_conflict_do_nothing())


def month_of(moment: datetime) -> int:
    """Return the month of a moment as yyyymm."""
    utc = moment.astimezone(UTC)
    return utc.year * 100 + utc.month


async def delete_old_usage(db: AsyncSession, now: datetime) -> None:
    """Delete the numbers of months that are longer ago than `KEPT_MONTHS`."""
    years, months = divmod(now.year * 12 + now.month - 1 - KEPT_MONTHS, 12)
    oldest = years * 100 + months + 1
    tables: Iterable[type[UsageCountRow] | type[UsagePersonRow]] = (UsageCountRow, UsagePersonRow)
    for table in tables:
        await db.execute(delete(table).where(table.month < oldest))
