"""The metrics of the platform's processes for Prometheus, protected by the token in the settings."""

import hmac
from datetime import UTC, datetime

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.db.tables import KeyToDestroyRow
from privateshare.platform.http.requests import count_unsigned, platform_of
from privateshare.platform.http.transaction import Transaction
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


@router.get("/metrics", dependencies=[Depends(count_unsigned)])
async def metrics(request: Request, db: Transaction) -> Response:
    """Return all metrics to a caller that sends `Authorization: Bearer <token>`, and 404 to all others."""
    platform = platform_of(request)
    token = platform.settings.metrics_token
    expected = f"Bearer {token.get_secret_value()}" if token is not None else ""
    sent = request.headers.get("authorization", "")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise NotFound("Not Found")
    return Response(platform.metrics.expose(await _database_state(db)), headers={"content-type": CONTENT_TYPE_LATEST})


async def _database_state(db: AsyncSession) -> DatabaseState:
    jobs = [(task, status, number) for task, status, number in await db.execute(_JOBS)]
    keys_to_destroy = await db.scalar(select(func.count()).select_from(KeyToDestroyRow)) or 0
    return DatabaseState(jobs, keys_to_destroy, await is_clock_suspect(db, datetime.now(UTC)))
