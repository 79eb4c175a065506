"""Whether this process lives, and whether it can serve."""

from fastapi import APIRouter
from sqlalchemy import text

from privateshare.platform.api.callers import Transaction
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
async def readyz(db: Transaction) -> Health:
    """The process answers and its database too."""
    await db.execute(text("SELECT 1"))
    return Health()
