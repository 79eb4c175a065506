"""Whether this process lives, and whether it can serve."""

from fastapi import APIRouter, Request

from privateshare.platform.api.readiness import Readiness
from privateshare.protocol.wire import Wire

router = APIRouter(tags=["health"])


class Health(Wire):
    """`status` is ok, or the answer is an error that says why."""

    status: str = "ok"


class Ready(Health):
    """`warnings` are what an operator should look at though the platform serves."""

    warnings: list[str] | None = None


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", response_model_exclude_none=True)
async def readyz(request: Request) -> Ready:
    """The process can serve: its database answers, there is room on its disks, its blob store can be written."""
    readiness = request.app.state.readiness
    assert isinstance(readiness, Readiness)
    return Ready(warnings=await readiness.check() or None)
