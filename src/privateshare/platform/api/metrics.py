"""The metrics of the platform's processes for Prometheus, protected by the token in the settings."""

import asyncio
import hmac
from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.db.tables import AlertRow, KeyToDestroyRow
from privateshare.platform.http.requests import count_unsigned, platform_of
from privateshare.platform.operating.metrics import DatabaseState
from privateshare.platform.sync.clock import is_clock_suspect

router = APIRouter(include_in_schema=False)

# Count the jobs that are waiting or running, by task and status.
_JOBS = text("""
SELECT task_name, status::text, count(*)
  FROM procrastinate_jobs
 WHERE status IN ('todo', 'doing')
 GROUP BY 1, 2
""")


# Return for how many seconds the oldest job waits that could run.
_LONGEST_WAIT = text("""
SELECT coalesce(extract(epoch FROM now() - min(coalesce(job.scheduled_at, event.at))), 0)
  FROM procrastinate_jobs AS job
  LEFT JOIN procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
 WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
""")


def check_token(request: Request) -> None:
    """Check the token of the settings. For everybody without it, the page does not exist. Raises NotFound."""
    token = platform_of(request).settings.metrics_token
    expected = f"Bearer {token.get_secret_value()}" if token is not None else ""
    sent = request.headers.get("authorization", "")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise NotFound("Not Found")


OPERATOR = [Depends(count_unsigned), Depends(check_token)]


@router.get("/metrics", dependencies=OPERATOR)
async def metrics(request: Request) -> Response:
    """Return all metrics, summed over the processes of this machine. It needs `Authorization: Bearer <token>`."""
    platform = platform_of(request)
    content = platform.metrics.expose(await platform.reports.read(_database_state))
    return Response(content, headers={"content-type": CONTENT_TYPE_LATEST})


@router.get("/metrics/processes", dependencies=OPERATOR)
async def process_metrics(request: Request) -> Response:
    """Return the metrics of each process of this machine, to the same callers."""
    content = await asyncio.to_thread(platform_of(request).metrics.expose_by_process)
    return Response(content, headers={"content-type": CONTENT_TYPE_LATEST})


async def _database_state(db: AsyncSession) -> DatabaseState:
    jobs = [(task, status, number) for task, status, number in await db.execute(_JOBS)]
    keys_to_destroy = await db.scalar(select(func.count()).select_from(KeyToDestroyRow)) or 0
    longest_wait = max(0.0, float(await db.scalar(_LONGEST_WAIT) or 0))
    problems = await db.scalar(select(func.count()).where(AlertRow.gone_at.is_(None), AlertRow.found != "")) or 0
    is_doubted = await is_clock_suspect(db, datetime.now(UTC))
    return DatabaseState(jobs, longest_wait, keys_to_destroy, is_doubted, problems)
