"""Whether this process lives, and whether it can serve."""

from fastapi import APIRouter, Request
from sqlalchemy import text

from privateshare.platform.api.requests import platform_of
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["health"])


class Health(Wire):
    """`status` is ok, or the answer is an error."""

    status: str = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz")
async def readyz(request: Request) -> Health:
    """The process answers and its database too."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        await db.execute(text("SELECT 1"))
    return Health()
