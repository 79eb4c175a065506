"""The limits of requests to sources, which all workers share by rows in PostgreSQL.

A source declares how many requests it allows (`RequestLimit`), and it may ask for a pause (`Retry-After`). If the limit
applies to the platform's client id, an account that is paused pauses all others of that source, on every worker.

Each limit is one row, with the requests of its current window. A row is written before each request to a source with
declared limits. That costs little beside the request itself, and no worker can exceed a limit because of what another
has counted only for itself.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database
from privateshare.platform.db.tables import AccountRow, SourceUseRow
from privateshare.sources.contract import RequestLimit, SourceInfo, TryLater

PAUSE = 0  # The length of the window of a row that records a pause.
SECONDS_TO_WAIT_FOR_DATABASE = 30


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """The limits of one account's source."""

    database: Database
    info: SourceInfo
    account: AccountRow

    async def take(self) -> None:
        """Count a request before it is sent. Raises TryLater if a limit is used up, or a pause is not over."""
        async with self.database.transaction() as db:
            await self._require_no_pause(db)
            for limit in self.info.limits:
                await self._count(db, limit)

    async def pause(self, seconds: int) -> None:
        """Record that the source asked for a pause."""
        scope = self._scope(of_client=self._shares_a_limit)
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        row = insert(SourceUseRow).values(scope=scope, seconds=PAUSE, begun_at=until, requests=0)
        later = row.on_conflict_do_update(
            index_elements=[SourceUseRow.scope, SourceUseRow.seconds],
            set_={"begun_at": func.greatest(SourceUseRow.begun_at, row.excluded.begun_at)},
        )
        async with self.database.transaction() as db:
            await db.execute(later)

    async def check_pause(self) -> None:
        """Raise TryLater with the rest of a pause that the source asked for."""
        async with self.database.transaction() as db:
            await self._require_no_pause(db)

    def taker(self) -> Callable[[], None]:
        """Return `take` as a function for the thread that fetches."""
        loop = asyncio.get_running_loop()

        def take() -> None:
            asyncio.run_coroutine_threadsafe(self.take(), loop).result(SECONDS_TO_WAIT_FOR_DATABASE)

        return take if self.info.limits else lambda: None

    @property
    def _shares_a_limit(self) -> bool:
        return any(limit.of_client for limit in self.info.limits)

    def _scope(self, *, of_client: bool) -> str:
        return f"source {self.info.id}" if of_client else f"account {self.account.id}"

    async def _require_no_pause(self, db: AsyncSession) -> None:
        scopes = [self._scope(of_client=True), self._scope(of_client=False)]
        pauses = select(func.max(SourceUseRow.begun_at)).where(
            SourceUseRow.scope.in_(scopes), SourceUseRow.seconds == PAUSE
        )
        until = await db.scalar(pauses)
        now = datetime.now(UTC)
        if until is not None and until > now:
            raise TryLater("the source asked for a pause", math.ceil((until - now).total_seconds()))

    async def _count(self, db: AsyncSession, limit: RequestLimit) -> None:
        now = datetime.now(UTC)
        begun = datetime.fromtimestamp(now.timestamp() // limit.seconds * limit.seconds, UTC)
        scope = self._scope(of_client=limit.of_client)
        row = insert(SourceUseRow).values(scope=scope, seconds=limit.seconds, begun_at=begun, requests=1)
        is_new = SourceUseRow.begun_at < row.excluded.begun_at
        counted = row.on_conflict_do_update(
            index_elements=[SourceUseRow.scope, SourceUseRow.seconds],
            set_={
                "begun_at": row.excluded.begun_at,
                "requests": case((is_new, 1), else_=SourceUseRow.requests + 1),
            },
        ).returning(SourceUseRow.requests)
        if (await db.execute(counted)).scalar_one() > limit.requests:
            remaining = (begun + timedelta(seconds=limit.seconds) - now).total_seconds()
            raise TryLater("the limit of requests to the source is used up", max(1, math.ceil(remaining)))


async def delete_old_uses(db: AsyncSession, now: datetime, limits: Sequence[RequestLimit]) -> None:
    """Delete the counts of windows that have ended, and pauses that are over."""
    longest = max((limit.seconds for limit in limits), default=0)
    await db.execute(delete(SourceUseRow).where(SourceUseRow.begun_at < now - timedelta(seconds=longest)))
