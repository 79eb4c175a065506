"""Alerts: the operator is told once of each problem, and once that it is gone.

Every serving process looks at the clock, and one of them at the platform: whoever is first to record it. A problem is
told when it is seen for the second time, so that what lasts a moment wakes nobody.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import structlog
from psycopg import Error as DriverError
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import ConfigurationError, PrivateShareError
from privateshare.platform.db.tables import AlertRow
from privateshare.platform.diagnosis.checks import diagnose
from privateshare.platform.diagnosis.findings import Finding
from privateshare.platform.operating.notices import Channel, Notice, NoticeNotSent, channels
from privateshare.platform.runtime import Platform

LOOK_SECONDS = 60.0
LOOK_INTERVAL = timedelta(minutes=5)
THOROUGH_INTERVAL = timedelta(days=1)
HOLD = timedelta(minutes=4)  # Less than the interval, so that the second look tells of it.
# These rows are no problems. They record when somebody looked last.
LAST_LOOK, LAST_THOROUGH_LOOK = "(last look)", "(last thorough look)"

# take_turn: record that this process looks now, unless another one did shortly before.
_TAKE_TURN = text("""
INSERT INTO alerts (subject, found, advice, since) VALUES (:subject, '', '', :now)
    ON CONFLICT (subject) DO UPDATE SET since = :now
 WHERE alerts.since <= :before OR alerts.since > :now
RETURNING subject
""")

log = structlog.get_logger()


async def watch(platform: Platform) -> None:
    """Look for problems every few minutes, and tell the operator, until cancelled. Does nothing if nobody is named."""
    ways = channels(platform.settings)
    if not ways:
        return
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await look_if_due(platform, ways, datetime.now(UTC))
        except (SQLAlchemyError, DriverError, OSError, PrivateShareError) as error:
            log.error("problems cannot be looked for", error=type(error).__name__)


async def look_if_due(platform: Platform, ways: Mapping[str, Channel], now: datetime) -> bool:
    """Look for problems and tell the operator, unless somebody did shortly before. Return whether it was due."""
    async with platform.database.transaction() as db:
        if not await _take_turn(db, LAST_LOOK, LOOK_INTERVAL, now):
            return False
        thorough = await _take_turn(db, LAST_THOROUGH_LOOK, THOROUGH_INTERVAL, now)
    findings = [finding async for finding in diagnose(platform, thorough=thorough)]
    await tell(platform, ways, findings, now)
    return True


async def _take_turn(db: AsyncSession, subject: str, interval: timedelta, now: datetime) -> bool:
    taken = await db.execute(_TAKE_TURN, {"subject": subject, "now": now, "before": now - interval})
    return taken.scalar_one_or_none() is not None


async def tell(platform: Platform, ways: Mapping[str, Channel], findings: Sequence[Finding], now: datetime) -> None:
    """Record what was found, and send what the operator does not know yet. What cannot be sent is sent next time."""
    async with platform.database.transaction() as db:
        await record(db, findings, now)
    async with platform.database.transaction() as db:
        for row in await _problems(db, for_update=True):
            notice = _notice(platform, row, now)
            if notice is None or not await _send(ways, notice):
                continue
            if row.gone_at is not None:
                await db.delete(row)
            else:
                row.told_at = now


async def record(db: AsyncSession, findings: Sequence[Finding], now: datetime) -> None:
    """Record which problems there are, and which are gone. A subject that was not looked at stays as it was."""
    known = {row.subject: row for row in await _problems(db, for_update=True)}
    for finding in findings:
        row = known.get(finding.subject)
        if finding.is_alarming and row is None:
            db.add(AlertRow(subject=finding.subject, found=finding.found, advice=finding.advice, since=now))
        elif finding.is_alarming and row is not None:
            row.found, row.advice, row.gone_at = finding.found, finding.advice, None
        elif row is not None and row.told_at is None:
            await db.delete(row)  # It lasted for a moment only, and nobody was told.
        elif row is not None:
            row.found, row.gone_at = finding.found, row.gone_at or now


async def open_problems(db: AsyncSession) -> Sequence[AlertRow]:
    """List the problems that were found, the oldest first."""
    return await _problems(db)


async def _problems(db: AsyncSession, *, for_update: bool = False) -> Sequence[AlertRow]:
    query = select(AlertRow).where(AlertRow.subject.not_in([LAST_LOOK, LAST_THOROUGH_LOOK])).order_by(AlertRow.since)
    return list(await db.scalars(query.with_for_update() if for_update else query))


async def _send(ways: Mapping[str, Channel], notice: Notice) -> bool:
    """Send a message in every way; return whether at least one of them worked."""
    sent = False
    for name, send in ways.items():
        try:
            await send(notice)
        except NoticeNotSent as error:
            log.error("the operator could not be told of a problem", by=name, reason=str(error), title=notice.title)
        else:
            sent = True
    return sent


def _notice(platform: Platform, row: AlertRow, now: datetime) -> Notice | None:
    """Write the message about a problem; None if there is nothing to tell."""
    place = urlsplit(platform.settings.origin or "").netloc or str(platform.settings.data)
    data = {"subject": row.subject, "found": row.found, "platform": place, "since": f"{row.since:%Y-%m-%dT%H:%M:%SZ}"}
    if row.gone_at is not None:
        text = f"{row.subject}: {row.found}\nIt is as it should be again since {row.gone_at:%Y-%m-%d %H:%M} UTC."
        return Notice(f"[PrivateShare] solved: {row.subject} ({place})", text, {**data, "state": "solved"})
    if row.told_at is not None or now - row.since < HOLD:
        return None
    text = (
        f"{row.subject}: {row.found}\nWhat to do: {row.advice}\nSince {row.since:%Y-%m-%d %H:%M} UTC. "
        "`privateshare doctor` shows everything. You are told once, and again when it is solved."
    )
    return Notice(f"[PrivateShare] problem: {row.subject} ({place})", text, {**data, "state": "problem"})


@dataclass(frozen=True, slots=True)
class Tried:
    """Whether a test message was sent in one way, or why not."""

    way: str
    problem: str


async def send_test(platform: Platform) -> Sequence[Tried]:
    """Send a test message in each way that the settings name. Raises ConfigurationError if they name none."""
    ways = channels(platform.settings)
    if not ways:
        raise ConfigurationError(
            "nobody would be told of problems",
            hint="Set PRIVATESHARE_ALERT_EMAILS with PRIVATESHARE_SMTP_URL, or PRIVATESHARE_ALERT_WEBHOOK",
        )
    place = urlsplit(platform.settings.origin or "").netloc or str(platform.settings.data)
    text = "This is a test. If you read it, you will be told of problems."
    notice = Notice(f"[PrivateShare] test ({place})", text, {"state": "test", "platform": place})
    results = []
    for name, send in ways.items():
        try:
            await send(notice)
        except NoticeNotSent as error:
            results.append(Tried(name, str(error)))
        else:
            results.append(Tried(name, ""))
    return results
