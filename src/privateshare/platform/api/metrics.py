"""The numbers of this process, for an operator's Prometheus: only with the token of the settings."""

import hmac

from fastapi import APIRouter, Depends, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.api.callers import Transaction
from privateshare.platform.http.requests import count_unsigned, platform_of

router = APIRouter(include_in_schema=False)


@router.get("/metrics", dependencies=[Depends(count_unsigned)])
async def metrics(request: Request, db: Transaction) -> Response:
    """Calls, syncs and the queue. There is no such page for who does not send `Authorization: Bearer <token>`."""
    platform = platform_of(request)
    wanted = platform.settings.metrics_token
    expected = f"Bearer {wanted.get_secret_value()}" if wanted is not None else ""
    sent = request.headers.get("authorization", "")
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise NotFound("Not Found")
    return Response(await platform.metrics.expose(db), headers={"content-type": CONTENT_TYPE_LATEST})
