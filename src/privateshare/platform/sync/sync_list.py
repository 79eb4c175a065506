"""The syncs of a platform as its operator sees them: which run, which failed, and why in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.jobs.queue import SYNC
from privateshare.platform.reports.people import source_name
from privateshare.platform.sync.outcomes import BROKEN, DONE, FAILED, LATER, LEFT_OUT, NEEDS_LOGIN, STOPPED, TOO_LONG
from privateshare.sources.registry import Sources

# What happened, and what follows, by the outcome of a sync.
REASONS: Mapping[str, str] = {
    DONE: "everything was fetched",
    LATER: "the source did not answer, or asked to come back later; the next session tries again",
    NEEDS_LOGIN: "the source wants the person to sign in again; the app and /me tell them so",
    BROKEN: "what the source sent, or the uploaded file, could not be read; look at the log for the id of this sync",
    TOO_LONG: "it took longer than PRIVATESHARE_MAX_SYNC_DURATION allows; the next session goes on",
    STOPPED: "nobody waited for it any more, because the consent or the account ended",
    FAILED: "the platform itself failed; look at the log for the id of this sync",
}
# What else happened, by the code of the error that apps see.
DETAILS: Mapping[str, str] = {
    LEFT_OUT: "done, but some entries of the source could not be read",
    "ObjectTypesFailed": "done, but the source did not give some kinds of data",
    "DataUnreadable": "a stored file is damaged or missing; run privateshare check",
}
WAITING, RUNNING = "waiting", "running"
PROBLEMS = (LATER, NEEDS_LOGIN, BROKEN, TOO_LONG, FAILED)

# list_syncs: return syncs with their account and the job that runs them, unfinished ones first, then the newest.
_SYNCS = text("""
SELECT syncs.id, syncs.library_id, accounts.public_id, accounts.source_id, syncs.outcome,
       coalesce(syncs.error #>> '{error,code}', syncs.error ->> 'code') AS code,
       syncs.created_at, syncs.started_at, syncs.finished_at,
       job.status::text AS job, job.attempts, job.scheduled_at
  FROM syncs
  JOIN accounts ON accounts.library_id = syncs.library_id AND accounts.id = syncs.account_id
  LEFT JOIN procrastinate_jobs AS job
         ON syncs.finished_at IS NULL AND job.task_name = :task AND job.status IN ('todo', 'doing')
        AND job.args ->> 'sync_id' = syncs.id::text
 WHERE (syncs.finished_at IS NULL AND :unfinished OR syncs.outcome = ANY(:outcomes))
   AND (CAST(:library_id AS uuid) IS NULL OR syncs.library_id = :library_id)
   AND (CAST(:source_id AS integer) IS NULL OR accounts.source_id = :source_id)
 ORDER BY syncs.finished_at DESC NULLS FIRST, syncs.created_at DESC
 LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class SyncFilter:
    """Which syncs to list. Without `library_id` or `source_id`, those of all people or sources."""

    unfinished: bool = True
    outcomes: Sequence[str] = ()
    library_id: UUID | None = None
    source_id: int | None = None
    limit: int = 100


async def list_syncs(db: AsyncSession, sources: Sources, wanted: SyncFilter, now: datetime) -> Sequence[dict[str, Any]]:
    """List syncs with their state and reason. They are kept until a day after the last session that waited for them."""
    parameters = {
        "task": SYNC,
        "unfinished": wanted.unfinished,
        "outcomes": list(wanted.outcomes),
        "library_id": wanted.library_id,
        "source_id": wanted.source_id,
        "limit": wanted.limit,
    }
    rows = []
    for row in await db.execute(_SYNCS, parameters):
        state, reason = _state(row.outcome, row.code, row.job, row.attempts, row.scheduled_at, now)
        rows.append(
            {
                "sync_id": str(row.id),
                "state": state,
                "source": source_name(sources, row.source_id),
                "reason": reason,
                "began_at": (row.started_at or row.created_at).isoformat(timespec="seconds"),
                "ended_at": row.finished_at.isoformat(timespec="seconds") if row.finished_at else None,
                "library_id": str(row.library_id),
                "account_id": row.public_id,
            }
        )
    return rows


def _state(
    outcome: str | None,
    code: str | None,
    job: str | None,
    attempts: int | None,
    scheduled_at: datetime | None,
    now: datetime,
) -> tuple[str, str]:
    """Say in which state a sync is, and why."""
    if outcome is not None:
        detail = DETAILS.get(code or "") if outcome in (DONE, FAILED) else None
        return outcome, detail or REASONS.get(outcome, "")
    tries = f", after {attempts} tries that failed" if attempts else ""
    if job == "doing":
        return RUNNING, f"a worker fetches now{tries}"
    if job is None:
        return WAITING, "its job was lost; a worker adds another one within a minute"
    if scheduled_at is not None and scheduled_at > now:
        return WAITING, f"the next try is at {scheduled_at:%H:%M:%S} UTC{tries}"
    return WAITING, f"no worker has taken it yet{tries}"
